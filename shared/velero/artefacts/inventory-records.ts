import { isOwnDataMover } from '../volume-references.ts';
import type { CsiSnapshot, CsiSnapshotContent } from './csi-lists.ts';
import type { VolumeFacts } from './volume-facts.ts';
import type {
  ItemOperation,
  NamespacedName,
  NativeSnapshot,
  PodVolumeBackup,
  VolumeInfo,
} from './volume-lists.ts';

/** How the data of a volume was taken. */
export type VolumeMethod = 'native' | 'csi' | 'data-mover' | 'fs-backup' | 'skipped' | 'unknown';

/** Who says so: one of the backup's lists, or an object in its tarball. */
export type Witness =
  | 'volume-info'
  | 'pod-volume-backups'
  | 'volume-snapshots'
  | 'item-operations'
  | 'data-upload'
  | 'csi-content'
  /** The lists that Velero wrote up to 1.16. */
  | 'csi-lists';

/** `empty`: completed without a snapshot, since there was nothing to save. */
export type VolumeResult = 'succeeded' | 'failed' | 'unfinished' | 'empty';

/** What one witness says of one volume. */
export interface VolumeRecord {
  readonly witness: Witness;
  readonly method: VolumeMethod;
  readonly claim: NamespacedName | undefined;
  readonly persistentVolume: string | undefined;
  readonly pod: (NamespacedName & { readonly volume: string }) | undefined;
  /** Id of the cloud snapshot, or of the manifest in the Kopia repository. */
  readonly handle: string | undefined;
  readonly result: VolumeResult;
  readonly sizeBytes: number | undefined;
  readonly driver: string | undefined;
  /** `kopia`, `restic`, or the name of somebody else's data mover. */
  readonly uploader: string | undefined;
  readonly reason: string | undefined;
}

const NOTHING = {
  claim: undefined,
  persistentVolume: undefined,
  pod: undefined,
  handle: undefined,
  sizeBytes: undefined,
  driver: undefined,
  uploader: undefined,
  reason: undefined,
} as const;

const METHODS: ReadonlyMap<string, VolumeMethod> = new Map([
  ['NativeSnapshot', 'native'],
  ['CSISnapshot', 'csi'],
  ['PodVolumeBackup', 'fs-backup'],
]);

export function fromVolumeInfo(info: VolumeInfo): VolumeRecord {
  const written = METHODS.get(info.method ?? '') ?? 'unknown';
  const isMoved = written === 'csi' && info.dataMoved;
  const method = info.skipped ? 'skipped' : isMoved ? 'data-mover' : written;
  const { native, csi, moved, podVolume } = info;
  const part = { native, csi, 'data-mover': moved, 'fs-backup': podVolume }[method as 'native'];
  const phase = part !== undefined && 'phase' in part ? part.phase : '';
  const sizeBytes = (method === 'csi' ? csi : isMoved ? moved : podVolume)?.sizeBytes;
  const pod = podVolume?.pod;
  return {
    witness: 'volume-info',
    method,
    claim: info.claim,
    persistentVolume: info.persistentVolume,
    pod: pod && { ...pod, volume: podVolume?.volume ?? '' },
    handle: part?.handle,
    result: info.skipped ? 'succeeded' : resultOf(info.result, phase, method, part?.handle),
    sizeBytes: method === 'native' ? undefined : sizeBytes,
    driver: csi?.driver,
    uploader: isMoved ? moved && uploaderOf(moved.dataMover) : podVolume?.uploader,
    reason: info.skippedReason,
  };
}

/** Velero's own data mover writes into Kopia. */
function uploaderOf(dataMover: string): string {
  return isOwnDataMover(dataMover) ? 'kopia' : dataMover;
}

/** Before 1.15 there is no result, before 1.14 no phase: then a handle has to do. */
function resultOf(
  result: string | undefined,
  phase: string,
  method: VolumeMethod,
  handle: string | undefined,
): VolumeResult {
  if (result === 'failed' || isFailed(phase)) return 'failed';
  if (phase !== '' && phase !== 'Completed') return 'unfinished';
  if (handle !== undefined) return 'succeeded';
  return method === 'fs-backup' && phase === 'Completed' ? 'empty' : 'unfinished';
}

function isFailed(phase: string): boolean {
  return phase === 'Failed' || phase === 'Canceled';
}

export function fromPodVolumeBackup(record: PodVolumeBackup): VolumeRecord {
  const { pod, volume, claim, snapshotId, phase, sizeBytes, message } = record;
  return {
    ...NOTHING,
    witness: 'pod-volume-backups',
    method: 'fs-backup',
    claim: pod && claim !== undefined ? { namespace: pod.namespace, name: claim } : undefined,
    pod: pod && { ...pod, volume: volume ?? '' },
    handle: snapshotId,
    result: resultOf(undefined, phase || 'New', 'fs-backup', snapshotId),
    sizeBytes,
    uploader: record.uploader,
    reason: message,
  };
}

export function fromNativeSnapshot(record: NativeSnapshot): VolumeRecord {
  return {
    ...NOTHING,
    witness: 'volume-snapshots',
    method: 'native',
    persistentVolume: record.persistentVolume,
    handle: record.snapshotId,
    result: resultOf(undefined, record.phase || 'New', 'native', record.snapshotId),
  };
}

export function fromDataUploads({ dataUploads }: VolumeFacts): readonly VolumeRecord[] {
  return dataUploads.map((upload) => ({
    ...NOTHING,
    witness: 'data-upload' as const,
    method: 'data-mover' as const,
    claim: upload.claim,
    handle: upload.snapshotId,
    result: resultOf(undefined, upload.phase || 'New', 'data-mover', upload.snapshotId),
    sizeBytes: upload.sizeBytes,
    uploader: uploaderOf(upload.dataMover),
    reason: upload.message,
  }));
}

/** Contents of CSI, each with the claim of the VolumeSnapshot that it belongs to. */
export function fromCsi(
  witness: 'csi-content' | 'csi-lists',
  snapshots: readonly CsiSnapshot[],
  contents: readonly CsiSnapshotContent[],
): readonly VolumeRecord[] {
  const claims = new Map(snapshots.map((each) => [`${each.namespace}/${each.name}`, each.claim]));
  return contents.map(({ snapshot, handle, driver, sizeBytes }) => {
    const name = snapshot && claims.get(`${snapshot.namespace}/${snapshot.name}`);
    return {
      ...NOTHING,
      witness,
      method: 'csi' as const,
      claim: snapshot && name !== undefined ? { namespace: snapshot.namespace, name } : undefined,
      handle,
      result: handle === undefined ? ('unfinished' as const) : ('succeeded' as const),
      sizeBytes,
      driver,
    };
  });
}

const CLAIM_ACTION = /csi-pvc-backupper$/;

/** The operation on a claim is the move of its data. */
export function fromOperation(operation: ItemOperation): VolumeRecord | undefined {
  if (!CLAIM_ACTION.test(operation.action)) return undefined;
  const { namespace, name } = operation.resource;
  const { phase } = operation;
  const result = isFailed(phase) ? 'failed' : phase === 'Completed' ? 'succeeded' : 'unfinished';
  return {
    ...NOTHING,
    witness: 'item-operations',
    method: 'data-mover',
    claim: { namespace, name },
    result,
    reason: operation.error,
  };
}
