import type { CallOptions, ObjectInfo, ObjectStore, RemoveFailure } from '../stores/store.ts';
import { firstSightKey, pointName, pointOfProofKey, proofsPrefix } from './keys.ts';

export interface Forgotten {
  readonly removed: number;
  /** Those that the store would not remove: locked ones, or whoever runs has no right to. */
  readonly failures: readonly RemoveFailure[];
}

const REMOVALS_AT_ONCE = 1000;

/**
 * Removes what is known of points that are gone for good: their proofs for every application, and
 * their first sights. One listing of the location's proofs, and one request per thousand removals.
 * @param points as in `RecoveryPointId`; the caller has seen that the location holds none of them
 */
export async function forgetPoints(
  state: ObjectStore,
  location: string,
  points: readonly string[],
  options: CallOptions = {},
): Promise<Forgotten> {
  if (points.length === 0) return { removed: 0, failures: [] };
  const names = new Set(points.map(pointName));
  const keys = points.map((point) => firstSightKey(location, point));
  for await (const { key } of proofsAt(state, location, options)) {
    if (names.has(pointOfProofKey(key))) keys.push(key);
  }
  return removeAll(state, keys, options);
}

/**
 * Removes proofs of all points but those that are there, where nothing was written to them since
 * `writtenBefore`. Proofs of what is there are renewed, so that this is about when a point went.
 * @param there every point that the location holds, of a listing that lacks none
 */
export async function forgetAllBut(
  state: ObjectStore,
  location: string,
  there: readonly string[],
  writtenBefore: Date,
  options: CallOptions = {},
): Promise<Forgotten> {
  const names = new Set(there.map(pointName));
  const keys: string[] = [];
  for await (const { key, lastModified } of proofsAt(state, location, options)) {
    if (!names.has(pointOfProofKey(key)) && lastModified < writtenBefore) keys.push(key);
  }
  return removeAll(state, keys, options);
}

function proofsAt(
  state: ObjectStore,
  location: string,
  options: CallOptions,
): AsyncIterable<ObjectInfo> {
  return state.list(proofsPrefix(location), options);
}

async function removeAll(
  state: ObjectStore,
  keys: readonly string[],
  options: CallOptions,
): Promise<Forgotten> {
  const failures: RemoveFailure[] = [];
  for (let at = 0; at < keys.length; at += REMOVALS_AT_ONCE) {
    failures.push(...(await state.removeMany(keys.slice(at, at + REMOVALS_AT_ONCE), options)));
  }
  return { removed: keys.length - failures.length, failures };
}
