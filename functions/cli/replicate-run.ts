import type { Config } from '../../shared/config/config.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import type { DrydockError } from '../../shared/model/errors.ts';
import type { Report } from '../../shared/model/report.ts';
import { type ReplicateRun, type RunContext, runReplicate } from '../wiring.ts';
import { optionalConfig, requiredConfig } from './config-file.ts';
import { type CliContext, cliLogger } from './context.ts';
import {
  type ExitCode,
  errorRecord,
  errorText,
  exitCodeOfError,
  exitCodeOfReport,
  highest,
  Interrupted,
  toDrydockError,
} from './outcome.ts';
import { cliProgress } from './progress.ts';
import { renderReport } from './render.ts';
import type { ReplicateOptions } from './replicate.ts';
import { runsFor } from './replicate-request.ts';
import { json } from './terminal.ts';

/** Runs what the command line asks for and prints what came out. */
export async function replicateAll(
  source: string | undefined,
  target: string | undefined,
  options: ReplicateOptions,
  context: CliContext,
): Promise<ExitCode> {
  const config = await configFor(source, options);
  const runs = runsFor(source, target, config, options, context.env);
  return runAll(runs, config, options, context);
}

/** URLs do without a file, unless one is there or named; routes need one. */
function configFor(
  source: string | undefined,
  options: ReplicateOptions,
): Promise<Config | undefined> {
  return source === undefined ? requiredConfig(options.config) : optionalConfig(options.config);
}

interface Outcomes {
  readonly reports: readonly Report[];
  readonly errors: readonly { readonly route: string; readonly error: DrydockError }[];
}

async function runAll(
  runs: readonly ReplicateRun[],
  config: Config | undefined,
  options: ReplicateOptions,
  context: CliContext,
): Promise<ExitCode> {
  const isOnly = runs.length === 1;
  const outcomes = await runInTurn(runs, config, options, context, isOnly);
  if (options.output === 'json' && isOnly) {
    for (const report of outcomes.reports) context.stdout.write(`${json(report)}\n`);
  } else if (options.output === 'json') {
    const errors = outcomes.errors.map(({ route, error }) => ({ route, ...errorRecord(error) }));
    const all = { schema: 'drydock/reports/v1', reports: outcomes.reports, errors };
    context.stdout.write(`${json(all)}\n`);
  }
  return highest([
    ...outcomes.reports.map((report) => exitCodeOfReport(report, options.failOn)),
    ...outcomes.errors.map(({ error }) => exitCodeOfError(error)),
  ]);
}

/** One route after the other; one that fails does not keep the next from its turn. */
async function runInTurn(
  runs: readonly ReplicateRun[],
  config: Config | undefined,
  options: ReplicateOptions,
  context: CliContext,
  throwing: boolean,
): Promise<Outcomes> {
  const reports: Report[] = [];
  const errors: { route: string; error: DrydockError }[] = [];
  const end =
    options.deadline === undefined
      ? undefined
      : new Date(context.clock.now().getTime() + options.deadline);
  for (const run of runs) {
    const progress = cliProgress(context.stderr, context.clock.now);
    const log = cliLogger(progress, context.errorColors);
    const { env, clock, signal } = context;
    const events = config?.events;
    const with_: RunContext = { env, clock, signal, log, progress, ...(events && { events }) };
    try {
      const report = await runReplicate(run, with_, clock.now(), deadlineAt(end, clock));
      progress.end();
      reports.push(report);
      if (options.output === 'text') context.stdout.write(renderReport(report, context.colors));
    } catch (thrown) {
      progress.end();
      if (throwing) throw thrown;
      const error = toDrydockError(thrown);
      errors.push({ route: run.name, error });
      if (options.output === 'text') {
        context.stderr.write(`${run.name}: ${errorText(error, context.errorColors)}`);
      }
      if (error instanceof Interrupted) break;
    }
  }
  return { reports, errors };
}
