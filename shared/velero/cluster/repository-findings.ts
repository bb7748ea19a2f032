import { type Finding, finding } from '../../model/finding.ts';
import { plain, readable } from '../checks/plain.ts';
import { commandWord, kubectlIn } from './kubectl.ts';
import type { ClusterRepository, StorageLocation, VeleroCluster } from './velero-cluster.ts';

export interface RepositoryQuestion {
  readonly cluster: VeleroCluster;
  /** As `matchStorageLocation` found it. */
  readonly storageLocation: StorageLocation;
  /** Of the location. */
  readonly url: string;
}

const HOUR_MS = 3_600_000;
/** Velero's defaults where the resource names none. */
const FREQUENCY_MS = { kopia: HOUR_MS, restic: 7 * 24 * HOUR_MS };
const LATE_FACTOR = 3;

/**
 * V10, as far as the cluster knows it: whether Velero can open its volume repositories, and whether
 * it maintains them. Without told BackupRepositories nothing is claimed.
 */
export function repositoryFindings(question: RepositoryQuestion): readonly Finding[] {
  const { cluster, storageLocation, url } = question;
  if (cluster.repositories.outcome === 'unchecked') return [];
  return cluster.repositories.value
    .filter((repository) => repository.storageLocation === storageLocation.name)
    .flatMap((repository) => {
      const folder = repository.repositoryType === 'restic' ? 'restic' : 'kopia';
      const subject = `${url}/${folder}/${plain(repository.volumeNamespace)}`;
      if (repository.phase === 'NotReady')
        return [notReady(repository, subject, cluster.namespace)];
      // Velero maintains nothing where it may not write.
      if (storageLocation.isReadOnly || repository.phase !== 'Ready') return [];
      return unmaintained(repository, subject, cluster.lookedAt);
    });
}

function notReady(
  { name, message }: ClusterRepository,
  subject: string,
  namespace: string,
): Finding {
  const reason = message === undefined ? 'no reason is given' : readable(message);
  const hint = `Remove the cause, then: ${kubectlIn(namespace)} delete backuprepositories ${commandWord(name)}`;
  const text = `The repository ${plain(name)} is NotReady: ${reason}`;
  return finding('REPOSITORY_NOT_READY', subject, text, { hint });
}

function unmaintained(repository: ClusterRepository, subject: string, now: Date): Finding[] {
  const { name, lastMaintenanceAt, createdAt, maintenanceRuns } = repository;
  const last = maintenanceRuns.at(-1);
  if (last?.succeeded === false) {
    const reason = last.message === undefined ? 'no reason is given' : readable(last.message);
    const text = `The last maintenance of ${plain(name)} failed: ${reason}`;
    return [finding('REPOSITORY_UNMAINTAINED', subject, text)];
  }
  const since = lastMaintenanceAt ?? createdAt;
  const byDefault = repository.repositoryType === 'restic' ? 'restic' : 'kopia';
  const frequencyMs = repository.maintenanceFrequencyMs ?? FREQUENCY_MS[byDefault];
  if (since === undefined || now.getTime() - since.getTime() <= LATE_FACTOR * frequencyMs)
    return [];
  const agoHours = Math.floor((now.getTime() - since.getTime()) / HOUR_MS);
  const every = `it is due every ${Math.round((frequencyMs / HOUR_MS) * 10) / 10} hours`;
  const text = `The last maintenance of ${plain(name)} was ${agoHours} hours ago, if ever; ${every}`;
  return [finding('REPOSITORY_UNMAINTAINED', subject, text)];
}
