import { randomUUID } from 'node:crypto';
import type { Config, Place, Route } from '../shared/config/config.ts';
import { locationIdentity } from '../shared/config/location.ts';
import { didYouMean } from '../shared/config/nearest.ts';
import { checkApart, checkState } from '../shared/config/overlap.ts';
import type { Deadline } from '../shared/model/clock.ts';
import { DrydockError } from '../shared/model/errors.ts';
import type { Progress } from '../shared/model/progress.ts';
import type { Report } from '../shared/model/report.ts';
import { REPLICATE_DEFAULTS } from '../shared/replicate/job.ts';
import { replicate } from '../shared/replicate/replicate.ts';
import { metered } from '../shared/stores/metered.ts';
import { readOnly } from '../shared/stores/read-only.ts';
import { totalsMeter } from '../shared/telemetry/meter.ts';
import type { ClusterContext } from './clients/clusters.ts';
import { publishReport } from './clients/events.ts';
import { countsOf, errorFields, type Invocation, openInvocation, throwAll } from './invocation.ts';
import { isRunning, leaseOwner } from './owner.ts';
import { openState } from './state.ts';
import { openStore } from './stores.ts';
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

export interface RunContext extends ClusterContext {
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

/**
 * What a timer function does: runs every route of the configuration, or those that DRYDOCK_ROUTES
 * lists, one after the other. Publishes each report when a bus is configured.
 * @throws what a route threw, after all of them ran; several as an AggregateError
 */
export async function configuredReplicate(
  env: NodeJS.ProcessEnv,
  invocation: Invocation,
): Promise<Report[]> {
  const { config, context, deadline } = await openInvocation(env, invocation);
  const { log } = context;
  const reports: Report[] = [];
  const failures: unknown[] = [];
  for (const route of selectRoutes(config, routeNames(env))) {
    try {
      const run = runOfRoute(route, config, { dryRun: false });
      const report = await runReplicate(run, context, invocation.now, deadline);
      reports.push(report);
      log.log('info', 'route replicated', { route: route.name, ...countsOf(report) });
    } catch (error) {
      failures.push(error);
      log.log('error', 'route failed', { route: route.name, ...errorFields(error) });
    }
  }
  throwAll(failures, 'routes');
  return reports;
}

function routeNames(env: NodeJS.ProcessEnv): readonly string[] | undefined {
  const names = env['DRYDOCK_ROUTES']?.split(',').map((name) => name.trim());
  const given = names?.filter((name) => name !== '');
  return given === undefined || given.length === 0 ? undefined : given;
}
