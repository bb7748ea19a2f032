import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { managedDiskSnapshotWitness } from '../../shared/snapshots/managed-disk-snapshots.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { fakeClock } from '../support/clock.ts';

export const SUBSCRIPTION = '0d1e2f30-1111-2222-3333-444455556666';
export const OTHER = '99999999-1111-2222-3333-444455556666';
export const TOKEN = 'canary-of-a-token';
export const armId = (name: string, group = 'backups', subscription = SUBSCRIPTION): string =>
  `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute/snapshots/${name}`;
/** As the fake writes it. */
export const listedId = (name: string): string => armId(name, 'BACKUPS');

export interface WitnessParts {
  readonly attemptsMax?: number;
  readonly getToken?: (
    scope: string | string[],
  ) => Promise<{ token: string; expiresOnTimestamp: number } | null>;
  readonly clock?: ReturnType<typeof fakeClock>;
}

export function witnessOf(endpoint: string, parts: WitnessParts = {}): SnapshotWitness {
  const { clock = fakeClock(), attemptsMax = ASKING_DEFAULTS.attemptsMax } = parts;
  const expiresOnTimestamp = clock.now().getTime() + 3_600_000;
  const getToken = parts.getToken ?? (async () => ({ token: TOKEN, expiresOnTimestamp }));
  const ask = asking({ ...ASKING_DEFAULTS, attemptsMax, random: () => 0 }, clock);
  const credential = { getToken };
  return managedDiskSnapshotWitness({
    endpoint,
    subscription: SUBSCRIPTION,
    credential,
    ask,
    clock,
  });
}
