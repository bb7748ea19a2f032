import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { loadFixture } from './support/fixtures.ts';

const fixture = await loadFixture('velero/v1.18.2');

/** Phases in the store; the scheduled ones have a time in their names. */
const PHASES = {
  'archive-native': 'Completed',
  'frequent (first)': 'Completed',
  'frequent (second)': 'Completed',
  'media-csi': 'Completed',
  'media-moved': 'Completed',
  'media-moving': 'WaitingForPluginOperations',
  'platform-manual': 'Completed',
  'shop-bad-selector': 'Failed',
  'shop-failing-hook': 'PartiallyFailed',
};

const scheduled = keysLike(/^prod\/backups\/frequent-\d{14}\/velero-backup\.json$/).map(
  (key) => key.split('/')[2] ?? '',
);

test('the Velero fixture has backups in every phase that a store can show', async () => {
  const phases: Record<string, unknown> = {};
  for (const key of keysLike(/\/velero-backup\.json$/)) {
    const name = key.split('/')[2] ?? '';
    const place = scheduled.indexOf(name);
    const backup = await json<{ status: { phase: string } }>(key);
    const shown = place < 0 ? name : `frequent (${['first', 'second'][place]})`;
    phases[shown] = backup.status.phase;
  }
  expect(phases).toEqual(PHASES);
});

test('the Velero fixture has a backup of which only the log was uploaded', () => {
  expect(keysLike(/^prod\/backups\/lost-upload\//)).toEqual([
    'prod/backups/lost-upload/lost-upload-logs.gz',
  ]);
});

test('the scheduled backups hold CRDs and custom resources of several namespaces', async () => {
  for (const name of scheduled) {
    const key = `prod/backups/${name}/${name}-resource-list.json.gz`;
    const resources = await json<Record<string, string[]>>(key);
    expect(resources).toMatchObject({
      'v1/Namespace': ['billing', 'platform', 'shop'],
      'shop.example.com/v1/Order': [
        'platform/internal-1',
        'shop/order-1001',
        'shop/order-1002',
        'shop/order-1003',
      ],
      'platform.example.com/v1alpha1/Tenant': ['tenant-blue', 'tenant-green'],
    });
    expect(resources['apiextensions.k8s.io/v1/CustomResourceDefinition']).toEqual(
      expect.arrayContaining(['orders.shop.example.com', 'tenants.platform.example.com']),
    );
  }
});

test('every volume that a scheduled backup names is in a repository or in the cloud', async () => {
  for (const name of scheduled) {
    const volumes = await json<VolumeInfo[]>(`prod/backups/${name}/${name}-volumeinfo.json.gz`);
    const namespaces = volumes.map(({ pvcNamespace }) => pvcNamespace).sort();
    expect(namespaces).toEqual(['archive', 'billing', 'shop']);
    for (const { pvcNamespace, pvbInfo, nativeSnapshotInfo } of volumes) {
      if (nativeSnapshotInfo) expect(cloudIds()).toContain(nativeSnapshotInfo.snapshotHandle);
      else expect(snapshotIds(pvcNamespace)).toContain(pvbInfo?.snapshotHandle);
    }
  }
});

test('the volumes have two generations in the repositories of the scheduled backups', () => {
  expect(snapshotIds('shop')).toHaveLength(2);
  expect(snapshotIds('billing')).toHaveLength(2);
  expect(snapshotIds('media')).toHaveLength(1);
});

test('the native snapshots carry the tags that Velero gives', () => {
  for (const { Tags } of cloudSnapshots()) {
    expect(Tags.map(({ Key }) => Key)).toEqual(
      expect.arrayContaining(['velero.io/backup', 'velero.io/pv', 'velero.io/storage-location']),
    );
  }
  expect(cloudIds()).toHaveLength(3);
});

interface CloudSnapshot {
  readonly SnapshotId: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

interface VolumeInfo {
  readonly pvcNamespace: string;
  readonly pvbInfo?: { readonly snapshotHandle: string };
  readonly nativeSnapshotInfo?: { readonly snapshotHandle: string };
}

function cloudSnapshots(): CloudSnapshot[] {
  return fixture.answer('answers/cloud', 'snapshots') as CloudSnapshot[];
}

function cloudIds(): string[] {
  return cloudSnapshots().map(({ SnapshotId }) => SnapshotId);
}

function snapshotIds(namespace: string): string[] {
  const folder = `answers/prod_kopia_${namespace}_0.23.1`;
  return (fixture.answer(folder, 'snapshots') as { id: string }[]).map(({ id }) => id);
}

function keysLike(pattern: RegExp): string[] {
  return fixture.objects.map(({ key }) => key).filter((key) => pattern.test(key));
}

async function json<T>(key: string): Promise<T> {
  const object = fixture.objects.find((each) => each.key === key);
  if (object === undefined) throw new Error(`the fixture has no "${key}"`);
  const bytes = await object.bytes();
  const text = key.endsWith('.gz') ? gunzipSync(bytes) : Buffer.from(bytes);
  return JSON.parse(text.toString('utf8')) as T;
}
