import {
  DescribeLockedSnapshotsCommand,
  type EC2Client,
  type LockedSnapshotsInfo,
} from '@aws-sdk/client-ec2';
import type { Ask } from './asking.ts';
import { ec2Pages } from './ec2-pages.ts';
import { SnapshotError } from './snapshot-error.ts';
import type { SnapshotLock, WitnessOptions } from './snapshot-witness.ts';

const PAGE_MAX = 1000;

/**
 * The locks of all snapshots that this account owns in the region: few, as a rule, so that one
 * request answers for any number of snapshots. Needs `ec2:DescribeLockedSnapshots`.
 * @returns by snapshot id; who is not in it has none. `undefined` when it could not be learnt.
 */
export async function ebsLocks(
  { client, ask }: { readonly client: EC2Client; readonly ask: Ask },
  place: string,
  { signal }: WitnessOptions,
): Promise<ReadonlyMap<string, SnapshotLock> | undefined> {
  const locks = new Map<string, SnapshotLock>();
  const page = async (NextToken: string | undefined) => {
    const input = { MaxResults: PAGE_MAX, ...(NextToken && { NextToken }) };
    const command = new DescribeLockedSnapshotsCommand(input);
    const answer = await client.send(command, { ...(signal && { abortSignal: signal }) });
    return { items: answer.Snapshots, nextToken: answer.NextToken };
  };
  try {
    for await (const info of ec2Pages<LockedSnapshotsInfo>({ place, ask, signal, page })) {
      const { SnapshotId, LockState, LockExpiresOn } = info;
      if (SnapshotId === undefined || LockState === undefined || LockState === 'expired') continue;
      locks.set(SnapshotId, {
        mode: LockState,
        ...(LockExpiresOn !== undefined && { endsAt: LockExpiresOn }),
      });
    }
    return locks;
  } catch (error) {
    if (error instanceof SnapshotError) return undefined;
    throw error;
  }
}
