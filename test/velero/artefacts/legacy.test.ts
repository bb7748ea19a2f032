/** Shapes of older servers, written by hand after their Go types: no released one runs here. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseBackup } from '../../../shared/velero/artefacts/backup.ts';
import { readBackupArtefacts } from '../../../shared/velero/artefacts/backup-artefacts.ts';
import { summarizeContents } from '../../../shared/velero/artefacts/contents-summary.ts';
import { volumeInventory } from '../../../shared/velero/artefacts/inventory.ts';
import { judgeCompleteness, parseBackupMetadata } from '../../../shared/velero/completeness.ts';
import { END, entry, rootWith } from './tarball.ts';

const gz = (value: unknown): Buffer => gzipSync(JSON.stringify(value));
const backup = (spec: object, status: object) => ({
  kind: 'Backup',
  apiVersion: 'velero.io/v1',
  metadata: { name: 'b', uid: 'u' },
  spec,
  status: { phase: 'Completed', ...status },
});
const inventory = async (files: Record<string, Buffer>) => {
  const root = await rootWith(files);
  return volumeInventory(await readBackupArtefacts(root, 'b'), await summarizeContents(root, 'b'));
};
const claim = (name: string): Buffer =>
  entry(
    `resources/persistentvolumeclaims/namespaces/n/${name}.json`,
    JSON.stringify({
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: 'n', name },
      spec: { volumeName: `pv-${name}` },
    }),
  );

describe('a backup of 1.10: no operations, results or volume information', () => {
  const files = {
    'b.tar.gz': gzipSync(Buffer.concat([claim('a'), claim('c'), claim('z'), END])),
    'b-podvolumebackups.json.gz': gz([
      {
        spec: { pod: { namespace: 'n', name: 'p' }, volume: 'v' },
        status: { phase: 'Completed', snapshotID: '1f' },
      },
    ]),
    'b-volumesnapshots.json.gz': gz(null),
    'b-csi-volumesnapshots.json.gz': gz([
      {
        metadata: { namespace: 'n', name: 's' },
        spec: { source: { persistentVolumeClaimName: 'c' } },
      },
    ]),
    'b-csi-volumesnapshotcontents.json.gz': gz([
      {
        metadata: { name: 'x' },
        spec: { driver: 'd', volumeSnapshotRef: { namespace: 'n', name: 's' } },
        status: { snapshotHandle: 'snap-1' },
      },
    ]),
  };

  test('has the volumes of its other lists, and a claim that nobody took', async () => {
    const { volumes, contradictions } = await inventory(files);
    expect(volumes.map(({ id, method, handle }) => [id, method, handle])).toEqual([
      ['n/a', 'none', undefined],
      ['n/c', 'csi', 'snap-1'],
      ['n/z', 'none', undefined],
      ['pod:n/p/v', 'fs-backup', '1f'],
    ]);
    expect(contradictions.map(({ kind, volume }) => [kind, volume])).toEqual([
      ['claim-without-data', 'n/a'],
      ['claim-without-data', 'n/z'],
    ]);
  });
});

describe('volume information of 1.13: no phase, no result', () => {
  const podVolume = { uploaderType: 'kopia', volumeName: 'v', podName: 'p', podNamespace: 'n' };
  const info = (more: object) => ({
    pvcNamespace: 'n',
    pvcName: 'a',
    backupMethod: 'PodVolumeBackup',
    ...more,
  });
  test.each([
    ['succeeded', info({ pvbInfo: { ...podVolume, snapshotHandle: '1f' } })],
    ['empty', info({ pvbInfo: { ...podVolume, Phase: 'Completed' } })],
    ['failed', info({ pvbInfo: { ...podVolume, Phase: 'Failed' } })],
    ['unfinished', info({ pvbInfo: podVolume })],
    ['failed', info({ backupMethod: 'CSISnapshot', result: 'failed', csiSnapshotInfo: {} })],
    [
      'unfinished',
      info({ backupMethod: 'CSISnapshot', csiSnapshotInfo: { snapshotHandle: 'unknown' } }),
    ],
  ])('is %s', async (result, record) => {
    const { volumes } = await inventory({ 'b-volumeinfo.json.gz': gz([record]) });
    expect(volumes).toMatchObject([{ id: 'n/a', result }]);
    expect(volumes[0]?.handle).not.toBe('unknown');
  });
});

describe('the generation of a backup', () => {
  const spec = { itemOperationTimeout: '4h0m0s' };
  test.each([
    ['1.0', {}, {}, 3],
    ['1.11', spec, {}, 5],
    ['1.13', spec, { hookStatus: {} }, 6],
    ['1.13', { ...spec, volumeGroupSnapshotLabelKey: 'k' }, {}, 6],
  ])('%s decides what may not be missing', (since, specOf, status, lacking) => {
    const metadata = parseBackupMetadata(JSON.stringify(backup(specOf, status)));
    if (typeof metadata === 'string') throw new Error(metadata);
    expect(metadata.writtenSince).toBe(since);
    const writtenAt = new Date(0);
    const files = [{ file: 'b.tar.gz', writtenAt }];
    const verdict = judgeCompleteness('b', metadata, files, new Date(0));
    expect(verdict.kind).toBe('debris');
    expect('reason' in verdict ? verdict.reason.split(', ') : []).toHaveLength(lacking);
  });

  test('old names of fields and unknown phases are kept', () => {
    const parsed = parseBackup(backup({ defaultVolumesToRestic: true }, { phase: 'Sailing' }));
    expect(parsed).toMatchObject({
      spec: { defaultVolumesToFsBackup: true },
      status: { phase: 'Sailing', meaning: 'unknown', hooks: undefined, errors: 0 },
    });
    for (const [phase, meaning] of [
      ['New', 'never-stored'],
      ['', 'none'],
      ['Finalizing', 'at-work'],
      ['Failed', 'ended'],
    ]) {
      expect(parseBackup(backup({}, { phase }))).toMatchObject({ status: { phase, meaning } });
    }
  });
});
