import { describe, expect, test } from 'vitest';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { metadataKey } from '../../shared/velero/layout.ts';
import { fakeClock, systemClock } from '../support/clock.ts';
import { killedAfter } from '../support/faults.ts';
import { loadFixture } from '../support/fixtures.ts';
import { placeFixture } from '../support/place.ts';
import { runRoute } from '../support/replicate.ts';

const memory = (name: string): ObjectStore => memoryStore(name, systemClock);
const put = (store: ObjectStore, key: string, text = key, lastModified?: Date) =>
  store.write(key, bytesBody(Buffer.from(text)), {
    sizeBytes: Buffer.byteLength(text),
    ...(lastModified && { source: { lastModified } }),
  });
const keysOf = async (store: ObjectStore): Promise<string[]> =>
  (await Array.fromAsync(store.list(''))).map(({ key }) => key);

async function production(only: (key: string) => boolean = () => true): Promise<ObjectStore> {
  const source = memory('source');
  const fixture = await loadFixture('velero/v1.18.2');
  const chosen = ({ key }: { key: string }) => only(key.slice('prod/'.length));
  await placeFixture(source, fixture, { below: 'prod/', only: chosen });
  return source;
}

const MOVED = 'media-moved';

describe('replicate() shows no backup whose volume data did not come along', () => {
  test('a repository that never rests is cut: backups younger than the cut wait', async () => {
    const [source, target] = [await production(), memory('target')];
    const indexes = (await keysOf(source)).filter((key) => key.startsWith('kopia/media/xn'));
    let listings = 0;
    const busy: ObjectStore = {
      ...source,
      async *list(below, options) {
        if (below === 'kopia/media/x') {
          listings += 1;
          const id = `xn0_${String(listings).padStart(32, '0')}-s0123456789abcdef100-c1`;
          const backup = await source.stat(metadataKey(MOVED));
          await put(source, `kopia/media/${id}`, id, backup?.lastModified);
        }
        yield* source.list(below, options);
      },
    };
    const report = await runRoute(busy, target);
    const copied = await keysOf(target);
    const missing = indexes.filter((key) => !copied.includes(key));
    expect(missing).not.toEqual([]);
    expect(copied).not.toContain(metadataKey(MOVED));
    expect(copied).toContain(metadataKey('platform-manual'));
    const left = report.findings.find(({ subject }) => subject.endsWith(MOVED));
    expect(left?.code).toBe('BACKUP_UNFINISHED');
  });

  test('a backup without its repository at the source is held back and named', async () => {
    const source = await production((key) => !key.startsWith('kopia/'));
    const target = memory('target');
    const report = await runRoute(source, target);
    const copied = await keysOf(target);
    expect(copied).not.toContain(metadataKey(MOVED));
    expect(copied).toContain(metadataKey('platform-manual'));
    expect(copied).toContain(metadataKey('media-csi'));
    const left = report.findings.find(({ subject }) => subject.endsWith(MOVED));
    expect(left).toMatchObject({ code: 'BACKUP_DEBRIS' });
    expect(left?.message).toContain('kopia/media/');
  });

  test('a namespace whose repository and backup appear during the run is whole or absent', async () => {
    const isLate = (key: string): boolean => key.startsWith('kopia/media/') || key.includes(MOVED);
    const source = await production((key) => !isLate(key));
    const target = memory('target');
    const fixture = await loadFixture('velero/v1.18.2');
    let appeared = false;
    const growing: ObjectStore = {
      ...source,
      async *listDirectories(below, options) {
        const before = await Array.fromAsync(source.listDirectories(below, options));
        if (below === 'kopia/' && !appeared) {
          appeared = true;
          const late = { only: ({ key }: { key: string }) => isLate(key.slice('prod/'.length)) };
          await placeFixture(source, fixture, { below: 'prod/', ...late });
        }
        yield* before;
      },
    };
    await runRoute(growing, target);
    expect(appeared).toBe(true);
    const copied = await keysOf(target);
    if (!copied.includes('kopia/media/kopia.repository')) {
      expect(copied).not.toContain(metadataKey(MOVED));
    }
  });
});

describe('replicate() of a restic repository', () => {
  test('takes no index or snapshot that is younger than its list of data', async () => {
    const [source, target] = [memory('source'), memory('target')];
    for (const part of ['config', 'data/aa/1', 'index/1', 'keys/1', 'snapshots/1']) {
      await put(source, `restic/shop/${part}`);
    }
    const growing: ObjectStore = {
      ...source,
      async read(key, options) {
        if (key.includes('/data/')) {
          for (const part of ['data/aa/2', 'index/2', 'snapshots/2']) {
            await put(source, `restic/shop/${part}`);
          }
        }
        return source.read(key, options);
      },
    };
    await runRoute(growing, target);
    const copied = await keysOf(target);
    expect(copied).toContain('restic/shop/snapshots/1');
    expect(copied).not.toContain('restic/shop/index/2');
    expect(copied).not.toContain('restic/shop/snapshots/2');
  });
});

describe('replicate() after a first seeding that was cut off', () => {
  const kopia = { config: { layout: 'kopia' } } as const;
  const repository = async (name: string): Promise<ObjectStore> => {
    const [store, fixture] = [memory(name), await loadFixture(name)];
    await placeFixture(store, fixture, { below: fixture.meta.repositories[0]?.prefix ?? '' });
    return store;
  };

  test('leaves the copy closed when another repository stands at the source by now', async () => {
    const [first, target] = [await repository('kopia/v3-default'), memory('target')];
    const seeded = killedAfter(memory('whole'), Number.POSITIVE_INFINITY);
    await runRoute(first, seeded.store, kopia);
    const indexesDone = seeded.log.findIndex((change) => change.startsWith('put kopia.'));
    await expect(runRoute(first, killedAfter(target, indexesDone).store, kopia)).rejects.toThrow();

    const report = await runRoute(await repository('kopia/hash-blake2s-256'), target, kopia);
    expect(report.findings.map(({ code }) => code)).toEqual(['SEEDING_MIXED']);
    expect(report.verdicts).toMatchObject([{ kind: 'unchecked' }]);
    expect(await target.stat('kopia.repository')).toBeUndefined();

    for (const key of await keysOf(target)) if (/^[lmnx]/.test(key)) await target.remove(key);
    const again = await runRoute(await repository('kopia/hash-blake2s-256'), target, kopia);
    expect(again.findings).toEqual([]);
    expect(await target.stat('kopia.repository')).toBeDefined();
  });
});

describe('replicate() of odd roots', () => {
  test('a folder of very many objects without metadata is debris, not a crash', async () => {
    const source = memory('source');
    const info = (key: string) => ({ key, etag: key, sizeBytes: 1, lastModified: new Date(0) });
    const crowded: ObjectStore = {
      ...source,
      async *listDirectories(below) {
        if (below === '') yield 'backups/';
      },
      async *list(below) {
        if (below !== 'backups/') return;
        for (let at = 100_000; at < 400_000; at += 1) yield info(`backups/crowd/${at}`);
      },
    };
    const report = await runRoute(crowded, memory('target'));
    expect(report.findings.map(({ code }) => code)).toEqual(['BACKUP_DEBRIS']);
  });

  test.each(['', 'garbage', '{"uniqueID":1}'])(
    'a format blob that is none (%j) keeps its own repository back and no other',
    async (text) => {
      const [source, target] = [await production(), memory('target')];
      await put(source, 'kopia/media/kopia.repository', text);
      const report = await runRoute(source, target);
      expect(report.findings.map(({ code }) => code)).toContain('REPOSITORY_UNREADABLE');
      const copied = await keysOf(target);
      expect(copied.filter((key) => key.startsWith('kopia/media/'))).toEqual([]);
      expect(copied).toContain('kopia/shop/kopia.repository');
      expect(copied).not.toContain(metadataKey(MOVED));
      expect(copied).toContain(metadataKey('platform-manual'));
    },
  );

  test('an empty object that a console made for a folder is no broken repository', async () => {
    const source = await production();
    await put(source, 'kopia/', '');
    await put(source, 'kopia/empty/', '');
    await put(source, 'kopia/media/', '');
    await put(source, 'backups/', '');
    await put(source, `backups/${MOVED}/`, '');
    const target = memory('target');
    const report = await runRoute(source, target);
    const codes = report.findings.map(({ code }) => code);
    expect(codes).not.toContain('REPOSITORY_ABSENT');
    expect(codes).not.toContain('FOREIGN_OBJECTS');
    expect(await keysOf(target)).toContain(metadataKey(MOVED));
  });
});

describe('replicate() of objects whose store knows no checksum of them', () => {
  test('copies them, and says how many were compared with nothing', async () => {
    const source = await production((key) => key.startsWith('backups/platform-manual/'));
    // As S3 tells of an object in parts: its checksum is one of checksums.
    const blind: ObjectStore = {
      ...source,
      async read(key, options) {
        const { body, info } = await source.read(key, options);
        const { checksums: _, ...rest } = info;
        return { body, info: rest };
      },
    };
    const count = (await keysOf(source)).length;
    const target = memory('target');
    const report = await runRoute(blind, target);
    expect(await keysOf(target)).toHaveLength(count);
    const [found] = report.findings.filter(({ code }) => code === 'CHECKSUM_UNVERIFIED');
    expect(found).toMatchObject({ severity: 'info', subject: 'memory://source' });
    expect(found?.message).toContain(`Copied ${count} objects`);
    const again = await runRoute(source, memory('other'));
    expect(again.findings.map(({ code }) => code)).not.toContain('CHECKSUM_UNVERIFIED');
  });
});

describe('replicate() to a target that fails', () => {
  test('leaves no connection to the source open', async () => {
    const [source, target] = [await production(), memory('target')];
    let open = 0;
    const counting: ObjectStore = {
      ...source,
      async read(key, options) {
        const { info, body } = await source.read(key, options);
        open += 1;
        const counted = async function* () {
          try {
            yield* body;
          } finally {
            open -= 1;
          }
        };
        return { info, body: counted() };
      },
    };
    const denied = new StoreError('denied', 'Cannot write: denied');
    const refusing: ObjectStore = { ...target, write: () => Promise.reject(denied) };
    await expect(runRoute(counting, refusing)).rejects.toBe(denied);
    expect(open).toBe(0);
  });
});

describe('replicate() of a copy that takes long', () => {
  test('freezes again when packs may have gone between freezing and listing them', async () => {
    const clock = fakeClock(new Date('2030-01-01T00:00:00Z'));
    const [source, target] = [memory('source'), memory('target')];
    const fixture = await loadFixture('kopia/velero-like');
    const prefix = 'kopia/shop/';
    await placeFixture(source, fixture, { below: prefix });
    // Maintenance at the source: a new index supersedes what a pack holds, an hour later it goes.
    const winner = 'xn0_ffffffffffffffffffffffffffffffff-sffffffffffffffff100-c1';
    let isRewritten = false;
    const living: ObjectStore = {
      ...source,
      async read(key, options) {
        if (key.startsWith('p') && !isRewritten) {
          isRewritten = true;
          const pack = (await keysOf(source)).find((each) => each.startsWith('q')) ?? '';
          await put(source, winner);
          await source.remove(pack);
          clock.advance(2 * 3_600_000);
        }
        return source.read(key, options);
      },
    };
    const state = memoryStore('state', clock);
    // The lease ends while the clock jumps; a holder renews every 20 seconds in truth.
    const kopia = { config: { layout: 'kopia' }, clock, state } as const;
    await runRoute(living, target, kopia).catch(() => undefined);
    const copied = await keysOf(target);
    if (copied.includes('kopia.repository')) expect(copied).toContain(winner);
    expect(isRewritten).toBe(true);
  });
});
