import type { KubernetesObject } from '../../../shared/kubernetes/api.ts';
import {
  clusterBackup,
  clusterClaim,
  clusterRepository,
  clusterSchedule,
  storageLocation,
} from '../../../shared/velero/cluster/resources.ts';
import type {
  StorageLocation,
  Told,
  VeleroCluster,
} from '../../../shared/velero/cluster/velero-cluster.ts';
import { LOOKED_AT, type Resource, realAnswers } from './world.ts';

export type Kind = 'backups' | 'schedules' | 'backupstoragelocations' | 'backuprepositories';

/** The real cluster, in which `change` has changed one resource of a kind. */
export function clusterWith(
  kind?: Kind,
  name?: string,
  change: (resource: Resource) => void = () => undefined,
): VeleroCluster {
  const lists = structuredClone(realAnswers());
  const velero = (plural: Kind) =>
    lists.get(`/apis/velero.io/v1/namespaces/velero/${plural}`) ?? [];
  if (kind !== undefined) {
    const found = velero(kind).find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new Error(`the fixture has no "${name}" among its ${kind}`);
    change(found);
  }
  const facts = <T>(
    items: readonly Resource[],
    parse: (object: KubernetesObject) => T,
  ): Told<T[]> => told(items.map((item) => parse(item)));
  return {
    source: 'context "twin"',
    lookedAt: LOOKED_AT,
    namespace: 'velero',
    serverVersion: 'v1.18.2',
    schedules: facts(velero('schedules'), clusterSchedule),
    backups: facts(velero('backups'), clusterBackup),
    storageLocations: facts(velero('backupstoragelocations'), storageLocation),
    repositories: facts(velero('backuprepositories'), clusterRepository),
    namespaces: facts(lists.get('/api/v1/namespaces') ?? [], ({ metadata }) => metadata.name),
    claims: facts(lists.get('/api/v1/persistentvolumeclaims') ?? [], clusterClaim),
    customResources: told([{ namespace: 'platform', kinds: ['orders.shop.example.com'] }]),
    unreadKinds: [],
  };
}

export function told<T>(value: T): Told<T> {
  return { outcome: 'told', value };
}

export const denied: Told<never> = {
  outcome: 'unchecked',
  reason: 'Cannot list them (context "twin"): access denied (403 Forbidden)',
  hint: 'Grant the identity this verb on the resource',
};

/** The one storage location of the fixture. */
export function theLocation({ storageLocations }: VeleroCluster): StorageLocation {
  const [found] = storageLocations.outcome === 'told' ? storageLocations.value : [];
  if (found === undefined) throw new Error('the cluster has no storage location');
  return found;
}
