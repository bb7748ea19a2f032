import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Config, Place, Route } from '../shared/config/config.ts';
import { locationIdentity } from '../shared/config/location.ts';
import { didYouMean } from '../shared/config/nearest.ts';
import { checkApart, checkState } from '../shared/config/overlap.ts';
import { type Deadline, deadlineAt } from '../shared/model/clock.ts';
import { DrydockError } from '../shared/model/errors.ts';
import { type Progress, silentProgress } from '../shared/model/progress.ts';
import type { Report } from '../shared/model/report.ts';
import { REPLICATE_DEFAULTS } from '../shared/replicate/job.ts';
import { replicate } from '../shared/replicate/replicate.ts';
import { memoryStore } from '../shared/stores/memory.ts';
import { metered } from '../shared/stores/metered.ts';
import { readOnly } from '../shared/stores/read-only.ts';
import type { ObjectStore } from '../shared/stores/store.ts';
import { atLeast, jsonLogger } from '../shared/telemetry/logger.ts';
import { totalsMeter } from '../shared/telemetry/meter.ts';
import { publishReport } from './clients/events.ts';
import { configFrom } from './config-source.ts';
import { isRunning, leaseOwner } from './owner.ts';
import { openStore, type StoreContext } from './stores.ts';
import { systemClock } from './system-clock.ts';
import { VERSION } from './version.ts';

/** One replication, as a route of the configuration or two URLs ask for it. */
export interface ReplicateRun {
  /** The route's name, or the two URLs. */
  readonly name: string;
  readonly layout: 'velero' | 'kopia';
  readonly source: Place;
  readonly target: Place;
  readonly state: Place;
  /** The state is a folder of this machine that nobody chose. */
  readonly stateIsLocal: boolean;
  readonly concurrency?: number;
  readonly dryRun: boolean;
}

export interface RunContext extends StoreContext {
  readonly progress: Progress;
  readonly events?: NonNullable<Config['events']>;
}

/** Opens the stores, the source for reading only, runs the job, and publishes what came out. */
export async function runReplicate(
  run: ReplicateRun,
  context: RunContext,
  now: Date,
  deadline: Deadline,
): Promise<Report> {
  const { source, target, state, layout } = run;
  checkApart(source.location, target.location);
  for (const { location } of [source, target]) checkState(state.location, { location, layout });
  const meter = totalsMeter();
  const job = await replicate(
    {
      source: readOnly(metered(await openStore(source, context), meter, 'source')),
      target: metered(await openStore(target, context), meter, 'target'),
      state: await openState(run, context),
      clock: context.clock,
      log: context.log,
      progress: context.progress,
      uniqueId: randomUUID,
      isRunning,
      ...(context.signal && { signal: context.signal }),
    },
    {
      route: run.name,
      sourceUrl: locationIdentity(source.location),
      targetUrl: locationIdentity(target.location),
      layout,
      concurrency: run.concurrency ?? REPLICATE_DEFAULTS.concurrency,
      dryRun: run.dryRun,
      owner: leaseOwner(context.env),
      stateIsLocal: run.stateIsLocal,
      version: VERSION,
    },
    now,
    deadline,
  );
  const report = { ...job, measures: { ...job.measures, ...meter.totals() } };
  // A plan is no run that automation should act on.
  if (context.events !== undefined && !run.dryRun) {
    await publishReport(report, context.events, context.log);
  }
  return report;
}

/**
 * The state's store. Nobody made the folder that serves where no state is named, so that it is made
 * here; a plan must leave nothing behind and does with memory until a first run has made it.
 */
async function openState(run: ReplicateRun, context: RunContext): Promise<ObjectStore> {
  const { location } = run.state;
  if (run.stateIsLocal && location.kind === 'file') {
    if (run.dryRun && !existsSync(location.path)) return memoryStore('state', context.clock);
    await mkdir(location.path, { recursive: true, mode: 0o700 });
  }
  return openStore(run.state, context);
}

/** A route of the configuration as a run. Without `state:` there must be a folder to fall back on. */
export function runOfRoute(
  route: Route,
  config: Config,
  options: { readonly dryRun: boolean; readonly localState?: Place },
): ReplicateRun {
  const state = config.state ?? options.localState;
  if (state === undefined) {
    const message = `Cannot run the route "${route.name}": the configuration names no state`;
    throw new DrydockError('usage', 'STATE_MISSING', message, {
      hint: 'Add "state:" with a URL that all replicators of the target share',
    });
  }
  return {
    name: route.name,
    layout: route.source.layout,
    source: route.source,
    target: route.target,
    state,
    stateIsLocal: config.state === undefined,
    ...(route.concurrency !== undefined && { concurrency: route.concurrency }),
    dryRun: options.dryRun,
  };
}

/** The routes named, in the order of the configuration; all of them without names. */
export function selectRoutes(config: Config, names?: readonly string[]): readonly Route[] {
  const known = config.routes.map(({ name }) => name);
  for (const name of names ?? []) {
    if (known.includes(name)) continue;
    const all = `Routes are ${known.join(', ') || 'none'}`;
    const near = didYouMean(name, known);
    const hint = near === undefined ? all : `${near} ${all}`;
    throw new DrydockError('usage', 'ROUTE_UNKNOWN', `Cannot run "${name}": no such route`, {
      hint,
    });
  }
  const routes = config.routes.filter(({ name }) => names === undefined || names.includes(name));
  if (routes.length > 0) return routes;
  throw new DrydockError('usage', 'ROUTES_MISSING', 'Cannot replicate: there is no route', {
    hint: 'Add "replicate: { routes: [{ name, source, target }] }", or name source and target',
  });
}

/** What a function keeps of its time to end the last request, free the lease and report. */
const RESERVE_MS = 15_000;

/**
 * What a timer function does: runs every route of the configuration that DRYDOCK_CONFIG names (a
 * path, or the URL of the YAML object), or those that DRYDOCK_ROUTES lists, one after the other.
 * Logs JSON lines and publishes each report when a bus is configured.
 * @throws what a route threw, after all of them ran; several as an AggregateError
 */
export async function configuredReplicate(
  env: NodeJS.ProcessEnv,
  options: {
    readonly now: Date;
    readonly remainingMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Report[]> {
  const { now, remainingMs, signal } = options;
  const clock = systemClock;
  const log = atLeast(
    'info',
    jsonLogger((line) => console.log(line), clock.now),
  );
  const base: StoreContext = { env, clock, log, ...(signal && { signal }) };
  const config = await configFrom(configPath(env), base);
  const { events } = config;
  const context: RunContext = { ...base, progress: silentProgress, ...(events && { events }) };
  const reserveMs = Math.min(RESERVE_MS, (remainingMs ?? 0) / 5);
  const end =
    remainingMs === undefined
      ? undefined
      : new Date(clock.now().getTime() + remainingMs - reserveMs);
  const reports: Report[] = [];
  const failures: unknown[] = [];
  for (const route of selectRoutes(config, routeNames(env))) {
    try {
      const run = runOfRoute(route, config, { dryRun: false });
      const report = await runReplicate(run, context, now, deadlineAt(end, clock));
      reports.push(report);
      log.log('info', 'route replicated', { route: route.name, ...countsOf(report) });
    } catch (error) {
      failures.push(error);
      log.log('error', 'route failed', { route: route.name, ...errorFields(error) });
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} routes failed`);
  return reports;
}

function configPath(env: NodeJS.ProcessEnv): string {
  const where = env['DRYDOCK_CONFIG'];
  if (where !== undefined && where !== '') return where;
  const message = 'Cannot find the configuration: DRYDOCK_CONFIG is not set';
  throw new DrydockError('usage', 'CONFIG_NOT_FOUND', message, {
    hint: 'Set DRYDOCK_CONFIG to a path, or to a URL like s3://bucket/drydock/drydock.yaml',
  });
}

function routeNames(env: NodeJS.ProcessEnv): readonly string[] | undefined {
  const names = env['DRYDOCK_ROUTES']?.split(',').map((name) => name.trim());
  const given = names?.filter((name) => name !== '');
  return given === undefined || given.length === 0 ? undefined : given;
}

function countsOf(report: Report): Record<string, string | number | boolean> {
  const counts: Record<string, number> = {};
  for (const { severity } of report.findings) counts[severity] = (counts[severity] ?? 0) + 1;
  return { runId: report.run.id, unfinished: report.unfinished !== undefined, ...counts };
}

function errorFields(error: unknown): Record<string, string> {
  if (error instanceof DrydockError) {
    return { code: error.code, error: error.message, hint: error.hint };
  }
  return { code: 'UNEXPECTED', error: error instanceof Error ? error.message : String(error) };
}
