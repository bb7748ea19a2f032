import { type Forgotten, forgetAllBut, forgetPoints } from '../ledger/forget.ts';
import type { GoneBackup, LocationLook, RepositoryLook } from '../ledger/location-look.ts';
import { isStoreError } from '../stores/store-error.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import type { VerifyDeps } from './job.ts';
import { GONE_KEPT_DAYS, isForgotten } from './vanished.ts';

type ForgetDeps = Pick<VerifyDeps, 'state' | 'log' | 'signal'>;

const DAY_MS = 24 * 3_600_000;

export interface ForgetQuestion {
  readonly identity: string;
  readonly previous: Pick<LocationLook, 'gone'> | undefined;
  /** Of this run, and of every backup in the store. */
  readonly facts: readonly BackupFacts[];
  /** What stays in the memory of this run. */
  readonly gone: readonly GoneBackup[];
  readonly now: Date;
}

/**
 * Removes proofs and first sights of backups that this run forgets: gone from the store since long.
 * Only what an earlier run has written down as gone is removed, so that a ledger that was lost or
 * emptied makes nothing removable, and nothing of a backup that is in the store.
 * @returns what stays in memory, with those whose records the store would not remove: the next run
 * tries again
 */
export async function forgetGone(
  deps: ForgetDeps,
  { identity, previous, facts, gone, now }: ForgetQuestion,
): Promise<readonly GoneBackup[]> {
  const kept = new Set(gone.map(pointOf));
  const forgotten = (previous?.gone ?? []).filter(
    (each) => isForgotten(each, now) && !kept.has(pointOf(each)) && !isThere(each, facts),
  );
  if (forgotten.length === 0) return gone;
  const isDone = await isRemoved(deps, identity, (options) =>
    forgetPoints(deps.state, identity, forgotten.map(pointOf), options),
  );
  return isDone ? gone : [...gone, ...forgotten];
}

/**
 * The same for a Kopia repository, which has no memory of what is gone: what is no longer there has
 * proofs that nobody has renewed. Only after a verification that found the repository whole.
 */
export async function forgetSnapshots(
  deps: ForgetDeps,
  identity: string,
  look: RepositoryLook,
  now: Date,
): Promise<void> {
  if (look.outcome !== 'verified' || look.snapshots.length === 0) return;
  const there = look.snapshots.map(({ id }) => id);
  const writtenBefore = new Date(now.getTime() - GONE_KEPT_DAYS * DAY_MS);
  await isRemoved(deps, identity, (options) =>
    forgetAllBut(deps.state, identity, there, writtenBefore, options),
  );
}

/** As points of Velero backups are called, and their first sights. */
function pointOf({ backup, uid }: GoneBackup): string {
  return `${backup} ${uid}`;
}

/** A backup whose resource cannot be read may be any of its name. */
function isThere({ backup, uid }: GoneBackup, facts: readonly BackupFacts[]): boolean {
  return facts.some(
    (each) =>
      each.backup === backup &&
      (each.resource === undefined || uid === '' || each.resource.uid === uid),
  );
}

/** What cannot be removed takes a little space; the run has found what it was to find. */
async function isRemoved(
  { log, signal }: ForgetDeps,
  location: string,
  remove: (options: { readonly signal?: AbortSignal }) => Promise<Forgotten>,
): Promise<boolean> {
  try {
    const { failures } = await remove({ ...(signal && { signal }) });
    const [first] = failures;
    if (first === undefined) return true;
    const { key, error } = first;
    log.log('warning', 'Could not forget backups that are gone', {
      location,
      key,
      error: error.message,
    });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const { code, message } = error;
    log.log('warning', 'Could not forget backups that are gone', {
      location,
      code,
      error: message,
    });
  }
  return false;
}
