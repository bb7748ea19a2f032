import { randomUUID } from 'node:crypto';
import type { Config, NamedLocation, Place } from '../shared/config/config.ts';
import { locationIdentity, locationName } from '../shared/config/location.ts';
import { checkState } from '../shared/config/overlap.ts';
import type { Deadline } from '../shared/model/clock.ts';
import type { Report } from '../shared/model/report.ts';
import type { Rung } from '../shared/model/rung.ts';
import { metered } from '../shared/stores/metered.ts';
import { readOnly } from '../shared/stores/read-only.ts';
import { type TotalsMeter, totalsMeter } from '../shared/telemetry/meter.ts';
import type {
  ClusterWitness,
  KnownLocation,
  VerifyConfig,
  VerifyDeps,
  VerifyLocation,
} from '../shared/verify/job.ts';
import { verify } from '../shared/verify/verify.ts';
import { connectCluster } from './clients/clusters.ts';
import { publishReport } from './clients/events.ts';
import { openSettings } from './clients/settings.ts';
import { openSigner } from './clients/signing.ts';
import { startChecker } from './content-checker.ts';
import { passwordFor } from './kopia-password.ts';
import { snapshotKeysOf, snapshotWitnessOf } from './snapshots.ts';
import { openState } from './state.ts';
import { openStore } from './stores.ts';
import { VERSION } from './version.ts';
import type { RunContext } from './wiring.ts';

/** One verification, as a function or the command line asks for it. */
export interface VerifyRun {
  readonly config: Config;
  /** All of the configuration when absent; they need not be in it. */
  readonly locations?: readonly NamedLocation[];
  readonly state: Place;
  /** The state is a folder of this machine that nobody chose. */
  readonly stateIsLocal: boolean;
  /** Looks at this application alone. */
  readonly application?: string;
  /** Looks at backups that began after this alone. */
  readonly since?: Date;
  /** How far to go; `intact` by default. */
  readonly rung?: Exclude<Rung, 'restored'>;
  /** Of the run that this one continues. */
  readonly runId?: string;
  /** Looks afresh at this backup alone. */
  readonly backup?: string;
  /** Looks at locations of this cluster alone. */
  readonly cluster?: string;
  readonly dryRun: boolean;
  /** Reads packs of storage classes that charge for reading, whatever the configuration says. */
  readonly allowRetrieval?: boolean;
}

/**
 * Opens the locations for reading only, and the witnesses; runs the job, publishes what came out,
 * and closes every connection to a cluster.
 * @throws DrydockError `STATE_IN_ROOT`, `SECRET_UNRESOLVED`; what `verify` throws
 */
export async function runVerify(
  run: VerifyRun,
  context: RunContext,
  now: Date,
  deadline: Deadline,
): Promise<Report> {
  const { config, cluster } = run;
  const places = (run.locations ?? [...config.locations.values()]).filter(
    (place) => cluster === undefined || place.cluster === cluster,
  );
  const { witnessState } = config.verify;
  for (const state of [run.state, ...(witnessState === undefined ? [] : [witnessState])]) {
    for (const place of [...config.locations.values(), ...places]) {
      checkState(state.location, place);
    }
  }
  const meter = totalsMeter();
  const clusters = await connectAll(places, config, context);
  try {
    const deps = await depsOf(run, places, clusters, meter, context);
    const job = await verify(deps, configOf(run), now, deadline);
    const report = { ...job, measures: { ...job.measures, ...meter.totals() } };
    // A plan is no run that automation should act on.
    if (context.events !== undefined && !run.dryRun) {
      await publishReport(report, context.events, context.log);
    }
    return report;
  } finally {
    for (const witness of clusters.values()) {
      if (witness.kind === 'connected') witness.api.close();
    }
  }
}

function configOf(run: VerifyRun): VerifyConfig {
  const { config, application, since, runId, backup, dryRun, allowRetrieval } = run;
  const { verify: settings, protect } = config;
  return {
    settings: allowRetrieval === true ? { ...settings, allowRetrieval } : settings,
    ...(protect?.applications !== undefined && { applications: protect.applications }),
    unprotected: protect?.unprotected ?? [],
    rung: run.rung ?? 'intact',
    ...(runId !== undefined && { runId }),
    ...(since !== undefined && { since }),
    ...(application !== undefined && { application }),
    ...(backup !== undefined && { backup }),
    dryRun,
    version: VERSION,
  };
}

async function depsOf(
  run: VerifyRun,
  places: readonly NamedLocation[],
  clusters: VerifyDeps['clusters'],
  meter: TotalsMeter,
  context: RunContext,
): Promise<VerifyDeps> {
  const { signingKey, witnessState } = run.config.verify;
  const { clock, log, progress, signal } = context;
  return {
    locations: await Promise.all(
      places.map((place) => openLocation(place, run.config, meter, context)),
    ),
    others: othersOf(run.config, places),
    clusters,
    state: metered(await openState(run, context), meter, 'state'),
    ...(witnessState !== undefined && {
      witnessState: metered(await openStore(witnessState, context), meter, 'witnessState'),
    }),
    ...(signingKey !== undefined && { signer: await openSigner(signingKey, context) }),
    clock,
    log,
    progress,
    uniqueId: randomUUID,
    startChecker,
    ...(signal && { signal }),
  };
}

/** What is configured and not looked at now. */
function othersOf(config: Config, places: readonly NamedLocation[]): readonly KnownLocation[] {
  const identities = new Set(places.map(({ location }) => locationIdentity(location)));
  return [...config.locations.values()]
    .map((place) => ({
      place,
      identity: locationIdentity(place.location),
      url: locationName(place.location),
    }))
    .filter(({ identity }) => !identities.has(identity));
}

/** The clusters that the locations name; each is asked once, however many locations it writes to. */
async function connectAll(
  places: readonly NamedLocation[],
  config: Config,
  context: RunContext,
): Promise<ReadonlyMap<string, ClusterWitness>> {
  const names = new Set(places.flatMap(({ cluster }) => cluster ?? []));
  const clusters = [...config.clusters.values()].filter(({ name }) => names.has(name));
  const connected = clusters.map(
    async (cluster) => [cluster.name, await connectCluster(cluster, context)] as const,
  );
  return new Map(await Promise.all(connected));
}

async function openLocation(
  place: NamedLocation,
  { routes }: Config,
  meter: TotalsMeter,
  context: RunContext,
): Promise<VerifyLocation> {
  const { values: passwords } = await passwordFor(undefined, place.repositoryPassword, context.env);
  const snapshots = await snapshotWitnessOf(place, context);
  const snapshotKeys = await snapshotKeysOf(place, context);
  const settings = await openSettings(place, context);
  const source = routes.find(({ target }) => target.name === place.name)?.source;
  return {
    place,
    identity: locationIdentity(place.location),
    reader: readOnly(metered(await openStore(place, context), meter, 'location')),
    passwords,
    ...(snapshots && { snapshots }),
    ...(snapshotKeys && { snapshotKeys }),
    ...(settings && { settings }),
    ...(source && { replicaOf: source.name }),
  };
}
