import type { Config } from '../shared/config/config.ts';
import { type Deadline, deadlineAt } from '../shared/model/clock.ts';
import { DrydockError } from '../shared/model/errors.ts';
import { silentProgress } from '../shared/model/progress.ts';
import type { Report } from '../shared/model/report.ts';
import { atLeast, jsonLogger } from '../shared/telemetry/logger.ts';
import { configFrom } from './config-source.ts';
import type { StoreContext } from './stores.ts';
import { systemClock } from './system-clock.ts';
import type { RunContext } from './wiring.ts';

/** What the platform tells a function about one call of it. */
export interface Invocation {
  readonly now: Date;
  /** Until the platform ends the process. */
  readonly remainingMs?: number;
  readonly signal?: AbortSignal;
}

/** What every function begins with. */
export interface Opened {
  readonly config: Config;
  readonly context: RunContext;
  readonly deadline: Deadline;
}

/** What a function keeps of its time to end the last request, free the lease and report. */
const RESERVE_MS = 15_000;

/**
 * Reads the configuration that DRYDOCK_CONFIG names: a path, or the URL of the YAML object. Logs go
 * to stdout as JSON lines.
 * @throws DrydockError `CONFIG_NOT_FOUND`, and what is wrong with the file
 */
export async function openInvocation(
  env: NodeJS.ProcessEnv,
  { remainingMs, signal }: Invocation,
): Promise<Opened> {
  const clock = systemClock;
  const log = atLeast(
    'info',
    jsonLogger((line) => console.log(line), clock.now),
  );
  const reserveMs = Math.min(RESERVE_MS, (remainingMs ?? 0) / 5);
  const end =
    remainingMs === undefined
      ? undefined
      : new Date(clock.now().getTime() + remainingMs - reserveMs);
  const base: StoreContext = { env, clock, log, ...(signal && { signal }) };
  const config = await configFrom(configPath(env), base);
  const { events } = config;
  const context: RunContext = { ...base, progress: silentProgress, ...(events && { events }) };
  return { config, context, deadline: deadlineAt(end, clock) };
}

function configPath(env: NodeJS.ProcessEnv): string {
  const where = env['DRYDOCK_CONFIG'];
  if (where !== undefined && where !== '') return where;
  const message = 'Cannot find the configuration: DRYDOCK_CONFIG is not set';
  throw new DrydockError('usage', 'CONFIG_NOT_FOUND', message, {
    hint: 'Set DRYDOCK_CONFIG to a path, or to a URL like s3://bucket/drydock/drydock.yaml',
  });
}

/** What one line of a log says of a report. */
export function countsOf(report: Report): Record<string, string | number | boolean> {
  const counts: Record<string, number> = {};
  for (const { severity } of report.findings) counts[severity] = (counts[severity] ?? 0) + 1;
  return { runId: report.run.id, unfinished: report.unfinished !== undefined, ...counts };
}

/** What one line of a log says of a failure. */
export function errorFields(error: unknown): Record<string, string> {
  if (error instanceof DrydockError) {
    return { code: error.code, error: error.message, hint: error.hint };
  }
  return { code: 'UNEXPECTED', error: error instanceof Error ? error.message : String(error) };
}

/** Throws what went wrong in several parts of one call, after all of them had their turn. */
export function throwAll(failures: readonly unknown[], what: string): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} ${what} failed`);
}
