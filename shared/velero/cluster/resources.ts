import type { KubernetesObject, ResourceType } from '../../kubernetes/api.ts';
import { parseBackup } from '../artefacts/backup.ts';
import { at, flagAt, textAt, textMapAt, timeAt } from '../artefacts/json.ts';
import { parseGoDuration } from '../schedule/duration.ts';
import { parseScheduleResource, type ScheduleFacts } from '../schedule/schedule-resource.ts';
import type {
  ClusterBackup,
  ClusterClaim,
  ClusterRepository,
  StorageLocation,
} from './velero-cluster.ts';

/**
 * Typed facts of what the API server gives. Nothing of an object is kept but these: annotations
 * and managed fields can be large.
 * Source: velero v1.18.2, pkg/apis/velero/v1.
 */

const GROUP = 'velero.io';

/** Resources of Velero's own group. */
export function veleroType(plural: string): ResourceType {
  return { group: GROUP, version: 'v1', plural };
}

/** @throws Error that says what is wrong with the resource. */
export function clusterBackup(object: KubernetesObject): ClusterBackup {
  const backup = parseBackup({ ...object, apiVersion: `${GROUP}/v1`, kind: 'Backup' });
  if (typeof backup === 'string') throw new Error(`Cannot read a Backup: ${backup}`);
  const ofVelero = [...backup.annotations].filter(([key]) => key.startsWith(`${GROUP}/`));
  return {
    ...backup,
    annotations: new Map(ofVelero),
    storageLocation: backup.spec.storageLocation ?? backup.labels.get('velero.io/storage-location'),
    deletingSince:
      timeAt(object, 'metadata', 'deletionTimestamp') ??
      (backup.status.phase === 'Deleting' ? lastChange(object) : undefined),
  };
}

/** No status says since when a backup has its phase; the API server notes who changed it, and when. */
function lastChange(object: KubernetesObject): Date | undefined {
  const managers = at(object, 'metadata', 'managedFields');
  const times = Array.isArray(managers)
    ? managers.flatMap((manager) => timeAt(manager, 'time')?.getTime() ?? [])
    : [];
  return times.length === 0 ? undefined : new Date(times.reduce((a, b) => Math.max(a, b)));
}

/** @throws Error that says what is wrong with the resource. */
export function clusterSchedule(object: KubernetesObject): ScheduleFacts {
  const schedule = parseScheduleResource({ ...object, kind: 'Schedule' });
  if (typeof schedule === 'string') throw new Error(`Cannot read a Schedule: ${schedule}`);
  return schedule;
}

export function storageLocation(object: KubernetesObject): StorageLocation {
  const text = (...path: string[]): string => textAt(object, ...path) ?? '';
  return {
    name: object.metadata.name,
    provider: text('spec', 'provider'),
    bucket: text('spec', 'objectStorage', 'bucket').replace(/^\/+|\/+$/g, ''),
    prefix: text('spec', 'objectStorage', 'prefix').replace(/^\/+|\/+$/g, ''),
    config: textMapAt(object, 'spec', 'config'),
    isDefault: flagAt(object, 'spec', 'default') === true,
    isReadOnly: text('spec', 'accessMode') === 'ReadOnly',
    phase: text('status', 'phase'),
    message: textAt(object, 'status', 'message'),
    createdAt: timeAt(object, 'metadata', 'creationTimestamp'),
    lastSyncedAt: timeAt(object, 'status', 'lastSyncedTime'),
    lastValidatedAt: timeAt(object, 'status', 'lastValidationTime'),
    syncPeriodMs: durationMsAt(object, 'spec', 'backupSyncPeriod'),
    validationPeriodMs: durationMsAt(object, 'spec', 'validationFrequency'),
  };
}

export function clusterRepository(object: KubernetesObject): ClusterRepository {
  const runs = at(object, 'status', 'recentMaintenance');
  return {
    name: object.metadata.name,
    volumeNamespace: textAt(object, 'spec', 'volumeNamespace') ?? '',
    storageLocation: textAt(object, 'spec', 'backupStorageLocation') ?? '',
    // Older servers know no other type than restic, and do not write it.
    repositoryType: textAt(object, 'spec', 'repositoryType') ?? 'restic',
    phase: textAt(object, 'status', 'phase') ?? '',
    message: textAt(object, 'status', 'message'),
    createdAt: timeAt(object, 'metadata', 'creationTimestamp'),
    maintenanceFrequencyMs: durationMsAt(object, 'spec', 'maintenanceFrequency'),
    lastMaintenanceAt: timeAt(object, 'status', 'lastMaintenanceTime'),
    maintenanceRuns: (Array.isArray(runs) ? runs : []).slice(-RUNS_MAX).map((run: unknown) => ({
      succeeded: textAt(run, 'result') === 'Succeeded',
      completedAt: timeAt(run, 'completeTimestamp'),
      message: textAt(run, 'message'),
    })),
  };
}

/** Velero keeps 3, its next version 25. */
const RUNS_MAX = 25;

export function clusterClaim(object: KubernetesObject): ClusterClaim {
  return {
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    labels: textMapAt(object, 'metadata', 'labels'),
    createdAt: timeAt(object, 'metadata', 'creationTimestamp'),
    phase: textAt(object, 'status', 'phase') ?? '',
  };
}

/** The version in the image of the server's Deployment, e.g. `v1.18.2`. */
export function imageVersion(deployment: KubernetesObject): string | undefined {
  const containers = at(deployment, 'spec', 'template', 'spec', 'containers');
  const all: readonly unknown[] = Array.isArray(containers) ? containers : [];
  const server = all.find((each) => textAt(each, 'name') === 'velero') ?? all[0];
  const image = textAt(server, 'image')?.replace(/@.*$/, '') ?? '';
  return versionOf(/:([^:/]+)$/.exec(image)?.[1]);
}

/** Of a ServerStatusRequest that the server has answered. */
export function statusVersion(request: KubernetesObject): string | undefined {
  return versionOf(textAt(request, 'status', 'serverVersion'));
}

/** A tag may be anything: `latest` names no version. */
function versionOf(text: string | undefined): string | undefined {
  const version = /^v?(\d+\.\d+(?:\.\d+)?(?:-[\w.-]+)?)$/.exec(text?.slice(0, 60) ?? '')?.[1];
  return version === undefined ? undefined : `v${version}`;
}

/** What a CustomResourceDefinition says of a kind whose objects lie in namespaces. */
export function namespacedKind(definition: KubernetesObject): ResourceType | undefined {
  if (textAt(definition, 'spec', 'scope') !== 'Namespaced') return undefined;
  const group = textAt(definition, 'spec', 'group');
  const plural = textAt(definition, 'spec', 'names', 'plural');
  const versions = at(definition, 'spec', 'versions');
  const served = (Array.isArray(versions) ? versions : []).filter(
    (each: unknown) => flagAt(each, 'served') === true,
  );
  const stored = served.find((each: unknown) => flagAt(each, 'storage') === true) ?? served[0];
  const version = textAt(stored, 'name');
  if (group === undefined || plural === undefined || version === undefined) return undefined;
  return { group, version, plural };
}

function durationMsAt(value: unknown, ...path: string[]): number | undefined {
  const nanoseconds = parseGoDuration(textAt(value, ...path) ?? '');
  return nanoseconds === undefined ? undefined : Number(nanoseconds / 1_000_000n);
}
