import { METADATA_SIZE_BYTES_MAX, writtenSince } from '../completeness.ts';
import { BACKUP_METADATA, type WrittenSince } from '../layout.ts';
import { parseGoDuration } from '../schedule/duration.ts';
import { at, countAt, flagAt, textAt, textMapAt, textsAt, timeAt } from './json.ts';
import type { ArtefactLimits } from './stored.ts';

export const BACKUP_LIMITS: ArtefactLimits = {
  storedSizeBytesMax: METADATA_SIZE_BYTES_MAX,
  inflatedSizeBytesMax: METADATA_SIZE_BYTES_MAX,
};

/**
 * What a phase in the store means (reference `velero.md` 2.1).
 * - `ended`: Velero writes nothing more.
 * - `at-work`: the first upload is done, operations or the finalizer are still to come.
 * - `never-stored`: a phase that Velero only has in the cluster. `New` with a name makes servers up
 *   to 1.18.2 execute the backup's hooks (#10347): somebody else wrote it.
 * - `none`: no phase at all, which Velero never stores either.
 * - `unknown`: none that any known version has.
 */
export type PhaseMeaning = 'ended' | 'at-work' | 'never-stored' | 'none' | 'unknown';

const PHASES: ReadonlyMap<string, PhaseMeaning> = new Map([
  ['', 'none'],
  ['Completed', 'ended'],
  ['PartiallyFailed', 'ended'],
  ['Failed', 'ended'],
  ['WaitingForPluginOperations', 'at-work'],
  ['WaitingForPluginOperationsPartiallyFailed', 'at-work'],
  ['Finalizing', 'at-work'],
  ['FinalizingPartiallyFailed', 'at-work'],
  // Up to 1.10.
  ['Uploading', 'at-work'],
  ['UploadingPartialFailure', 'at-work'],
  ['New', 'never-stored'],
  ['Queued', 'never-stored'],
  ['ReadyToStart', 'never-stored'],
  ['FailedValidation', 'never-stored'],
  ['InProgress', 'never-stored'],
  ['Deleting', 'never-stored'],
]);

export function phaseMeaning(phase: string): PhaseMeaning {
  return PHASES.get(phase) ?? 'unknown';
}

/** A pair of numbers that Velero counts; absent ones are 0, as Go leaves them out. */
export interface Attempts {
  readonly attempted: number;
  readonly completed: number;
}

/** `velero-backup.json`, or the same resource from the cluster. */
export interface BackupResource {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly createdAt: Date | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** Of the label `velero.io/schedule-name`. */
  readonly schedule: string | undefined;
  /** What `kubectl version` of the cluster said, e.g. `v1.36.3`. */
  readonly kubernetesVersion: string | undefined;
  readonly spec: BackupScope;
  readonly status: BackupStatus;
  readonly writtenSince: WrittenSince;
}

/** What the backup was to take. */
export interface BackupScope {
  /** Empty and `*` both mean all. */
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  /** Of all three families of fields: plain, cluster-scoped, namespace-scoped. */
  readonly includedResources: readonly string[];
  readonly excludedResources: readonly string[];
  readonly includeClusterResources: boolean | undefined;
  /** Whether a label selector leaves objects out. */
  readonly hasSelector: boolean;
  readonly hasResourcePolicy: boolean;
  readonly snapshotVolumes: boolean | undefined;
  /** Under its name up to 1.9, `defaultVolumesToRestic`, as well. */
  readonly defaultVolumesToFsBackup: boolean | undefined;
  readonly snapshotMoveData: boolean | undefined;
  readonly storageLocation: string | undefined;
  readonly volumeSnapshotLocations: readonly string[];
  /** A Go duration, e.g. `720h0m0s`. */
  readonly ttl: string | undefined;
  /** How long operations may take; 4 hours where it is absent. */
  readonly itemOperationTimeoutMs: number | undefined;
}

export interface BackupStatus {
  /** As it is written, known or not; empty when there is none. */
  readonly phase: string;
  readonly meaning: PhaseMeaning;
  readonly version: number | undefined;
  /** Of the tarball, e.g. `1.1.0`. */
  readonly formatVersion: string | undefined;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
  readonly expiresAt: Date | undefined;
  readonly errors: number;
  readonly warnings: number;
  readonly failureReason: string | undefined;
  readonly validationErrors: readonly string[];
  /** Both are set to the same number at the end. */
  readonly items: { readonly total: number; readonly backedUp: number } | undefined;
  readonly nativeSnapshots: Attempts;
  readonly csiSnapshots: Attempts;
  readonly operations: Attempts & { readonly failed: number };
  /** `undefined` for backups older than 1.13. */
  readonly hooks: { readonly attempted: number; readonly failed: number } | undefined;
}

/**
 * @returns a text that says what is wrong when it is no Backup resource.
 */
export function parseBackup(value: unknown): BackupResource | string {
  if (at(value, 'kind') !== 'Backup') return `${BACKUP_METADATA} is no Backup resource`;
  const group = textAt(value, 'apiVersion')?.split('/')[0];
  if (group !== 'velero.io') return `${BACKUP_METADATA} is no Backup resource of velero.io`;
  const name = textAt(value, 'metadata', 'name');
  if (name === undefined) return `${BACKUP_METADATA} has no name`;
  const labels = textMapAt(value, 'metadata', 'labels');
  const annotations = textMapAt(value, 'metadata', 'annotations');
  return {
    name,
    namespace: textAt(value, 'metadata', 'namespace') ?? '',
    uid: textAt(value, 'metadata', 'uid') ?? '',
    createdAt: timeAt(value, 'metadata', 'creationTimestamp'),
    labels,
    annotations,
    schedule: labels.get('velero.io/schedule-name'),
    kubernetesVersion: annotations.get('velero.io/source-cluster-k8s-gitversion'),
    spec: parseScope(at(value, 'spec')),
    status: parseStatus(at(value, 'status')),
    writtenSince: writtenSince(value),
  };
}

function parseScope(spec: unknown): BackupScope {
  return {
    includedNamespaces: textsAt(spec, 'includedNamespaces'),
    excludedNamespaces: textsAt(spec, 'excludedNamespaces'),
    includedResources: [
      ...textsAt(spec, 'includedResources'),
      ...textsAt(spec, 'includedClusterScopedResources'),
      ...textsAt(spec, 'includedNamespaceScopedResources'),
    ],
    excludedResources: [
      ...textsAt(spec, 'excludedResources'),
      ...textsAt(spec, 'excludedClusterScopedResources'),
      ...textsAt(spec, 'excludedNamespaceScopedResources'),
    ],
    includeClusterResources: flagAt(spec, 'includeClusterResources'),
    hasSelector: isThere(at(spec, 'labelSelector')) || isThere(at(spec, 'orLabelSelectors')),
    hasResourcePolicy: isThere(at(spec, 'resourcePolicy')),
    snapshotVolumes: flagAt(spec, 'snapshotVolumes'),
    defaultVolumesToFsBackup:
      flagAt(spec, 'defaultVolumesToFsBackup') ?? flagAt(spec, 'defaultVolumesToRestic'),
    snapshotMoveData: flagAt(spec, 'snapshotMoveData'),
    storageLocation: textAt(spec, 'storageLocation'),
    volumeSnapshotLocations: textsAt(spec, 'volumeSnapshotLocations'),
    ttl: textAt(spec, 'ttl'),
    itemOperationTimeoutMs: durationMs(textAt(spec, 'itemOperationTimeout')),
  };
}

function durationMs(text: string | undefined): number | undefined {
  const nanoseconds = text === undefined ? undefined : parseGoDuration(text);
  return nanoseconds === undefined ? undefined : Number(nanoseconds / 1_000_000n);
}

function isThere(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function parseStatus(status: unknown): BackupStatus {
  const count = (name: string): number => countAt(status, name) ?? 0;
  const phase = textAt(status, 'phase') ?? '';
  const hooks = at(status, 'hookStatus');
  const progress = at(status, 'progress');
  return {
    phase,
    meaning: phaseMeaning(phase),
    version: countAt(status, 'version'),
    formatVersion: textAt(status, 'formatVersion'),
    startedAt: timeAt(status, 'startTimestamp'),
    completedAt: timeAt(status, 'completionTimestamp'),
    expiresAt: timeAt(status, 'expiration'),
    errors: count('errors'),
    warnings: count('warnings'),
    failureReason: textAt(status, 'failureReason'),
    validationErrors: textsAt(status, 'validationErrors'),
    items: isThere(progress)
      ? {
          total: countAt(progress, 'totalItems') ?? 0,
          backedUp: countAt(progress, 'itemsBackedUp') ?? 0,
        }
      : undefined,
    nativeSnapshots: {
      attempted: count('volumeSnapshotsAttempted'),
      completed: count('volumeSnapshotsCompleted'),
    },
    csiSnapshots: {
      attempted: count('csiVolumeSnapshotsAttempted'),
      completed: count('csiVolumeSnapshotsCompleted'),
    },
    operations: {
      attempted: count('backupItemOperationsAttempted'),
      completed: count('backupItemOperationsCompleted'),
      failed: count('backupItemOperationsFailed'),
    },
    hooks:
      typeof hooks === 'object' && hooks !== null
        ? {
            attempted: countAt(hooks, 'hooksAttempted') ?? 0,
            failed: countAt(hooks, 'hooksFailed') ?? 0,
          }
        : undefined,
  };
}
