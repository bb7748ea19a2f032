import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import type { Place } from '../../../shared/config/config.ts';
import {
  locationIdentity,
  locationName,
  parseLocationUrl,
} from '../../../shared/config/location.ts';
import { checkState } from '../../../shared/config/overlap.ts';
import { workerChecker } from '../../../shared/kopia/contents/worker-checker.ts';
import {
  type KopiaVerification,
  type VerifyLevel,
  type VerifyOptions,
  verifyRepository,
} from '../../../shared/kopia/verification.ts';
import type { Share } from '../../../shared/kopia/verify/share.ts';
import { kopiaVerificationKey } from '../../../shared/ledger/keys.ts';
import { KOPIA_VERIFICATION } from '../../../shared/ledger/kopia-verification.ts';
import { readRecord, swapRecord } from '../../../shared/ledger/record.ts';
import { deadlineAt } from '../../../shared/model/clock.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { Report } from '../../../shared/model/report.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { wrongPassword } from '../../kopia-password.ts';
import { openStore } from '../../stores.ts';
import { VERSION } from '../../version.ts';
import { workerUrl } from '../../worker-url.ts';
import type { CliContext } from '../context.ts';
import { type ExitCode, exitCodeOfError, exitCodeOfReport, highest } from '../outcome.ts';
import { json } from '../terminal.ts';
import { type EachOutcome, eachRepository, errorRecords } from './every.ts';
import { type KopiaOptions, repositoryUrl, type Session, withSession } from './session.ts';
import { closingLine, verifiedText } from './verify-text.ts';

export interface KopiaVerifyOptions extends KopiaOptions {
  readonly level: VerifyLevel;
  readonly share?: Share;
  readonly state?: string;
  readonly threads?: number;
  readonly allowRetrieval?: boolean;
}

/** What came of one repository. */
export interface Verified {
  readonly repository: string;
  readonly result: KopiaVerification;
}

/** `drydock kopia verify`: could every snapshot be restored whole. */
export function verify(
  location: string,
  options: KopiaVerifyOptions,
  context: CliContext,
): Promise<ExitCode> {
  checkLevel(options);
  const now = context.clock.now();
  const end =
    options.deadline === undefined ? undefined : new Date(now.getTime() + options.deadline);
  const deadline = deadlineAt(end, context.clock);
  return withSession(
    location,
    options,
    context,
    async (session) => {
      const state = await openState(session, options);
      const asked: VerifyOptions = { ...askedFor(session, options, now), deadline };
      const outcome = await eachRepository(session, options.output, async (prefix, repository) => {
        const verified = { repository, result: await verifyOne(session, prefix, state, asked) };
        session.progress.end();
        if (options.output === 'text') {
          context.stdout.write(`${verifiedText(verified, context.colors)}\n`);
        }
        return verified;
      });
      const { results: done, errors: failed } = outcome;
      const report = reportOf(session, options, now, done);
      if (options.output === 'json') {
        context.stdout.write(`${json(reportJson(report, outcome))}\n`);
      } else {
        context.stdout.write(`${closingLine(report, failed.length, context.colors)}\n`);
      }
      return highest([
        ...(done.length > 0 ? [exitCodeOfReport(report, options.failOn)] : []),
        ...failed.map(({ error }) => exitCodeOfError(error)),
      ]);
    },
    true,
  );
}

function checkLevel({ level, share, threads, allowRetrieval }: KopiaVerifyOptions): void {
  if (level === 'content') return;
  const given = { '--share': share, '--threads': threads, '--allow-retrieval': allowRetrieval };
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const message = `Cannot use ${option} at the level "${level}": no contents are read`;
    throw new DrydockError('usage', 'OPTION_INVALID', message, { hint: 'Add --level content' });
  }
}

/** Beside an index larger than this the memory is needed. */
const HELD_SIZE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * By itself V8 collects the whole heap for every 32 MiB of buffers that went by, which is a third of
 * all that reading contents costs on one core. Reckoned with the rest of the heap they may wait a
 * little. A Node that does not know the switch goes on as it is.
 */
function collectSeldom(): void {
  if (process.memoryUsage().arrayBuffers > HELD_SIZE_BYTES_MAX) return;
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}

function askedFor(
  { progress, signal }: Session,
  { level, share, threads, allowRetrieval }: KopiaVerifyOptions,
  now: Date,
): VerifyOptions {
  const cores = availableParallelism();
  const workers = threads ?? (cores === 1 ? 0 : cores);
  return {
    level,
    now,
    progress,
    signal,
    startChecker: (spec) => {
      if (workers <= 1) collectSeldom();
      return workerChecker(workerUrl(), spec, workers === 1 ? 0 : workers);
    },
    ...(share !== undefined && { share }),
    ...(allowRetrieval === true && { allowRetrieval }),
  };
}

/** Where proofs are kept from run to run; only the content level makes any. */
async function openState(
  { config, place, context, log, signal }: Session,
  { level, state: url }: KopiaVerifyOptions,
): Promise<ObjectStore | undefined> {
  const state: Place | undefined =
    url === undefined ? config?.state : { location: parseLocationUrl(url), access: {} };
  if (state === undefined || level !== 'content') return undefined;
  checkState(state.location, { location: place.location, layout: place.layout ?? 'kopia' });
  const { env, clock } = context;
  return openStore(state, { env, clock, log, signal });
}

async function verifyOne(
  session: Session,
  prefix: string,
  state: ObjectStore | undefined,
  asked: VerifyOptions,
): Promise<KopiaVerification> {
  const { signal, log } = session;
  const key = kopiaVerificationKey(`${locationIdentity(session.place.location)}#${prefix}`);
  const known = state && (await readRecord(state, key, KOPIA_VERIFICATION, { signal }));
  const result = await withPasswords(session, prefix, {
    ...asked,
    ...(known !== undefined && { state: known.value }),
  });
  if (state !== undefined && result.state !== undefined) {
    const next = { value: result.state, nonce: randomUUID(), previousEtag: known?.etag };
    const etag = await swapRecord(state, key, KOPIA_VERIFICATION, next, { signal });
    if (etag === undefined)
      log.log('warning', 'another run has written the state first: its word stands');
  }
  return result;
}

/** A wrong password is `unchecked`, not an error; the finding says which one was tried. */
async function withPasswords(
  session: Session,
  prefix: string,
  asked: VerifyOptions,
): Promise<KopiaVerification> {
  const { reader, password } = session;
  const [first = '', ...others] = password.values;
  let result = await verifyRepository(reader, prefix, first, asked);
  for (const value of others) {
    if (!isWrongPassword(result)) return result;
    result = await verifyRepository(reader, prefix, value, asked);
  }
  if (!isWrongPassword(result)) return result;
  const { message, hint } = wrongPassword(repositoryUrl(session, prefix), password, undefined);
  const findings = result.findings.map((found) => ({ ...found, message, hint }));
  return {
    ...result,
    findings,
    verdict: { ...result.verdict, kind: 'unchecked', reason: message },
  };
}

function isWrongPassword({ findings }: KopiaVerification): boolean {
  return findings.length === 1 && findings[0]?.evidence?.['reason'] === 'KOPIA_WRONG_PASSWORD';
}

function reportOf(
  session: Session,
  { level }: KopiaVerifyOptions,
  now: Date,
  done: readonly Verified[],
): Report {
  const unfinished = done.find(({ result }) => result.unfinished !== undefined)?.result.unfinished;
  return {
    schema: 'drydock/report/v1',
    run: {
      job: 'kopia-verify',
      id: randomUUID(),
      version: VERSION,
      startedAt: now.toISOString(),
      finishedAt: session.context.clock.now().toISOString(),
      dryRun: false,
    },
    scope: {
      location: locationName(session.place.location),
      level,
      password: session.password.from,
    },
    verdicts: done.map(({ result }) => result.verdict),
    findings: done.flatMap(({ result }) => result.findings),
    actions: [],
    measures: { ...together(done), ...session.requests() },
    ...(unfinished && { unfinished }),
  };
}

/** Measures of several repositories: amounts are added, the worst of what is no amount counts. */
function together(done: readonly Verified[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { result } of done) {
    for (const [name, value] of Object.entries(result.measures)) {
      const known = all[name];
      if (known === undefined || name === 'slice') all[name] = value;
      else if (name.endsWith('Percent')) all[name] = Math.min(known, value);
      else if (name.endsWith('AgeHours')) all[name] = Math.max(known, value);
      else all[name] = known + value;
    }
  }
  return all;
}

/** The report, and beside it what it has no place for. */
function reportJson(report: Report, outcome: EachOutcome<Verified>): Record<string, unknown> {
  return {
    ...report,
    repositories: outcome.results.map(({ repository, result }) => ({
      repository,
      verdict: result.verdict.kind,
      measures: result.measures,
      snapshots: result.snapshots,
    })),
    errors: errorRecords(outcome),
  };
}
