import type { KubernetesApi, KubernetesObject, ResourceType } from '../../kubernetes/api.ts';
import { isKubernetesError, KubernetesError } from '../../kubernetes/kubernetes-error.ts';
import { DrydockError } from '../../model/errors.ts';
import { customResources } from './custom-resources.ts';
import {
  clusterBackup,
  clusterClaim,
  clusterRepository,
  clusterSchedule,
  imageVersion,
  statusVersion,
  storageLocation,
  veleroType,
} from './resources.ts';
import type { Told, VeleroCluster } from './velero-cluster.ts';

export interface ClusterQuestion {
  readonly veleroNamespace: string;
  /** Where the server cannot tell. */
  readonly veleroVersion?: string;
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/** More of one kind is no cluster that could be held in memory. */
const OBJECTS_MAX = 100_000;

const NAMESPACES: ResourceType = { group: '', version: 'v1', plural: 'namespaces' };
const CLAIMS: ResourceType = { group: '', version: 'v1', plural: 'persistentvolumeclaims' };
const DEPLOYMENTS: ResourceType = { group: 'apps', version: 'v1', plural: 'deployments' };

/**
 * Asks a cluster for everything that `verify` wants to know of it, each part by itself: one that
 * is denied spoils no other. Only ever reads. Throws nothing but the reason of an aborted signal.
 */
export async function readVeleroCluster(
  api: KubernetesApi,
  question: ClusterQuestion,
): Promise<VeleroCluster> {
  const { veleroNamespace: namespace, signal } = question;
  const ofVelero = <T>(plural: string, facts: (object: KubernetesObject) => T) =>
    told(signal, () => listed(api, veleroType(plural), { namespace, signal }, facts));
  const ofCluster = <T>(type: ResourceType, facts: (object: KubernetesObject) => T) =>
    told(signal, () => listed(api, type, { signal }, facts));
  const parts = await Promise.all([
    ofVelero('schedules', clusterSchedule),
    ofVelero('backups', clusterBackup),
    ofVelero('backupstoragelocations', storageLocation),
    ofVelero('backuprepositories', clusterRepository),
    ofCluster(NAMESPACES, ({ metadata }) => metadata.name),
    ofCluster(CLAIMS, clusterClaim),
    told(signal, () => customResources(api, signal)),
    serverVersion(api, question),
  ]);
  const [schedules, backups, storageLocations, repositories, namespaces, claims, custom] = parts;
  return {
    source: api.source,
    lookedAt: question.now,
    namespace,
    serverVersion: parts[7],
    schedules,
    backups,
    storageLocations,
    repositories,
    namespaces,
    claims,
    customResources:
      custom.outcome === 'told' ? { outcome: 'told', value: custom.value.byNamespace } : custom,
    unreadKinds: custom.outcome === 'told' ? custom.value.unreadKinds : [],
  };
}

/** The typed facts of a whole collection; an object that comes again replaces what it was. */
async function listed<T>(
  api: KubernetesApi,
  type: ResourceType,
  { namespace, signal }: { readonly namespace?: string; readonly signal: AbortSignal | undefined },
  facts: (object: KubernetesObject) => T,
): Promise<readonly T[]> {
  const found = new Map<string, T>();
  const options = { ...(namespace !== undefined && { namespace }), ...(signal && { signal }) };
  for await (const object of api.list(type, options)) {
    if (found.size >= OBJECTS_MAX) {
      const message = `Cannot list ${type.plural} (${api.source}): more than ${OBJECTS_MAX}`;
      throw new KubernetesError('too_large', message);
    }
    found.set(`${object.metadata.namespace ?? ''}/${object.metadata.name}`, facts(object));
  }
  return [...found.values()];
}

/** What `ask` brings, or why not. */
async function told<T>(signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<Told<T>> {
  try {
    return { outcome: 'told', value: await ask() };
  } catch (error) {
    signal?.throwIfAborted();
    return { outcome: 'unchecked', ...whyNot(error) };
  }
}

function whyNot(error: unknown): { readonly reason: string; readonly hint: string } {
  if (isKubernetesError(error, 'api_not_found')) {
    return {
      reason: `${error.message}: Velero's CRDs are not there`,
      hint: 'Check that this is the cluster that Velero runs in: kubectl get crd -l component=velero',
    };
  }
  if (error instanceof DrydockError) return { reason: error.message, hint: error.hint };
  return {
    reason: error instanceof Error ? error.message : 'an unknown failure',
    hint: 'Look at the resource: kubectl get -o yaml',
  };
}

/** Best effort: where nobody may say it, the configuration does. */
async function serverVersion(
  api: KubernetesApi,
  { veleroNamespace: namespace, veleroVersion, signal }: ClusterQuestion,
): Promise<string | undefined> {
  const options = signal === undefined ? {} : { signal };
  const name = { name: 'velero', namespace };
  const deployment = await told(signal, () => api.get(DEPLOYMENTS, name, options));
  const image = deployment.outcome === 'told' ? imageVersion(deployment.value) : undefined;
  if (image !== undefined) return image;
  // Those that somebody else made: one of our own would be a write.
  const type = veleroType('serverstatusrequests');
  const answers = await told(signal, () => listed(api, type, { namespace, signal }, statusVersion));
  const versions = answers.outcome === 'told' ? answers.value : [];
  return versions.findLast((version) => version !== undefined) ?? veleroVersion;
}
