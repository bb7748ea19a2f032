import type { CallOptions, ObjectStore } from '../stores/store.ts';
import { verifyCheckpointKey } from './keys.ts';
import { damaged, type RecordKind, readRecord, type Stored, swapRecord } from './record.ts';
import { isText, isTime, optional, shapeOf } from './shape.ts';

/** A verification of a location that may take several invocations. */
export interface VerifyRunRecord {
  readonly location: string;
  readonly runId: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Absent while it goes on. */
  readonly completedAt?: string;
}

const isVerifyRun = shapeOf<VerifyRunRecord>({
  location: isText,
  runId: isText,
  startedAt: isTime,
  completedAt: optional(isTime),
});

export const VERIFY_RUN: RecordKind<VerifyRunRecord> = {
  kind: 'verify-run',
  schemaVersion: 1,
  parse(value) {
    if (isVerifyRun(value)) return value as VerifyRunRecord;
    throw new TypeError('Run lacks its location, its id or its times');
  },
};

/**
 * What an unfinished run has read is still what is there; older than this it begins anew, so that
 * the daily run after one that crashed does not judge by what was there a day ago.
 */
const CONTINUED_WITHIN_MS = 6 * 3_600_000;
/** One that seems to begin later than this from now was begun by a clock that was wrong. */
const SKEW_MS = 5 * 60_000;

/** The run that is to be continued, or a new one, which is written down. */
export async function beginRun(
  state: ObjectStore,
  location: string,
  runId: string,
  now: Date,
  options: CallOptions = {},
): Promise<VerifyRunRecord> {
  const key = verifyCheckpointKey(location);
  const present = await readRun(state, location, options);
  const last = present?.value;
  if (last !== undefined && last.completedAt === undefined) {
    const ageMs = now.getTime() - Date.parse(last.startedAt);
    if (ageMs <= CONTINUED_WITHIN_MS && ageMs >= -SKEW_MS) return last;
  }
  const value = { location, runId, startedAt: now.toISOString() };
  const next = { value, nonce: `${runId} begins`, previousEtag: present?.etag };
  // Whoever was first may go on as well: what both find is the same.
  await swapRecord(state, key, VERIFY_RUN, next, options);
  return value;
}

/** Ends a run, so that the next one begins anew. */
export async function endRun(
  state: ObjectStore,
  run: VerifyRunRecord,
  now: Date,
  options: CallOptions = {},
): Promise<void> {
  const key = verifyCheckpointKey(run.location);
  const present = await readRun(state, run.location, options);
  if (present?.value.runId !== run.runId) return;
  const value = { ...run, completedAt: now.toISOString() };
  const next = { value, nonce: `${run.runId} ended`, previousEtag: present.etag };
  await swapRecord(state, key, VERIFY_RUN, next, options);
}

async function readRun(
  state: ObjectStore,
  location: string,
  options: CallOptions,
): Promise<Stored<VerifyRunRecord> | undefined> {
  const key = verifyCheckpointKey(location);
  const stored = await readRecord(state, key, VERIFY_RUN, options);
  if (stored !== undefined && stored.value.location !== location) {
    throw damaged(state, key, 'it is that of another location');
  }
  return stored;
}
