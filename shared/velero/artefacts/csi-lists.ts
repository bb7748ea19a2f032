/** Snapshot objects of CSI: from the lists that Velero wrote up to 1.16, and from the tarball. */
import { at, countAt, flagAt, textAt } from './json.ts';
import type { NamespacedName } from './volume-lists.ts';

/** A VolumeSnapshot. */
export interface CsiSnapshot {
  readonly namespace: string;
  readonly name: string;
  /** Of the same namespace. */
  readonly claim: string | undefined;
  /** Name of the bound VolumeSnapshotContent. */
  readonly content: string | undefined;
  readonly ready: boolean | undefined;
}

/** A VolumeSnapshotContent. Its handle is there only after the finalizer rewrote the tarball. */
export interface CsiSnapshotContent {
  readonly name: string;
  readonly driver: string | undefined;
  readonly handle: string | undefined;
  readonly snapshot: NamespacedName | undefined;
  /** The driver's id of the volume that was taken. */
  readonly volumeHandle: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly ready: boolean | undefined;
}

export function parseCsiSnapshot(value: unknown): CsiSnapshot {
  return {
    namespace: textAt(value, 'metadata', 'namespace') ?? '',
    name: textAt(value, 'metadata', 'name') ?? '',
    claim: textAt(value, 'spec', 'source', 'persistentVolumeClaimName'),
    content:
      textAt(value, 'status', 'boundVolumeSnapshotContentName') ??
      textAt(value, 'spec', 'source', 'volumeSnapshotContentName'),
    ready: flagAt(value, 'status', 'readyToUse'),
  };
}

export function parseCsiSnapshotContent(value: unknown): CsiSnapshotContent {
  const reference = at(value, 'spec', 'volumeSnapshotRef');
  const namespace = textAt(reference, 'namespace');
  const name = textAt(reference, 'name');
  return {
    name: textAt(value, 'metadata', 'name') ?? '',
    driver: textAt(value, 'spec', 'driver'),
    handle:
      textAt(value, 'status', 'snapshotHandle') ??
      textAt(value, 'spec', 'source', 'snapshotHandle'),
    snapshot: namespace === undefined || name === undefined ? undefined : { namespace, name },
    volumeHandle: textAt(value, 'spec', 'source', 'volumeHandle'),
    sizeBytes: countAt(value, 'status', 'restoreSize'),
    ready: flagAt(value, 'status', 'readyToUse'),
  };
}
