import type { Cluster, Config } from '../../../shared/config/config.ts';
import { didYouMean } from '../../../shared/config/nearest.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { matchStorageLocation } from '../../../shared/velero/cluster/match-location.ts';
import { readVeleroCluster } from '../../../shared/velero/cluster/read-cluster.ts';
import type {
  ClusterBackup,
  StorageLocation,
  Told,
} from '../../../shared/velero/cluster/velero-cluster.ts';
import {
  configuredSchedule,
  type ScheduleFacts,
} from '../../../shared/velero/schedule/schedule-resource.ts';
import { connectCluster } from '../../clients/clusters.ts';
import type { CliContext } from '../context.ts';
import { execToken } from '../exec-token.ts';
import type { OpenRoot } from './root.ts';
import type { SlotsOptions } from './slots.ts';

/** What backups are expected at a location, and who says so. */
export interface Expected {
  readonly from: 'cluster' | 'configuration';
  /** For people: which cluster, or the configuration. */
  readonly source: string;
  readonly schedules: readonly ScheduleFacts[];
  /** Of this location; absent when no cluster told them. */
  readonly clusterBackups?: readonly ClusterBackup[];
  readonly serverVersion?: string;
  readonly timeZone?: string;
}

/**
 * The cluster that was named is asked, and has to answer. That of the location is asked too; where
 * it says nothing the configuration does.
 * @throws CLUSTER_UNKNOWN, CLUSTER_UNREACHABLE, SCHEDULES_UNKNOWN
 */
export async function expectedBackups(
  open: OpenRoot,
  options: SlotsOptions,
  context: CliContext,
): Promise<Expected> {
  const { config, place, log } = open;
  const named = namedCluster(options, config);
  if (named !== undefined) return ofCluster(named, open, context);
  const configured = (config?.verify.schedules ?? []).filter(
    ({ location }) => location === place.name,
  );
  const cluster = place.cluster === undefined ? undefined : config?.clusters.get(place.cluster);
  if (cluster !== undefined) {
    try {
      return await ofCluster(cluster, open, context);
    } catch (error) {
      if (configured.length === 0 || !(error instanceof DrydockError)) throw error;
      open.signal.throwIfAborted();
      log.log('warning', `${error.message}: going by "verify.schedules" of the configuration`);
    }
  }
  if (configured.length === 0) throw schedulesUnknown(open.reader.url);
  return {
    from: 'configuration',
    source: '"verify.schedules" of the configuration',
    schedules: configured.map(({ name, cron, ttlMs }) =>
      configuredSchedule(name, cron, { ...(ttlMs !== undefined && { ttlMs }) }),
    ),
    ...(cluster?.veleroVersion !== undefined && { serverVersion: cluster.veleroVersion }),
    ...(cluster?.timeZone !== undefined && { timeZone: cluster.timeZone }),
  };
}

function namedCluster(options: SlotsOptions, config: Config | undefined): Cluster | undefined {
  const { cluster: name, kubeconfig: path, context } = options;
  const isOfKubeconfig = path !== undefined || context !== undefined;
  if (name === undefined) {
    if (!isOfKubeconfig) return undefined;
    const access = {
      kind: 'kubeconfig' as const,
      ...(path !== undefined && { path }),
      ...(context !== undefined && { context }),
    };
    return { name: context ?? 'kubeconfig', access, veleroNamespace: 'velero' };
  }
  if (isOfKubeconfig) {
    const message = 'Cannot use --cluster together with --kubeconfig or --context';
    throw usage('CLUSTER_TWICE', message, 'Name the cluster in one way');
  }
  const found = config?.clusters.get(name);
  if (found !== undefined) return found;
  const known = [...(config?.clusters.keys() ?? [])];
  const all = `Clusters are ${known.join(', ') || 'none'}; or name one with --context`;
  const near = didYouMean(name, known);
  const message = `Cannot ask --cluster "${name}": the configuration has no such cluster`;
  throw usage('CLUSTER_UNKNOWN', message, near === undefined ? all : `${near} ${all}`);
}

async function ofCluster(cluster: Cluster, open: OpenRoot, context: CliContext): Promise<Expected> {
  const { env, clock } = context;
  const { log, signal, place } = open;
  const witness = await connectCluster(cluster, { env, clock, log, signal, execToken });
  if (witness.kind === 'unreachable') throw notTold(cluster, witness.reason, witness.hint);
  const { veleroNamespace, veleroVersion, timeZone } = cluster;
  try {
    const seen = await readVeleroCluster(witness.api, {
      veleroNamespace,
      now: clock.now(),
      signal,
      ...(veleroVersion !== undefined && { veleroVersion }),
    });
    const own = matchStorageLocation(toldBy(cluster, seen.storageLocations), place.location);
    if (own === undefined) throw notItsLocation(cluster, open.reader.url);
    const { serverVersion, source } = seen;
    const backups = seen.backups.outcome === 'told' ? seen.backups.value : undefined;
    return {
      from: 'cluster',
      source,
      schedules: schedulesTo(own, toldBy(cluster, seen.schedules)),
      ...(backups && { clusterBackups: backupsIn(own, backups) }),
      ...(serverVersion !== undefined && { serverVersion }),
      ...(timeZone !== undefined && { timeZone }),
    };
  } finally {
    witness.api.close();
  }
}

function toldBy<T>(cluster: Cluster, part: Told<T>): T {
  if (part.outcome === 'told') return part.value;
  throw notTold(cluster, part.reason, part.hint);
}

function schedulesTo(
  own: StorageLocation,
  schedules: readonly ScheduleFacts[],
): readonly ScheduleFacts[] {
  return schedules.filter(({ storageLocation }) =>
    storageLocation === undefined ? own.isDefault : storageLocation === own.name,
  );
}

function backupsIn(
  own: StorageLocation,
  backups: readonly ClusterBackup[],
): readonly ClusterBackup[] {
  return backups.filter(({ storageLocation }) => storageLocation === own.name);
}

function notTold({ name }: Cluster, reason: string, hint: string): DrydockError {
  const message = `Cannot ask the cluster "${name}": ${reason}`;
  return new DrydockError('operation', 'CLUSTER_UNREACHABLE', message, { hint });
}

function notItsLocation({ name }: Cluster, url: string): DrydockError {
  const message = `Cannot tell the schedules of "${url}": no BackupStorageLocation of the cluster "${name}" is this place`;
  return usage('LOCATION_NOT_OF_CLUSTER', message, 'Name the cluster whose Velero writes there');
}

function schedulesUnknown(url: string): DrydockError {
  const message = `Cannot tell the slots of "${url}": nobody says which schedules there are`;
  return usage(
    'SCHEDULES_UNKNOWN',
    message,
    'Ask a cluster with --context or --cluster, or add "verify: { schedules: [...] }" to the configuration',
  );
}

function usage(code: string, message: string, hint: string): DrydockError {
  return new DrydockError('usage', code, message, { hint });
}
