import { readFile } from 'node:fs/promises';
import type { NamedLocation } from '../shared/config/config.ts';
import { ASKING_DEFAULTS, asking } from '../shared/snapshots/asking.ts';
import type { SnapshotWitness } from '../shared/snapshots/snapshot-witness.ts';
import type { DescribeKey } from '../shared/stores/settings.ts';
import type { StoreContext } from './stores.ts';

/**
 * Who can say whether the snapshots that backups of a location refer to exist, where its
 * `snapshots` name a cloud; by the identity of the location unless they name a role of their own.
 */
export async function snapshotWitnessOf(
  { name, snapshots, access }: NamedLocation,
  context: StoreContext,
): Promise<SnapshotWitness | undefined> {
  if (snapshots === undefined) return undefined;
  const { env, clock, log } = context;
  // Each has its own, since one that has seen its cloud fail asks more sparingly.
  const ask = asking(
    {
      ...ASKING_DEFAULTS,
      random: Math.random,
      onRetry: ({ code }, delayMs) =>
        log.log('info', 'snapshots asked for again', { location: name, code, delayMs }),
    },
    clock,
  );
  if (snapshots.kind === 'azure') {
    const { managedDiskWitness } = await import('./clients/disks.ts');
    return managedDiskWitness(snapshots.subscription, access, env, ask, clock);
  }
  const { ebsWitness } = await import('./clients/ec2.ts');
  const { roleArn = access.roleArn, endpoint } = snapshots;
  // A static key is the location's emulator's, and of no use to the cloud.
  const key = endpoint === undefined ? undefined : access.accessKey;
  const who = { ...(roleArn !== undefined && { roleArn }), ...(key && { accessKey: key }) };
  return ebsWitness(
    snapshots,
    who,
    { env, readFile: (path: string) => readFile(path, 'utf8') },
    ask,
  );
}

/** Who can say whether the KMS keys of these snapshots can be used, by the same identity. */
export async function snapshotKeysOf(
  { snapshots, access }: NamedLocation,
  { env }: StoreContext,
): Promise<DescribeKey | undefined> {
  if (snapshots?.kind !== 'aws') return undefined;
  const { kmsKeys } = await import('./clients/kms.ts');
  const { region, endpoint, roleArn = access.roleArn } = snapshots;
  if (roleArn === undefined)
    return kmsKeys({ region, ...(endpoint !== undefined && { endpoint }) });
  const { roleCredentials } = await import('./clients/identity.ts');
  const credentials = roleCredentials(roleArn, region, env);
  return kmsKeys({ region, credentials, ...(endpoint !== undefined && { endpoint }) });
}
