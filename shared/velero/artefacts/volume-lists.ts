/**
 * The lists of a backup that tell of volumes (reference `velero.md` 1.5, 3.1). Every field that a
 * version may leave out is `undefined` when absent, empty or of another type.
 * Sources: velero v1.13.0, v1.15.0 and v1.18.2, internal/volume/volumes_information.go and
 * snapshot.go, pkg/itemoperation, pkg/apis/velero/v1/pod_volume_backup.go.
 */
import { at, countAt, flagAt, isObject, textAt, textMapAt, timeAt } from './json.ts';

/** Either may be empty in a record that Velero did not write. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** A record of `-podvolumebackups.json.gz`. */
export interface PodVolumeBackup {
  readonly name: string | undefined;
  readonly pod: NamespacedName | undefined;
  /** The name of the volume within the pod. */
  readonly volume: string | undefined;
  /** From an annotation of 1.17 and later. */
  readonly claim: string | undefined;
  /** `restic` where a record of before 1.10 names none. */
  readonly uploader: string;
  readonly phase: string;
  readonly snapshotId: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly message: string | undefined;
}

/** A record of `-volumesnapshots.json.gz`: a snapshot by a plug-in of Velero's own kind. */
export interface NativeSnapshot {
  /** Name of the VolumeSnapshotLocation. */
  readonly location: string | undefined;
  readonly persistentVolume: string | undefined;
  readonly providerVolumeId: string | undefined;
  readonly availabilityZone: string | undefined;
  readonly snapshotId: string | undefined;
  readonly phase: string;
}

/** A record of `-itemoperations.json.gz`. */
export interface ItemOperation {
  readonly id: string | undefined;
  /** The plug-in, e.g. `velero.io/csi-pvc-backupper`. */
  readonly action: string;
  readonly resource: ResourceIdentifier;
  /** What the operation makes, e.g. a DataUpload. */
  readonly makes: readonly ResourceIdentifier[];
  readonly phase: string;
  readonly error: string | undefined;
  readonly done: number | undefined;
  readonly total: number | undefined;
}

/** Capitalised in the JSON, since the Go type has no tags. */
export interface ResourceIdentifier {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** A record of `-volumeinfo.json.gz`. */
export interface VolumeInfo {
  readonly claim: NamespacedName | undefined;
  readonly persistentVolume: string | undefined;
  /** As written: `NativeSnapshot`, `PodVolumeBackup`, `CSISnapshot`; absent when skipped. */
  readonly method: string | undefined;
  readonly dataMoved: boolean;
  readonly skipped: boolean;
  readonly skippedReason: string | undefined;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
  /** `succeeded` or `failed`, from 1.15 on. */
  readonly result: string | undefined;
  readonly native: { readonly handle: string | undefined; readonly phase: string } | undefined;
  readonly csi: CsiSnapshotInfo | undefined;
  readonly moved: DataMovementInfo | undefined;
  readonly podVolume: PodVolumeInfo | undefined;
  readonly reclaimPolicy: string | undefined;
}

export interface CsiSnapshotInfo {
  /** Never the text `unknown` that stands there for a volume whose data was moved. */
  readonly handle: string | undefined;
  readonly driver: string | undefined;
  readonly content: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly ready: boolean | undefined;
}

export interface DataMovementInfo {
  readonly handle: string | undefined;
  /** Empty and `velero` are Velero's own. */
  readonly dataMover: string;
  readonly uploader: string;
  readonly operationId: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly phase: string;
}

export interface PodVolumeInfo {
  readonly handle: string | undefined;
  readonly uploader: string;
  readonly volume: string | undefined;
  readonly pod: NamespacedName | undefined;
  readonly sizeBytes: number | undefined;
  readonly phase: string;
}

/**
 * The records of a list, each by `parse`. Velero writes the literal null for an empty list; a list
 * with anything but records in it is one that Velero's own reader refuses.
 */
export function parseList<T>(
  parse: (record: unknown) => T,
): (value: unknown) => readonly T[] | string {
  return (value) => {
    if (value === null) return [];
    if (!Array.isArray(value)) return 'it is no list';
    const odd = value.findIndex((record) => !isObject(record));
    return odd < 0 ? value.map(parse) : `its record ${odd + 1} is no object`;
  };
}

export function parsePodVolumeBackup(record: unknown): PodVolumeBackup {
  const spec = at(record, 'spec');
  return {
    name: textAt(record, 'metadata', 'name'),
    pod: namespaced(textAt(spec, 'pod', 'namespace'), textAt(spec, 'pod', 'name')),
    volume: textAt(spec, 'volume'),
    claim: textMapAt(record, 'metadata', 'annotations').get('velero.io/pvc-name'),
    uploader: textAt(spec, 'uploaderType') ?? 'restic',
    phase: textAt(record, 'status', 'phase') ?? '',
    snapshotId: textAt(record, 'status', 'snapshotID'),
    sizeBytes: countAt(record, 'status', 'progress', 'totalBytes'),
    message: textAt(record, 'status', 'message'),
  };
}

export function parseNativeSnapshot(record: unknown): NativeSnapshot {
  const spec = at(record, 'spec');
  return {
    location: textAt(spec, 'location'),
    persistentVolume: textAt(spec, 'persistentVolumeName'),
    providerVolumeId: textAt(spec, 'providerVolumeID'),
    availabilityZone: textAt(spec, 'volumeAZ'),
    snapshotId: known(textAt(record, 'status', 'providerSnapshotID')),
    phase: textAt(record, 'status', 'phase') ?? '',
  };
}

export function parseItemOperation(record: unknown): ItemOperation {
  const spec = at(record, 'spec');
  const status = at(record, 'status');
  const makes = at(spec, 'postOperationItems');
  return {
    id: textAt(spec, 'operationID'),
    action: textAt(spec, 'backupItemAction') ?? '',
    resource: parseIdentifier(at(spec, 'resourceIdentifier')),
    makes: Array.isArray(makes) ? makes.map(parseIdentifier) : [],
    phase: textAt(status, 'phase') ?? '',
    error: textAt(status, 'error'),
    done: countAt(status, 'nCompleted'),
    total: countAt(status, 'nTotal'),
  };
}

function parseIdentifier(value: unknown): ResourceIdentifier {
  const either = (name: string): string =>
    textAt(value, name) ?? textAt(value, name.toLowerCase()) ?? '';
  return {
    group: either('Group'),
    resource: either('Resource'),
    namespace: either('Namespace'),
    name: either('Name'),
  };
}

export function parseVolumeInfo(record: unknown): VolumeInfo {
  return {
    claim: namespaced(textAt(record, 'pvcNamespace'), textAt(record, 'pvcName')),
    persistentVolume: textAt(record, 'pvName'),
    method: textAt(record, 'backupMethod'),
    dataMoved: flagAt(record, 'snapshotDataMoved') ?? false,
    skipped: flagAt(record, 'skipped') ?? false,
    skippedReason: textAt(record, 'skippedReason'),
    startedAt: timeAt(record, 'startTimestamp'),
    completedAt: timeAt(record, 'completionTimestamp'),
    result: textAt(record, 'result'),
    native: part(record, 'nativeSnapshotInfo', (info) => ({
      handle: known(textAt(info, 'snapshotHandle')),
      phase: phaseOf(info),
    })),
    csi: part(record, 'csiSnapshotInfo', (info) => ({
      handle: known(textAt(info, 'snapshotHandle')),
      driver: known(textAt(info, 'driver')),
      content: known(textAt(info, 'vscName')),
      sizeBytes: countAt(info, 'size'),
      ready: flagAt(info, 'ReadyToUse') ?? flagAt(info, 'readyToUse'),
    })),
    moved: part(record, 'snapshotDataMovementInfo', (info) => ({
      handle: known(textAt(info, 'snapshotHandle')),
      dataMover: textAt(info, 'dataMover') ?? '',
      uploader: textAt(info, 'uploaderType') ?? '',
      operationId: known(textAt(info, 'operationID')),
      sizeBytes: countAt(info, 'size'),
      phase: phaseOf(info),
    })),
    podVolume: part(record, 'pvbInfo', (info) => ({
      handle: known(textAt(info, 'snapshotHandle')),
      uploader: textAt(info, 'uploaderType') ?? '',
      volume: textAt(info, 'volumeName'),
      pod: namespaced(textAt(info, 'podNamespace'), textAt(info, 'podName')),
      sizeBytes: countAt(info, 'size'),
      phase: phaseOf(info),
    })),
    reclaimPolicy: textAt(record, 'pvInfo', 'reclaimPolicy'),
  };
}

function part<T>(record: unknown, name: string, parse: (info: unknown) => T): T | undefined {
  const info = at(record, name);
  return isObject(info) ? parse(info) : undefined;
}

function namespaced(namespace = '', name = ''): NamespacedName | undefined {
  return namespace === '' && name === '' ? undefined : { namespace, name };
}

/** Capitalised from 1.15 on, since the Go field has no tag; absent before. */
function phaseOf(info: unknown): string {
  return textAt(info, 'Phase') ?? textAt(info, 'phase') ?? '';
}

/** Velero writes `unknown` where a moved volume has no such thing: never a handle for a cloud. */
function known(text: string | undefined): string | undefined {
  return text === 'unknown' ? undefined : text;
}
