import { expect, test } from 'vitest';
import { readBackupArtefacts } from '../../../shared/velero/artefacts/backup-artefacts.ts';
import { summarizeContents } from '../../../shared/velero/artefacts/contents-summary.ts';
import { volumeInventory } from '../../../shared/velero/artefacts/inventory.ts';
import { fixture, realRoot } from './fixture.ts';

const root = await realRoot();
const read = async (name: string) => ({
  artefacts: await readBackupArtefacts(root, name),
  contents: await summarizeContents(root, name),
});
const inventory = async (name: string) => {
  const { artefacts, contents } = await read(name);
  return volumeInventory(artefacts, contents);
};

test('a scheduled backup has two volumes in Kopia and a disk snapshot, by the words of the cluster', async () => {
  const records = fixture.answer('answers/cluster', 'pod-volume-backups') as {
    metadata: { labels: Record<string, string> };
    spec: { pod: { namespace: string } };
    status: { snapshotID: string };
  }[];
  const cloud = (fixture.answer('answers/cloud', 'snapshots') as { SnapshotId: string }[]).map(
    ({ SnapshotId }) => SnapshotId,
  );
  const names = [...new Set(records.map((each) => each.metadata.labels['velero.io/backup-name']))];
  expect(names).toHaveLength(2);
  for (const name of names) {
    const { volumes, contradictions, unread } = await inventory(name ?? '');
    expect([contradictions, unread]).toEqual([[], []]);
    expect(volumes.map(({ id, method, result }) => [id, method, result])).toEqual([
      ['archive/cold', 'native', 'succeeded'],
      ['billing/ledger-data', 'fs-backup', 'succeeded'],
      ['shop/data-db-0', 'fs-backup', 'succeeded'],
    ]);
    expect(cloud).toContain(volumes[0]?.handle);
    expect(volumes.map(({ isClaimInTarball }) => isClaimInTarball)).toEqual([false, true, true]);
    for (const { repositoryNamespace, handle } of volumes.slice(1)) {
      const record = records.find(
        ({ metadata, spec }) =>
          metadata.labels['velero.io/backup-name'] === name &&
          spec.pod.namespace === repositoryNamespace,
      );
      expect(handle).toBe(record?.status.snapshotID);
    }
  }
});

test('a CSI snapshot, a moved one, one being moved, one skipped', async () => {
  const csi = await inventory('media-csi');
  expect(csi.contradictions).toEqual([]);
  expect(csi.volumes).toMatchObject([
    {
      id: 'media/library',
      method: 'csi',
      handle: 'snap-63d3eadf99784a3e8',
      driver: 'ebs.csi.aws.com',
    },
  ]);
  expect(csi.volumes[0]?.witnesses).toEqual(['volume-info', 'csi-content']);
  const moved = await inventory('media-moved');
  expect(moved.contradictions).toEqual([]);
  expect(moved.volumes).toMatchObject([
    {
      method: 'data-mover',
      handle: 'f861568d4f7e5a546adac530fe45aa69',
      result: 'succeeded',
      repositoryNamespace: 'media',
      sizeBytes: 16987,
      witnesses: ['volume-info', 'data-upload', 'item-operations'],
    },
  ]);
  const moving = await inventory('media-moving');
  expect(moving.contradictions).toEqual([]);
  expect(moving.volumes).toMatchObject([{ method: 'data-mover', result: 'unfinished' }]);
  expect(moving.volumes[0]?.handle).toBeUndefined();
  const skipped = await inventory('shop-failing-hook');
  expect(skipped.contradictions).toEqual([]);
  expect(skipped.volumes).toMatchObject([{ id: 'shop/data-db-0', method: 'skipped' }]);
  expect(skipped.volumes[0]?.reason).toContain('opted out');
  expect((await inventory('platform-manual')).volumes).toEqual([]);
});

test('each witness that is taken away, or lies, is missed', async () => {
  const name = fixture.objects.map(({ key }) => /frequent-\d+/.exec(key)?.[0]).find(Boolean) ?? '';
  const { artefacts, contents } = await read(name);
  const kinds = (changes: object): string[] =>
    volumeInventory({ ...artefacts, ...changes }, contents).contradictions.map(
      ({ kind, volume }) => `${kind} ${volume}`,
    );
  const { stored } = artefacts.volumeInfo as { stored: object };
  const none = { state: 'read', value: [], stored };
  expect(kinds({ podVolumeBackups: none })).toEqual([
    'only-in-volume-info billing/ledger-data',
    'only-in-volume-info shop/data-db-0',
  ]);
  expect(kinds({ nativeSnapshots: none })).toEqual(['only-in-volume-info archive/cold']);
  expect(kinds({ volumeInfo: none })).toEqual([
    'not-in-volume-info billing/ledger-data',
    'not-in-volume-info shop/data-db-0',
    'not-in-volume-info archive/cold',
  ]);
  expect(kinds({ volumeInfo: none, podVolumeBackups: none, nativeSnapshots: none })).toEqual([
    'claim-without-data billing/ledger-data',
    'claim-without-data shop/data-db-0',
  ]);
  if (artefacts.podVolumeBackups.state !== 'read') throw new Error('no list');
  const [first, ...rest] = artefacts.podVolumeBackups.value;
  const other = { ...artefacts.podVolumeBackups, value: [{ ...first, snapshotId: 'x' }, ...rest] };
  expect(kinds({ podVolumeBackups: other })).toEqual(['handle-differs billing/ledger-data']);
  const failed = { ...other, value: [{ ...first, phase: 'Failed' }, ...rest] };
  expect(kinds({ podVolumeBackups: failed })).toEqual(['result-differs billing/ledger-data']);
  const broken = { state: 'unreadable', key: 'k', damage: 'not-json', reason: 'it is no JSON' };
  const unread = volumeInventory({ ...artefacts, volumeInfo: broken as never }, contents);
  expect(unread.unread).toEqual(['k']);
  expect(unread.contradictions).toEqual([]);
});
