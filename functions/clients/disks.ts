import type { Access } from '../../shared/config/config.ts';
import type { Clock } from '../../shared/model/clock.ts';
import type { Ask } from '../../shared/snapshots/asking.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { entraCredential } from './identity.ts';

/** Azure Resource Manager of the public cloud. Tokens go there, so no configuration names it. */
export const ARM_ENDPOINT = 'https://management.azure.com';

/** The witness of the managed-disk snapshots of a subscription, by its id. */
export async function managedDiskWitness(
  subscription: string,
  access: Pick<Access, 'entra'>,
  env: Readonly<Record<string, string | undefined>>,
  ask: Ask,
  clock: Clock,
): Promise<SnapshotWitness> {
  const { managedDiskSnapshotWitness } = await import(
    '../../shared/snapshots/managed-disk-snapshots.ts'
  );
  const credential = await entraCredential(access.entra, env);
  return managedDiskSnapshotWitness({
    subscription,
    endpoint: ARM_ENDPOINT,
    credential,
    ask,
    clock,
  });
}
