import type { CallOptions, ObjectStore } from '../stores/store.ts';
import { checkpointKey } from './keys.ts';
import { type RecordKind, readRecord, swapRecord } from './record.ts';
import { isText, isTime, optional, shapeOf } from './shape.ts';

/** What a route remembers from run to run; what to copy is always found out afresh. */
export interface RouteCheckpoint {
  readonly source: string;
  readonly target: string;
  /** When a run last came to its end with everything copied. */
  readonly lastCompletedAt: string | undefined;
  /** When a run first began: a route that never came to its end has been behind since then. */
  readonly firstStartedAt: string;
  /** When a run last began. */
  readonly lastStartedAt: string;
}

const isCheckpoint = shapeOf<RouteCheckpoint>({
  source: isText,
  target: isText,
  lastCompletedAt: optional(isTime),
  firstStartedAt: isTime,
  lastStartedAt: isTime,
});

const CHECKPOINT: RecordKind<RouteCheckpoint> = {
  kind: 'route-checkpoint',
  schemaVersion: 1,
  parse(value) {
    if (isCheckpoint(value)) return value as RouteCheckpoint;
    throw new TypeError('Checkpoint lacks its source, its target or its times');
  },
};

export async function readCheckpoint(
  state: ObjectStore,
  source: string,
  target: string,
  options: CallOptions = {},
): Promise<RouteCheckpoint | undefined> {
  const stored = await readRecord(state, checkpointKey(source, target), CHECKPOINT, options);
  return stored?.value;
}

/**
 * Replaces the route's checkpoint, whatever it was: only the holder of the target's lease writes
 * it, so that a race means a lost lease, and then the newer run's word stands.
 * @returns whether this run's word stands.
 */
export async function writeCheckpoint(
  state: ObjectStore,
  value: RouteCheckpoint,
  nonce: string,
  options: CallOptions = {},
): Promise<boolean> {
  const key = checkpointKey(value.source, value.target);
  const present = await readRecord(state, key, CHECKPOINT, options);
  const next = { value, nonce, previousEtag: present?.etag };
  return (await swapRecord(state, key, CHECKPOINT, next, options)) !== undefined;
}
