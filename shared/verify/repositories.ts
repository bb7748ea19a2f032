import {
  type KopiaVerification,
  type VerifyLevel,
  type VerifyOptions,
  verifyRepository,
} from '../kopia/verification.ts';
import { kopiaVerificationKey, repositoryLookKey } from '../ledger/keys.ts';
import { KOPIA_VERIFICATION } from '../ledger/kopia-verification.ts';
import {
  REPOSITORY_LOOK,
  type RepositoryLook,
  readRepositoryLook,
} from '../ledger/location-look.ts';
import { readRecord, swapRecord } from '../ledger/record.ts';
import type { Deadline } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import { finding } from '../model/finding.ts';
import { isStoreError } from '../stores/store-error.ts';
import type { VerifyDeps, VerifyLocation } from './job.ts';

/** What the verification of repositories needs of a run. */
export interface RepositoryRun {
  readonly deps: VerifyDeps;
  readonly location: VerifyLocation;
  readonly runId: string;
  readonly level: VerifyLevel;
  /** Every pack is read again within so many days. */
  readonly contentDays: number;
  readonly allowRetrieval: boolean;
  readonly now: Date;
  readonly deadline: Deadline;
}

export interface RepositoryLooks {
  /** By prefix; those that the deadline left out are missing. */
  readonly looks: ReadonlyMap<string, RepositoryLook>;
  readonly measures: Readonly<Record<string, number>>;
  /** The deadline came first: what was read is kept, and the next run goes on. */
  readonly isCut: boolean;
}

/**
 * Verifies repositories one after the other, each within the memory that one may take. A repository
 * that cannot be read is `unchecked` and keeps no other one from its turn. What this run has done
 * in an earlier invocation is taken from the ledger.
 */
export async function lookAtRepositories(
  run: RepositoryRun,
  prefixes: readonly string[],
): Promise<RepositoryLooks> {
  const looks = new Map<string, RepositoryLook>();
  const measures: Record<string, number> = {};
  for (const prefix of prefixes) {
    if (run.deadline.remainingMs() === 0) return { looks, measures, isCut: true };
    const done = await lookAtRepository(run, prefix);
    for (const [name, value] of Object.entries(done.measures)) {
      const known = measures[name];
      measures[name] = known === undefined ? value : combined(name, known, value);
    }
    if (done.look === undefined) return { looks, measures, isCut: true };
    looks.set(prefix, done.look);
  }
  return { looks, measures, isCut: false };
}

/** Of measures of several parts: amounts are added; of shares and ages the worst counts. */
export function combined(name: string, left: number, right: number): number {
  if (name.endsWith('Percent')) return Math.min(left, right);
  if (name.endsWith('AgeHours') || name.endsWith('slice')) return Math.max(left, right);
  return left + right;
}

/** A message may be delivered again days later: then what its run has seen is no longer what is. */
const DONE_MS = 24 * 3_600_000;

interface Looked {
  /** Absent: the deadline came first. */
  readonly look: RepositoryLook | undefined;
  readonly measures: Readonly<Record<string, number>>;
}

async function lookAtRepository(run: RepositoryRun, prefix: string): Promise<Looked> {
  const { deps, location, runId, level } = run;
  const key = repositoryLookKey(location.identity, prefix);
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const before = await readRepositoryLook(deps.state, location.identity, prefix, options);
  const isDone =
    before?.value.runId === runId && (before.value.level === level || level === 'structure');
  const ageMs = before === undefined ? 0 : run.now.getTime() - Date.parse(before.value.lookedAt);
  if (isDone && Math.abs(ageMs) <= DONE_MS) return { look: before.value, measures: {} };
  const { result, look } = await verified(run, prefix, before?.value);
  if (result?.unfinished !== undefined) return { look: undefined, measures: result.measures };
  await swapRecord(
    deps.state,
    key,
    REPOSITORY_LOOK,
    { value: look, nonce: deps.uniqueId(), previousEtag: before?.etag },
    options,
  );
  return { look, measures: result?.measures ?? {} };
}

/** Verifies, and keeps which packs were read. */
async function verified(
  run: RepositoryRun,
  prefix: string,
  before: RepositoryLook | undefined,
): Promise<{ readonly result: KopiaVerification | undefined; readonly look: RepositoryLook }> {
  const { deps, location, level } = run;
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const stateKey = kopiaVerificationKey(`${location.identity}#${prefix}`);
  const known = await readRecord(deps.state, stateKey, KOPIA_VERIFICATION, options);
  let result: KopiaVerification;
  try {
    result = await withPasswords(run, prefix, {
      level,
      now: run.now,
      deadline: run.deadline,
      progress: deps.progress,
      ...options,
      ...(level === 'content' && { share: { of: slicesOf(run, before) } }),
      ...(known !== undefined && { state: known.value }),
      ...(run.allowRetrieval && { allowRetrieval: true }),
      ...(deps.startChecker && { startChecker: deps.startChecker }),
    });
  } catch (error) {
    return {
      result: undefined,
      look: { ...unreadable(run, prefix, error), ...readBefore(before) },
    };
  }
  if (level === 'content' && result.state !== undefined) {
    const next = { value: result.state, nonce: deps.uniqueId(), previousEtag: known?.etag };
    await swapRecord(deps.state, stateKey, KOPIA_VERIFICATION, next, options);
  }
  const hasRead = level === 'content' && result.state !== undefined;
  const read = hasRead ? { contentReadAt: run.now.toISOString() } : readBefore(before);
  return { result, look: { ...lookOf(run, prefix, result), ...read } };
}

/** A run that reads no contents must not make the next one believe that it comes right after. */
function readBefore(before: RepositoryLook | undefined): Pick<RepositoryLook, 'contentReadAt'> {
  return before?.contentReadAt === undefined ? {} : { contentReadAt: before.contentReadAt };
}

/**
 * So many slices that runs as far apart as this one and the last that read contents read every pack
 * within the days allowed. A first run has no slices: every pack is new to it.
 */
export function slicesOf(
  { contentDays, now }: Pick<RepositoryRun, 'contentDays' | 'now'>,
  before: Pick<RepositoryLook, 'contentReadAt'> | undefined,
): number {
  const readAt = before?.contentReadAt;
  const sinceMs = readAt === undefined ? 0 : now.getTime() - Date.parse(readAt);
  const apartMs = Math.max(sinceMs, HOUR_MS);
  // One slice less than fits: a run that comes late must not make a pack too old.
  const fit = Math.floor((contentDays * 24 * HOUR_MS) / apartMs) - 1;
  return Math.min(Math.max(fit, 1), 1000);
}

const HOUR_MS = 3_600_000;

/** A wrong password is `unchecked`; of several the one that opens it counts. */
async function withPasswords(
  { location }: RepositoryRun,
  prefix: string,
  options: VerifyOptions,
): Promise<KopiaVerification> {
  const [first = '', ...others] = location.passwords;
  let result = await verifyRepository(location.reader, prefix, first, options);
  for (const password of others) {
    const [only] = result.findings;
    if (result.findings.length !== 1 || only?.evidence?.['reason'] !== 'KOPIA_WRONG_PASSWORD')
      break;
    result = await verifyRepository(location.reader, prefix, password, options);
  }
  return result;
}

function lookOf(run: RepositoryRun, prefix: string, result: KopiaVerification): RepositoryLook {
  const { verdict, measures } = result;
  // A pack with damage was read: what it costs is in the verdicts of its snapshots.
  const isAllRead = run.level === 'content' && measures['packsUnread'] === 0;
  const provenMs = run.now.getTime() - (measures['oldestProofAgeHours'] ?? 0) * HOUR_MS;
  return {
    prefix,
    lookedAt: run.now.toISOString(),
    runId: run.runId,
    level: run.level,
    outcome: verdict.kind,
    ...(verdict.kind === 'unchecked' && { reason: verdict.reason }),
    snapshots: result.snapshots.map(({ id, source, startTime, verdict: own, isIncomplete }) => ({
      id,
      source,
      startTime: startTime.toISOString(),
      verdict: own,
      isIncomplete,
    })),
    ...(isAllRead && { contentProvenAt: new Date(provenMs).toISOString() }),
    findings: result.findings,
  };
}

/** Nothing there is a fact; what could not be read is none (S7). */
function unreadable(run: RepositoryRun, prefix: string, error: unknown): RepositoryLook {
  if (!(error instanceof DrydockError) || run.deps.signal?.aborted === true) throw error;
  const url = `${run.location.reader.url.replace(/\/$/, '')}/${prefix}`;
  const isAbsent = error.code === 'NOT_A_REPOSITORY' || isStoreError(error, 'not_found');
  const { message, hint } = error;
  const found = isAbsent
    ? finding('KOPIA_REPOSITORY_MISSING', url, `There is no Kopia repository at "${url}"`)
    : finding('KOPIA_UNCHECKED', url, message, { hint, evidence: { reason: error.code } });
  return {
    prefix,
    lookedAt: run.now.toISOString(),
    runId: run.runId,
    level: run.level,
    outcome: isAbsent ? 'damaged' : 'unchecked',
    ...(!isAbsent && { reason: message }),
    snapshots: [],
    findings: [found],
  };
}
