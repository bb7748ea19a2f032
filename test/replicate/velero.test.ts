import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesBody } from '../../shared/stores/checksum.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { metadataKey } from '../../shared/velero/layout.ts';
import { referencedNamespaces } from '../../shared/velero/volume-references.ts';
import { killedAfter, neverWritten } from '../support/faults.ts';
import { type Fixture, loadFixture } from '../support/fixtures.ts';
import { contentsOf } from '../support/place.ts';
import { runRoute } from '../support/replicate.ts';
import { checkKills, memory, production, visibleBackups } from './velero-root.ts';

const put = (store: ObjectStore, key: string, bytes: Uint8Array | string) => {
  const buffer = Buffer.from(bytes);
  return store.write(key, bytesBody(buffer), { sizeBytes: buffer.length });
};

/** What the real server's API held, by name: the phase in the store may be behind it. */
const FINISHED = [
  'archive-native',
  'media-csi',
  'media-moved',
  'platform-manual',
  'shop-bad-selector',
  'shop-failing-hook',
];
const LEFT_OUT = { 'lost-upload': 'BACKUP_DEBRIS', 'media-moving': 'BACKUP_UNFINISHED' };

let fixture: Fixture;
let scheduled: string[];
beforeAll(async () => {
  fixture = await loadFixture('velero/v1.18.2');
  const names = fixture.objects.map(({ key }) => key.split('/')[2] ?? '');
  scheduled = [...new Set(names.filter((name) => name.startsWith('frequent-')))].sort();
});

describe('replicate() of a root that a Velero server wrote', () => {
  test('brings over every finished backup and names those it leaves out', async () => {
    const [source, target, state] = [await production(), memory('target'), memory('state')];
    const report = await runRoute(neverWritten(source), target, { state });
    expect((await visibleBackups(target)).sort()).toEqual([...scheduled, ...FINISHED].sort());
    const leftOut = report.findings.filter(({ code }) => code.startsWith('BACKUP_'));
    expect(
      Object.fromEntries(leftOut.map(({ subject, code }) => [subject.split('/').at(-1), code])),
    ).toEqual(LEFT_OUT);
    expect(report.findings.map(({ code }) => code)).toContain('RESTORES_LEFT_OUT');
    const copied = await contentsOf(target);
    const original = await contentsOf(source);
    for (const [key, bytes] of copied) expect(bytes, key).toBe(original.get(key));
    expect([...copied.keys()].filter((key) => key.startsWith('restores/'))).toEqual([]);

    const second = await runRoute(source, target, { state });
    expect(second.measures['objectsCopied']).toBe(0);
    expect(second.measures['backupsUnchanged']).toBe(scheduled.length + FINISHED.length);
  });

  test('publishes repositories, then artefacts, the tarball, the metadata', async () => {
    const [source, target] = [await production(), memory('target')];
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY);
    await runRoute(source, recorder.store);
    const firstBackup = recorder.log.findIndex((change) => change.startsWith('put backups/'));
    const lastRepository = recorder.log.findLastIndex((change) => change.startsWith('put kopia/'));
    expect(lastRepository).toBeLessThan(firstBackup);
    for (const backup of FINISHED) {
      const own = recorder.log.filter((change) => change.startsWith(`put backups/${backup}/`));
      expect(own.slice(-2)).toEqual([
        `put backups/${backup}/${backup}.tar.gz`,
        `put ${metadataKey(backup)}`,
      ]);
    }
  });

  // After every one of them: velero.long.test.ts. A prime steps through all kinds of objects.
  test('killed after some writes, shows only whole backups, and the next run finishes', () =>
    checkKills(7));

  test('a replica replicated back is judged by the times of its source', async () => {
    const [source, replica, back] = [await production(), memory('replica'), memory('back')];
    await runRoute(source, replica);
    const report = await runRoute(neverWritten(replica), back);
    expect(report.findings).toEqual([]);
    expect(await contentsOf(back)).toEqual(await contentsOf(replica));
  });
});

describe('replicate() as backups come and go', () => {
  test('takes a backup in the run after it was finished', async () => {
    const [source, target, state] = [await production(), memory('target'), memory('state')];
    await runRoute(source, target, { state });
    expect(await visibleBackups(target)).not.toContain('media-moving');
    const key = metadataKey('media-moving');
    const text = Buffer.concat(await Array.fromAsync((await source.read(key)).body)).toString();
    await put(source, key, text.replace('WaitingForPluginOperations', 'Completed'));
    const early = await runRoute(source, target, { state });
    const left = early.findings.filter(({ subject }) => subject.endsWith('media-moving'));
    expect(left[0]?.message).toContain('tarball is older');
    const contents = await source.read('backups/media-moving/media-moving.tar.gz');
    const bytes = Buffer.concat(await Array.fromAsync(contents.body));
    await put(source, 'backups/media-moving/media-moving.tar.gz', bytes);
    await runRoute(source, target, { state });
    expect(await visibleBackups(target)).toContain('media-moving');
  });

  test('copies a backup again when its metadata changed, its metadata last', async () => {
    const [source, target, state] = [await production(), memory('target'), memory('state')];
    await runRoute(source, target, { state });
    const key = metadataKey('platform-manual');
    const text = Buffer.concat(await Array.fromAsync((await source.read(key)).body)).toString();
    await put(source, key, text.replace('"platform-manual"', '"platform-manuaI"'));
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY);
    await runRoute(source, recorder.store, { state });
    expect(recorder.log).toEqual([`put ${key}`]);
  });

  test('keeps a backup that the source no longer lists, and says so', async () => {
    const [source, target, state] = [await production(), memory('target'), memory('state')];
    await runRoute(source, target, { state });
    for await (const { key } of source.list('backups/platform-manual/')) await source.remove(key);
    const report = await runRoute(source, target, { state });
    expect(await visibleBackups(target)).toContain('platform-manual');
    expect(report.findings.map(({ code }) => code)).toContain('BACKUP_GONE_AT_SOURCE');
  });

  test('leaves out a backup that changes under its hands', async () => {
    const [source, target] = [await production(), memory('target')];
    const moving: ObjectStore = {
      ...source,
      async read(key, options) {
        if (key.endsWith('platform-manual.tar.gz')) await put(source, key, 'rewritten');
        return source.read(key, options);
      },
    };
    const report = await runRoute(moving, target);
    expect(await visibleBackups(target)).not.toContain('platform-manual');
    const left = report.findings.find(({ subject }) => subject.endsWith('platform-manual'));
    expect(left).toMatchObject({ code: 'BACKUP_UNFINISHED' });
    expect(report.measures['backupsCopied']).toBe(scheduled.length + FINISHED.length - 1);
  });

  test('holds back exactly the backups whose repository did not arrive', async () => {
    const source = await production((key) => key !== 'kopia/shop/kopia.repository');
    const target = memory('target');
    const report = await runRoute(source, target);
    const visible = await visibleBackups(target);
    expect(visible.sort()).toEqual([...FINISHED].sort());
    const held = report.findings.filter(({ message }) => message.includes('a repository'));
    expect(held.map(({ subject }) => subject.split('/').at(-1)).sort()).toEqual(scheduled);
  });

  test('names hostile metadata and goes on', async () => {
    const source = await production();
    const hostile = ['null', '[]', '{', '{"kind":"Backup"}', `"${'x'.repeat(100_000)}"`];
    for (const [at, text] of hostile.entries())
      await put(source, metadataKey(`hostile-${at}`), text);
    await put(source, 'backups/stray', 'x');
    const target = memory('target');
    const report = await runRoute(source, target);
    expect((await visibleBackups(target)).sort()).toEqual([...scheduled, ...FINISHED].sort());
    const named = report.findings.filter(({ subject }) => subject.includes('hostile-'));
    expect(named).toHaveLength(hostile.length);
    expect(report.findings.map(({ code }) => code)).toContain('FOREIGN_OBJECTS');
  });
});

describe('referencedNamespaces()', () => {
  test('finds the repositories of pod volume backups and of moved snapshots', async () => {
    const source = await production();
    const of = async (backup: string) =>
      [...((await referencedNamespaces(source, backup)) ?? [])].sort();
    expect(await of(scheduled[0] ?? '')).toEqual(['billing', 'shop']);
    expect(await of('media-moved')).toEqual(['media']);
    expect(await of('media-csi')).toEqual([]);
    expect(await of('platform-manual')).toEqual([]);
  });

  test("leaves out volumes without a snapshot, restic's, and those of other data movers", async () => {
    const source = memory('source');
    const podVolume = (namespace: string, uploaderType: string, snapshotID?: string) => ({
      spec: { pod: { namespace }, uploaderType },
      status: { snapshotID },
    });
    const moved = (pvcNamespace: string, dataMover: string, snapshotHandle: string) => ({
      pvcNamespace,
      snapshotDataMoved: true,
      snapshotDataMovementInfo: { dataMover, snapshotHandle },
    });
    const lists = {
      'x-podvolumebackups': [podVolume('a', 'kopia', '1'), podVolume('b', 'kopia')],
      'x-volumeinfo': [moved('c', 'velero', '1'), moved('d', 'velero', ''), moved('e', 'own', '1')],
    };
    lists['x-podvolumebackups'].push(podVolume('f', 'restic', '1'));
    for (const [name, list] of Object.entries(lists)) {
      await put(source, `backups/x/${name}.json.gz`, gzipSync(JSON.stringify(list)));
    }
    expect([...((await referencedNamespaces(source, 'x')) ?? [])].sort()).toEqual(['a', 'c']);
  });

  test('does not parse a small object that would fill the memory', async () => {
    const source = memory('source');
    const bomb = gzipSync(`[${'[],'.repeat(10_000_000)}[]]`);
    expect(bomb.length).toBeLessThan(100_000);
    await put(source, 'backups/x/x-podvolumebackups.json.gz', bomb);
    const before = process.memoryUsage.rss();
    expect(await referencedNamespaces(source, 'x')).toBeUndefined();
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 1024 * 1024);
  });

  test('knows nothing where a list cannot be read', async () => {
    const source = await production();
    await put(source, 'backups/x/x-podvolumebackups.json.gz', 'no gzip');
    expect(await referencedNamespaces(source, 'x')).toBeUndefined();
  });
});
