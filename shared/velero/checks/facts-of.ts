/** What is kept of the parsed artefacts: plain JSON, without members that are undefined. */
import type { BackupResource } from '../artefacts/backup.ts';
import type { ContentsSummary } from '../artefacts/contents-summary.ts';
import type { InventoryVolume } from '../artefacts/inventory.ts';
import type { Messages } from '../artefacts/results.ts';
import type { NativeSnapshot } from '../artefacts/volume-lists.ts';
import type { ContentsFacts, ErrorFacts, ResourceFacts, VolumeFact } from './backup-facts.ts';

/** What the ledger keeps of each backup must stay small. */
export const NAMES_MAX = 20_000;
const REASON_LENGTH_MAX = 500;

/** A type whose optional members may be there and undefined. */
type Loose<T> = { [K in keyof T]: T[K] | undefined };

/** Leaves out what is undefined, so that the value is the same after JSON. */
export function compact<T extends object>(value: Loose<Required<T>>): T {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members) as T;
}

export function resourceFacts(backup: BackupResource): ResourceFacts {
  const { spec, status } = backup;
  return compact<ResourceFacts>({
    name: backup.name,
    uid: backup.uid,
    phase: status.phase,
    meaning: status.meaning,
    schedule: backup.schedule,
    createdAt: backup.createdAt?.toISOString(),
    startedAt: status.startedAt?.toISOString(),
    completedAt: status.completedAt?.toISOString(),
    expiresAt: status.expiresAt?.toISOString(),
    kubernetesVersion: backup.kubernetesVersion,
    errors: status.errors,
    warnings: status.warnings,
    hooksFailed: status.hooks?.failed ?? 0,
    items: status.items?.total,
    includedNamespaces: spec.includedNamespaces.slice(0, NAMES_MAX),
    excludedNamespaces: spec.excludedNamespaces.slice(0, NAMES_MAX),
    hasSelector: spec.hasSelector,
    itemOperationTimeoutMs: spec.itemOperationTimeoutMs,
  });
}

export function contentsFacts(summary: ContentsSummary): ContentsFacts {
  const namespaces = [...summary.namespaces].map(([name, objects]) => ({ name, objects }));
  const hasTooLarge = summary.problems.some(({ kind }) => kind === 'too-large-object');
  return {
    objects: summary.objects,
    secrets: summary.secrets,
    inflatedSizeBytes: summary.inflatedSizeBytes,
    namespaces: namespaces.sort((a, b) => (a.name < b.name ? -1 : 1)),
    claims: summary.claims.slice(0, NAMES_MAX).map(({ namespace, name, labels, volume }) => ({
      namespace,
      name,
      labels: [...labels],
      isBound: volume !== undefined,
    })),
    isCut: summary.isCut || hasTooLarge || summary.claims.length > NAMES_MAX,
  };
}

/** @param snapshots the native ones, which alone know the zone. */
export function volumeFacts(
  volumes: readonly InventoryVolume[],
  snapshots: readonly NativeSnapshot[],
): readonly VolumeFact[] {
  const zones = new Map(snapshots.map((each) => [each.snapshotId, each.availabilityZone]));
  return volumes.slice(0, NAMES_MAX).map((volume) =>
    compact<VolumeFact>({
      id: volume.id,
      claim: volume.claim && { namespace: volume.claim.namespace, name: volume.claim.name },
      method: volume.method,
      handle: volume.handle,
      result: volume.result,
      sizeBytes: volume.sizeBytes,
      driver: volume.driver,
      repositoryNamespace: volume.repositoryNamespace,
      zone:
        volume.method === 'native' && volume.handle !== undefined
          ? zones.get(volume.handle)
          : undefined,
      reason: volume.reason?.slice(0, REASON_LENGTH_MAX),
    }),
  );
}

export function errorFacts(errors: Messages): ErrorFacts {
  const namespaces = [...errors.namespaces].map(([name, { length }]) => ({ name, errors: length }));
  return {
    velero: errors.velero.length,
    cluster: errors.cluster.length,
    namespaces: namespaces.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, NAMES_MAX),
  };
}
