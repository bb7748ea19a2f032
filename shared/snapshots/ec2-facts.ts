import type { Snapshot } from '@aws-sdk/client-ec2';
import type { SnapshotFacts, SnapshotState } from './snapshot-witness.ts';

const GIBIBYTE = 1024 ** 3;

/** States of `DescribeSnapshots`; the last two are of the Recycle Bin. */
const STATES = new Map(
  Object.entries<SnapshotState>({
    completed: 'completed',
    pending: 'pending',
    error: 'failed',
    recoverable: 'recoverable',
    recovering: 'pending',
  }),
);

/** What EC2 tells of one snapshot; `id` is known, since it was found by it. */
export function ebsFacts(id: string, snapshot: Snapshot, region: string): SnapshotFacts {
  const vendorState: string = snapshot.State ?? '';
  const percent = /^(\d{1,3})%$/.exec(snapshot.Progress ?? '')?.[1];
  const { StateMessage, VolumeSize, KmsKeyId, StartTime, OwnerId, VolumeId } = snapshot;
  return {
    id,
    state: STATES.get(vendorState) ?? 'other',
    vendorState,
    ...(StateMessage && { stateReason: StateMessage }),
    ...(percent !== undefined && { progressPercent: Number(percent) }),
    ...(VolumeSize !== undefined && { sizeBytes: VolumeSize * GIBIBYTE }),
    encrypted: snapshot.Encrypted === true,
    ...(KmsKeyId && { keyId: KmsKeyId }),
    ...(StartTime !== undefined && { startedAt: StartTime }),
    ...(OwnerId && { account: OwnerId }),
    region,
    ...(VolumeId && { volumeId: VolumeId }),
    tags: new Map(snapshot.Tags?.map(({ Key = '', Value = '' }) => [Key, Value])),
    ...(snapshot.StorageTier !== undefined && { tier: snapshot.StorageTier }),
    archived: snapshot.StorageTier === 'archive',
    ...(snapshot.RestoreExpiryTime !== undefined && {
      archivedAgainAt: snapshot.RestoreExpiryTime,
    }),
  };
}

export type EbsReference = {
  readonly id: string;
  readonly region?: string;
  readonly account?: string;
};

const ID = /^snap-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;
const ARN = /^arn:aws[a-z-]*:ec2:([a-z0-9-]*):(\d*):snapshot\/(.+)$/;

/** An id, or an ARN of one; `undefined` for anything else. EBS ids have 8 or 17 hex digits. */
export function parseEbsReference(reference: string): EbsReference | undefined {
  if (ID.test(reference)) return { id: reference };
  const [, region = '', account = '', id = ''] = ARN.exec(reference) ?? [];
  if (!ID.test(id)) return undefined;
  return { id, ...(region !== '' && { region }), ...(account !== '' && { account }) };
}
