/** What the objects in a tarball tell of volumes; all else of them is dropped. */
import type { CsiSnapshot, CsiSnapshotContent } from './csi-lists.ts';
import { at, countAt, textAt, textMapAt } from './json.ts';
import type { NamespacedName } from './volume-lists.ts';

/** A PersistentVolumeClaim. */
export interface Claim extends NamespacedName {
  readonly labels: ReadonlyMap<string, string>;
  /** The bound PersistentVolume. */
  readonly volume: string | undefined;
  readonly storageClass: string | undefined;
  /** `Bound`, `Pending`, `Lost`. */
  readonly phase: string;
  /** As Kubernetes writes it, e.g. `8Gi`. */
  readonly capacity: string | undefined;
}

/** A PersistentVolume. */
export interface Volume {
  readonly name: string;
  readonly claim: NamespacedName | undefined;
  readonly reclaimPolicy: string | undefined;
  /** The CSI driver, or the name of the older kind of source, e.g. `awsElasticBlockStore`. */
  readonly source: string | undefined;
  /** Of the disk, for CSI, EBS and Azure disks. */
  readonly handle: string | undefined;
  readonly capacity: string | undefined;
}

/** A pod that has claims among its volumes. */
export interface Pod extends NamespacedName {
  /** Volume within the pod to the name of its claim. */
  readonly claims: ReadonlyMap<string, string>;
}

/** A DataUpload: without it in the tarball a moved volume cannot be restored. */
export interface DataUpload {
  readonly name: string;
  readonly claim: NamespacedName | undefined;
  readonly phase: string;
  readonly snapshotId: string | undefined;
  readonly dataMover: string;
  readonly sizeBytes: number | undefined;
  readonly message: string | undefined;
}

export interface VolumeFacts {
  readonly claims: readonly Claim[];
  readonly volumes: readonly Volume[];
  readonly pods: readonly Pod[];
  readonly dataUploads: readonly DataUpload[];
  readonly csiSnapshots: readonly CsiSnapshot[];
  readonly csiContents: readonly CsiSnapshotContent[];
}

export function parseClaim(value: unknown): Claim {
  return {
    namespace: textAt(value, 'metadata', 'namespace') ?? '',
    name: textAt(value, 'metadata', 'name') ?? '',
    labels: textMapAt(value, 'metadata', 'labels'),
    volume: textAt(value, 'spec', 'volumeName'),
    storageClass: textAt(value, 'spec', 'storageClassName'),
    phase: textAt(value, 'status', 'phase') ?? '',
    capacity:
      textAt(value, 'status', 'capacity', 'storage') ??
      textAt(value, 'spec', 'resources', 'requests', 'storage'),
  };
}

const OLD_SOURCES: ReadonlyMap<string, string | undefined> = new Map([
  ['awsElasticBlockStore', 'volumeID'],
  ['azureDisk', 'diskURI'],
  ['azureFile', undefined],
  ['gcePersistentDisk', 'pdName'],
  ['hostPath', undefined],
  ['local', undefined],
  ['nfs', undefined],
]);

export function parseVolume(value: unknown): Volume {
  const spec = at(value, 'spec');
  const namespace = textAt(spec, 'claimRef', 'namespace');
  const name = textAt(spec, 'claimRef', 'name');
  const old = [...OLD_SOURCES.keys()].find((source) => at(spec, source) !== undefined);
  const handleField = OLD_SOURCES.get(old ?? '');
  return {
    name: textAt(value, 'metadata', 'name') ?? '',
    claim: namespace === undefined || name === undefined ? undefined : { namespace, name },
    reclaimPolicy: textAt(spec, 'persistentVolumeReclaimPolicy'),
    source: textAt(spec, 'csi', 'driver') ?? old,
    handle:
      textAt(spec, 'csi', 'volumeHandle') ??
      (old && handleField ? textAt(spec, old, handleField) : undefined),
    capacity: textAt(spec, 'capacity', 'storage'),
  };
}

/** `undefined` for a pod without claims. */
export function parsePod(value: unknown): Pod | undefined {
  const volumes = at(value, 'spec', 'volumes');
  const name = textAt(value, 'metadata', 'name') ?? '';
  const claims = new Map<string, string>();
  for (const volume of Array.isArray(volumes) ? volumes : []) {
    const own = textAt(volume, 'name');
    if (own === undefined) continue;
    const isEphemeral = at(volume, 'ephemeral', 'volumeClaimTemplate') !== undefined;
    // Kubernetes names the claim of an ephemeral volume after the pod and the volume.
    const claim =
      textAt(volume, 'persistentVolumeClaim', 'claimName') ??
      (isEphemeral ? `${name}-${own}` : undefined);
    if (claim !== undefined) claims.set(own, claim);
  }
  const namespace = textAt(value, 'metadata', 'namespace') ?? '';
  return claims.size === 0 ? undefined : { namespace, name, claims };
}

export function parseDataUpload(value: unknown): DataUpload {
  const claim = textAt(value, 'spec', 'sourcePVC');
  const namespace = textAt(value, 'spec', 'sourceNamespace');
  return {
    name: textAt(value, 'metadata', 'name') ?? '',
    claim: claim === undefined || namespace === undefined ? undefined : { namespace, name: claim },
    phase: textAt(value, 'status', 'phase') ?? '',
    snapshotId: textAt(value, 'status', 'snapshotID'),
    dataMover: textAt(value, 'spec', 'datamover') ?? '',
    sizeBytes: countAt(value, 'status', 'progress', 'totalBytes'),
    message: textAt(value, 'status', 'message'),
  };
}
