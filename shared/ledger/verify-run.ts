import type { CallOptions, ObjectStore } from '../stores/store.ts';
import { verifyCheckpointKey } from './keys.ts';
import { type RecordKind, readRecord, swapRecord } from './record.ts';

/** A verification of a location that may take several invocations. */
export interface VerifyRunRecord {
  readonly location: string;
  readonly runId: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Absent while it goes on. */
  readonly completedAt?: string;
}

const VERIFY_RUN: RecordKind<VerifyRunRecord> = {
  kind: 'verify-run',
  schemaVersion: 1,
  parse(value) {
    const run = value as VerifyRunRecord;
    if (typeof run.runId !== 'string' || !Number.isFinite(Date.parse(run.startedAt))) {
      throw new TypeError('Run lacks its id or its time');
    }
    return run;
  },
};

/** What an unfinished run has read is still what is there; older than this it begins anew. */
const CONTINUED_WITHIN_MS = 24 * 3_600_000;

/** The run that is to be continued, or a new one, which is written down. */
export async function beginRun(
  state: ObjectStore,
  location: string,
  runId: string,
  now: Date,
  options: CallOptions = {},
): Promise<VerifyRunRecord> {
  const key = verifyCheckpointKey(location);
  const present = await readRecord(state, key, VERIFY_RUN, options);
  const last = present?.value;
  if (last !== undefined && last.completedAt === undefined) {
    if (now.getTime() - Date.parse(last.startedAt) <= CONTINUED_WITHIN_MS) return last;
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
  const present = await readRecord(state, key, VERIFY_RUN, options);
  if (present?.value.runId !== run.runId) return;
  const value = { ...run, completedAt: now.toISOString() };
  const next = { value, nonce: `${run.runId} ended`, previousEtag: present.etag };
  await swapRecord(state, key, VERIFY_RUN, next, options);
}
