import { randomUUID } from 'node:crypto';
import type { KubeApi, KubeObject } from './api.ts';
import { type Loop, startLoop } from './processes.ts';

const GROUP = '/apis/snapshot.storage.k8s.io/v1';

/**
 * Stands in for snapshot-controller and csi-snapshotter: gives every VolumeSnapshot without a
 * status a bound VolumeSnapshotContent with a handle, the state that a CSI driver leaves once the
 * snapshot is ready. No data is taken.
 */
export function startFakeSnapshotController(api: KubeApi, driver: string): Loop {
  return startLoop(async () => {
    for (const snapshot of await api.list(`${GROUP}/volumesnapshots`)) {
      if (snapshot.status?.['boundVolumeSnapshotContentName'] === undefined) {
        await bind(api, snapshot, driver);
      }
    }
  }, 500);
}

async function bind(api: KubeApi, snapshot: KubeObject, driver: string): Promise<void> {
  const { name, namespace, uid } = snapshot.metadata;
  const content = `snapcontent-${uid}`;
  const wanted = snapshot.spec?.['source'] as { persistentVolumeClaimName: string } | undefined;
  const claim = wanted?.persistentVolumeClaimName;
  const pvc = await api.get(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`);
  const volume = await api.get(`/api/v1/persistentvolumes/${pvc.spec?.['volumeName']}`);
  const disk = volume.spec?.['csi'] as { volumeHandle: string } | undefined;
  await api.apply(`${GROUP}/volumesnapshotcontents/${content}`, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotContent',
    metadata: { name: content },
    spec: {
      deletionPolicy: 'Delete',
      driver,
      source: { volumeHandle: disk?.volumeHandle },
      volumeSnapshotClassName: snapshot.spec?.['volumeSnapshotClassName'],
      volumeSnapshotRef: {
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshot',
        ...{ name, namespace, uid },
      },
    },
  });
  const taken = new Date();
  const restoreSize = 8 * 1024 ** 3;
  await api.mergePatch(`${GROUP}/volumesnapshotcontents/${content}/status`, {
    status: {
      snapshotHandle: `snap-${randomUUID().replaceAll('-', '').slice(0, 17)}`,
      creationTime: taken.getTime() * 1_000_000,
      readyToUse: true,
      restoreSize,
    },
  });
  await api.mergePatch(`${GROUP}/namespaces/${namespace}/volumesnapshots/${name}/status`, {
    status: {
      boundVolumeSnapshotContentName: content,
      creationTime: taken.toISOString(),
      readyToUse: true,
      restoreSize: String(restoreSize),
    },
  });
}
