import type { Config } from '../../shared/config/config.ts';
import { didYouMean } from '../../shared/config/nearest.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { Report } from '../../shared/model/report.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import { openStore } from '../stores.ts';
import { runVerify, type VerifyRun } from '../verify-run.ts';
import type { RunContext } from '../wiring.ts';
import { optionalConfig, requiredConfig } from './config-file.ts';
import { type CliContext, cliLogger } from './context.ts';
import { execToken } from './exec-token.ts';
import { type ExitCode, exitCodeOfReport } from './outcome.ts';
import { cliProgress } from './progress.ts';
import { readLadders } from './status-run.ts';
import { json } from './terminal.ts';
import type { VerifyOptions } from './verify.ts';
import { type CostEstimate, costOf, readingOf } from './verify-cost.ts';
import { verifyRequest } from './verify-request.ts';
import { verifyText } from './verify-text.ts';

/** Runs what the command line asks for and prints what came out. */
export async function verifyAll(
  names: readonly string[],
  options: VerifyOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { env, clock, signal, stdout, stderr, colors, errorColors } = context;
  const isNamed = names.length > 0 || options.location !== undefined;
  const config = await configFor(isNamed, options);
  const now = clock.now();
  const run = verifyRequest(names, config, options, env, now);
  const end = options.deadline === undefined ? undefined : now.getTime() + options.deadline;
  const deadline = deadlineAt(end === undefined ? undefined : new Date(end), clock);
  const progress = cliProgress(stderr, clock.now);
  const log = cliLogger(progress, errorColors);
  const events = config?.events;
  const with_: RunContext = {
    env,
    clock,
    signal,
    log,
    progress,
    execToken,
    ...(events && { events }),
  };
  const report = await runVerify(run, with_, now, deadline).finally(() => progress.end());
  if (isNobodys(report, run)) throw await unknownApplication(run, with_);
  const costs = costsOf(report, run);
  if (options.output === 'json') stdout.write(`${json({ ...report, ...(costs && { costs }) })}\n`);
  else stdout.write(verifyText(report, costs, now, colors));
  return exitCodeOfReport(report, options.failOn);
}

/** URLs do without a file, unless one is there or named. */
function configFor(isNamed: boolean, options: VerifyOptions): Promise<Config | undefined> {
  return isNamed ? optionalConfig(options.config) : requiredConfig(options.config);
}

/** Without a `protect` section only the backups know the names of applications. */
function isNobodys(
  { ladders = [], findings, unfinished, errors }: Report,
  run: VerifyRun,
): boolean {
  const { application, dryRun } = run;
  if (application === undefined || dryRun) return false;
  if (unfinished !== undefined || errors !== undefined) return false;
  const isThere = ladders.some(({ rows }) => rows.some((row) => row.application === application));
  return !isThere && !findings.some(({ code }) => code === 'APPLICATION_ABSENT');
}

/** What earlier runs found at these locations is where a name that was meant may be. */
async function unknownApplication(run: VerifyRun, context: RunContext): Promise<DrydockError> {
  const { application = '', state, locations = [] } = run;
  const places = new Set(locations.map(({ name }) => name));
  const signal = context.signal ?? new AbortController().signal;
  const kept = await readLadders(readOnly(await openStore(state, context)), signal);
  const rows = kept.flatMap(({ ladder }) => (places.has(ladder.location) ? ladder.rows : []));
  const known = [...new Set(rows.map((row) => row.application))].sort();
  const all =
    known.length === 0
      ? 'Run it without --application: it finds which ones there are'
      : `Applications are ${known.slice(0, NAMES_MAX).join(', ')}`;
  const near = didYouMean(application, known);
  const message = `Cannot verify "${application}": no backup there holds such an application`;
  return new DrydockError('usage', 'APPLICATION_UNKNOWN', message, {
    hint: near === undefined ? all : `${near} ${all}`,
  });
}

const NAMES_MAX = 20;

function costsOf(report: Report, run: VerifyRun): CostEstimate | undefined {
  const reading = report.run.dryRun ? readingOf(report.measures) : undefined;
  const locations = (run.locations ?? []).map(({ location }) => location);
  return reading && costOf(reading, locations);
}
