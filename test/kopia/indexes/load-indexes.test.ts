import { describe, expect, test } from 'vitest';
import { createRepositoryCrypto } from '../../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import type { RepositoryFormat } from '../../../shared/kopia/format/repository-format.ts';
import { loadIndexes } from '../../../shared/kopia/indexes/load-indexes.ts';
import type { LoadedIndexes, LoadOptions } from '../../../shared/kopia/indexes/loaded-indexes.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../../shared/stores/store-error.ts';
import type { IndexEntry } from '../../support/kopia-index-writer.ts';
import {
  type KopiaWorld,
  kopiaWorld,
  type WorldOptions,
} from '../../support/kopia-writer/world.ts';

const idOf = (name: string | number): string => `${name}`.padStart(32, '0');

function entry(name: string | number, change: Partial<IndexEntry> = {}): IndexEntry {
  return {
    id: idOf(name),
    packBlob: `p${'a'.repeat(32)}`,
    packOffset: 32,
    packedLength: 128,
    originalLength: 100,
    timeSeconds: 1000,
    deleted: false,
    formatVersion: 3,
    compression: 0,
    encryptionKeyId: 0,
    ...change,
  };
}

/** Worlds of one seed have the same format, and to open it takes a tenth of a second. */
const formats = new Map<string, Promise<RepositoryFormat>>();

/** What a test did to a repository, opened and read. */
async function load(
  world: KopiaWorld,
  options: LoadOptions = {},
  wrap: (reader: ObjectReader) => ObjectReader = (reader) => reader,
): Promise<LoadedIndexes> {
  const store = await world.store();
  const formatBlob = world.blobs.get('kopia.repository')?.bytes.toString('hex') ?? '';
  const opened = formats.get(formatBlob) ?? openFormat(store, world.prefix, world.password);
  formats.set(formatBlob, opened);
  const format = await opened;
  return loadIndexes(wrap(store), format, await createRepositoryCrypto(format.cryptoSpec), options);
}

const idsOf = ({ contents }: LoadedIndexes): readonly string[] =>
  [...contents.positions()].map((position) => contents.idOf(position));
const ids = (...names: readonly (string | number)[]): readonly string[] => names.map(idOf).sort();
const withoutEpochs: WorldOptions = { version: 1 };

describe('without epochs', () => {
  async function compacted(change: (world: KopiaWorld, output: string) => void) {
    const world = await kopiaWorld(withoutEpochs);
    const inputs = [world.index([entry(1)]), world.index([entry(2)])];
    world.index([entry(3)]);
    // A compaction that dropped what was deleted.
    const output = world.index([entry(1)]);
    const list = (names: readonly string[]) =>
      names.map((id) => ({ id, length: 1, timestamp: '' }));
    const log = { inputMetadata: list(inputs), outputMetadata: list([output]) };
    world.sealedBlob('m', Buffer.from(JSON.stringify(log)));
    change(world, output);
    return world;
  }

  test('inputs of a compaction are passed over when all its outputs are there', async () => {
    const loaded = await load(await compacted(() => undefined));
    expect(idsOf(loaded)).toEqual(ids(1, 3));
    expect(loaded).toMatchObject({ complete: true, problems: [], currentEpoch: undefined });
    expect(loaded.blobs).toMatchObject({ active: 2, listed: 5 });
  });

  test('and taken when one is missing', async () => {
    const loaded = await load(await compacted((world, output) => world.blobs.delete(output)));
    expect(idsOf(loaded)).toEqual(ids(1, 2, 3));
  });

  test('chains of compactions hold, whatever the order of the logs', async () => {
    const loaded = await load(
      await compacted((world, output) => {
        const last = world.index([entry(1, { timeSeconds: 1001 })]);
        const log = { inputMetadata: [{ id: output }], outputMetadata: [{ id: last }] };
        world.sealedBlob('m', Buffer.from(JSON.stringify(log)));
      }),
    );
    expect(idsOf(loaded)).toEqual(ids(1, 3));
    expect(loaded.contents.timeOf(0)).toBe(1001);
    expect(loaded.blobs.active).toBe(2);
  });

  test.each<[string, string]>([
    ['that is no JSON', '{'],
    ['that is no log', '[]'],
    ['of blobs without ids', '{"inputMetadata":[{"id":3}],"outputMetadata":[]}'],
    ['that is null', 'null'],
    ['of something else', '{"inputMetadata":{"__proto__":[]},"outputMetadata":[]}'],
  ])('a log %s is a problem, and nothing is passed over for it', async (_, text) => {
    const world = await kopiaWorld(withoutEpochs);
    world.index([entry(1)]);
    const log = world.sealedBlob('m', Buffer.from(text));
    const loaded = await load(world);
    expect(idsOf(loaded)).toEqual(ids(1));
    expect(loaded.problems).toMatchObject([{ kind: 'unreadable', blobId: log, active: true }]);
    expect(loaded.complete).toBe(false);
  });
});

describe('with epochs', () => {
  test('the watermark takes deleted entries away, unless they are younger', async () => {
    const world = await kopiaWorld();
    const deleted = { deleted: true };
    world.index([entry(1), entry(2), entry(3, { ...deleted, timeSeconds: 2001 })]);
    world.index([entry(1, { ...deleted, timeSeconds: 2000 }), entry(2, deleted)]);
    world.put('xw2000', Buffer.from('deletion-watermark'));
    world.put('xw999', Buffer.from('deletion-watermark'));
    const loaded = await load(world);
    expect(idsOf(loaded)).toEqual(ids(2, 3));
    expect(loaded.contents.isDeleted(loaded.contents.find(idOf(3)))).toBe(true);
    expect(loaded).toMatchObject({ watermarkSeconds: 2000, currentEpoch: 0 });
  });

  test('damage of an index costs its own entries alone', async () => {
    const world = await kopiaWorld();
    world.index([entry(1)]);
    const flipped = world.index([entry(2)]);
    const blob = world.blobs.get(flipped);
    blob?.bytes.writeUInt8(blob.bytes.readUInt8(50) ^ 1, 50);
    const spoilt = world.index([entry(3)], { spoil: (plain) => plain.subarray(0, 30) });
    const foreign = world.index([entry(4, { id: 'ab'.repeat(32) })]);
    const hash = world.seals.digest(Buffer.from('other'));
    const renamed = `xn0_${hash.toString('hex')}-s0123456789abcdef147-c1`;
    world.put(renamed, world.seals.seal(Buffer.from('no index'), hash));
    const loaded = await load(world);
    expect(idsOf(loaded)).toEqual(ids(1));
    expect(loaded.complete).toBe(false);
    const problems = loaded.problems.map(({ kind, blobId }) => [blobId, kind]);
    expect(new Map(problems as [string, string][])).toEqual(
      new Map([
        [flipped, 'unreadable'],
        [spoilt, 'unreadable'],
        [foreign, 'foreign-key-length'],
        [renamed, 'unreadable'],
      ]),
    );
    for (const { reason, active } of loaded.problems) {
      expect(active).toBe(true);
      expect(reason).toMatch(/^[a-z].*[^.]$/);
    }
  });

  test('the poison of an upgrade is no index', async () => {
    const world = await kopiaWorld();
    world.put(
      `n${'0'.repeat(32)}-repository_unreadable_by_this_kopia_version_upgrade_required`,
      Buffer.from('text'),
    );
    world.index([entry(1)]);
    const loaded = await load(world);
    expect(loaded).toMatchObject({ complete: true, problems: [] });
  });

  test('a slice holds its part of the contents, and all of those with a letter', async () => {
    const world = await kopiaWorld();
    const all = [0x00, 0x7f, 0x80, 0xff].map((first) =>
      first.toString(16).padStart(2, '0').padEnd(32, '1'),
    );
    world.index([...all, `k${all[0]}`, `m${all[3]}`].map((id) => entry(id, { id })));
    const lower = idsOf(await load(world, { slice: { first: 0, end: 128 } }));
    const upper = idsOf(await load(world, { slice: { first: 128, end: 256 } }));
    expect(lower).toEqual([all[0], all[1], `k${all[0]}`, `m${all[3]}`]);
    expect(upper).toEqual([all[2], all[3], `k${all[0]}`, `m${all[3]}`]);
  });

  test('more entries than there may be are an error with a code', async () => {
    const world = await kopiaWorld();
    world.index(Array.from({ length: 300 }, (_, name) => entry(name)));
    await expect(load(world, { sizeBytesMax: 1000 })).rejects.toMatchObject({
      code: 'KOPIA_INDEX_TOO_LARGE',
    });
  });

  test('progress counts what is in use, to the end', async () => {
    const world = await kopiaWorld();
    for (let name = 0; name < 20; name += 1) world.index([entry(name)]);
    const seen: string[] = [];
    await load(world, { onProgress: (done, all) => void seen.push(`${done}/${all}`) });
    expect(seen).toEqual(Array.from({ length: 21 }, (_, done) => `${done}/20`));
  });
});

describe('a store that changes or fails', () => {
  /** Reads of `blobId` behave as told, the first `times` times. */
  const failing = (blobId: string, times: number, act: () => void) => (reader: ObjectReader) => {
    let left = times;
    const wrapped: ObjectReader = {
      url: reader.url,
      list: (prefix, options) => reader.list(prefix, options),
      listDirectories: (prefix, options) => reader.listDirectories(prefix, options),
      stat: (key, options) => reader.stat(key, options),
      read: async (key, options) => {
        if (key.endsWith(blobId) && left > 0) {
          left -= 1;
          act();
        }
        return reader.read(key, options);
      },
    };
    return wrapped;
  };
  const fail = (code: StoreErrorCode) => () => {
    throw new StoreError(code, `Cannot read it: ${code}`);
  };

  test('an index that went while it was read: everything is looked at once more', async () => {
    const world = await kopiaWorld();
    world.index([entry(1)]);
    const gone = world.index([entry(2)]);
    const loaded = await load(world, {}, failing(gone, 1, fail('not_found')));
    expect(idsOf(loaded)).toEqual(ids(1, 2));
    expect(loaded).toMatchObject({ complete: true, problems: [] });
  });

  test('one that is listed and never there is a problem', async () => {
    const world = await kopiaWorld();
    world.index([entry(1)]);
    const gone = world.index([entry(2)]);
    const loaded = await load(world, {}, failing(gone, 9, fail('not_found')));
    expect(idsOf(loaded)).toEqual(ids(1));
    expect(loaded.complete).toBe(false);
    expect(loaded.problems).toMatchObject([{ kind: 'vanished', blobId: gone }]);
  });

  test.each<StoreErrorCode>(['denied', 'throttled', 'unreachable', 'archived', 'bucket_not_found'])(
    '%s is not absent: it is thrown, for an index and for a log',
    async (code) => {
      const world = await kopiaWorld();
      for (let name = 0; name < 30; name += 1) world.index([entry(name)]);
      const index = world.index([entry(99)]);
      await expect(load(world, {}, failing(index, 9, fail(code)))).rejects.toMatchObject({ code });
      const older = await kopiaWorld(withoutEpochs);
      const log = older.sealedBlob('m', Buffer.from('{}'));
      await expect(load(older, {}, failing(log, 9, fail(code)))).rejects.toMatchObject({ code });
    },
  );

  test('whoever aborts is obeyed', async () => {
    const world = await kopiaWorld();
    const index = world.index([entry(1)]);
    const stop = new AbortController();
    const reason = new Error('enough');
    const abort = failing(index, 1, () => stop.abort(reason));
    await expect(load(world, { signal: stop.signal }, abort)).rejects.toBe(reason);
  });
});

describe('divergence of epochs', () => {
  const compaction = (set: string) => ({
    name: 'xs' as const,
    epoch: 1,
    session: `s${set.repeat(16)}`,
  });

  /** Epoch 1 was compacted, epoch 4 is written to. */
  async function settled(): Promise<KopiaWorld> {
    const world = await kopiaWorld();
    world.put('xe4', Buffer.from('epoch'));
    return world;
  }
  const divergences = ({ problems }: LoadedIndexes) =>
    problems.filter(({ kind }) => kind === 'divergence');

  test('an index that a compaction has taken in is none', async () => {
    const world = await settled();
    const both = [entry(1), entry(2, { timeSeconds: 1001 })];
    world.index([entry(1), entry(2)], { epoch: 1 });
    world.index([entry(2, { timeSeconds: 1001 })], { epoch: 1 });
    world.index(both, compaction('a'));
    world.index(both, compaction('b'));
    const loaded = await load(world, { checkDivergence: true });
    expect(loaded.problems).toEqual([]);
    expect(loaded.blobs).toMatchObject({ active: 1, listed: 5 });
    expect(loaded.contents.packs.count).toBe(1);
  });

  test('a second compaction of fewer indexes hides entries (kopia #5371)', async () => {
    const world = await settled();
    const changed = entry(1, { timeSeconds: 1500, packBlob: `p${'b'.repeat(32)}` });
    const others = [2, 3, 4, 5, 6, 7].map((name) => entry(name));
    const first = world.index([changed, ...others], compaction('f'));
    // Readers take the first by name: this one is written until its name is smaller.
    let poorer = '';
    for (let time = 1; poorer === '' || poorer > first; time += 1) {
      world.blobs.delete(poorer);
      poorer = world.index([entry(1, { timeSeconds: time })], compaction('e'));
    }
    const loaded = await load(world, { checkDivergence: true });
    expect(idsOf(loaded)).toEqual(ids(1));
    expect(divergences(loaded)).toMatchObject([
      { blobId: poorer, epoch: 1, active: false, contents: { count: 7 } },
    ]);
    expect(divergences(loaded)[0]?.contents?.examples).toEqual(ids(1, 2, 3, 4, 5));
    expect(loaded.complete).toBe(true);
    expect(divergences(await load(world))).toEqual([]);
  });

  test('indexes left over, and sets that are not whole, count as well', async () => {
    const world = await settled();
    world.index([entry(1)], compaction('a'));
    world.index([entry(1), entry(2)], { epoch: 1 });
    const part = world.index([entry(3)], { ...compaction('b'), setSize: 2 });
    const loaded = await load(world, { checkDivergence: true });
    expect(divergences(loaded)).toMatchObject([{ contents: { count: 2, examples: ids(2, 3) } }]);
    expect(loaded.problems.filter(({ kind }) => kind === 'incomplete-set')).toMatchObject([
      { blobId: part, epoch: 1, active: false, reason: expect.stringContaining('2 blobs') },
    ]);
  });

  test('what is deleted for good is not missed', async () => {
    const world = await settled();
    world.index([entry(1)], compaction('a'));
    world.index([entry(2, { deleted: true, timeSeconds: 3000 })], { epoch: 1 });
    expect(divergences(await load(world, { checkDivergence: true }))).toHaveLength(1);
    world.put('xw3000', Buffer.from('deletion-watermark'));
    expect(divergences(await load(world, { checkDivergence: true }))).toEqual([]);
  });

  test('a blob out of use that is damaged or gone leaves the index complete', async () => {
    const world = await settled();
    world.index([entry(1)], compaction('a'));
    const damaged = world.index([entry(2)], { epoch: 1, spoil: () => Buffer.from('no index') });
    const loaded = await load(world, { checkDivergence: true });
    expect(loaded.problems).toMatchObject([
      { kind: 'unreadable', blobId: damaged, epoch: 1, active: false },
    ]);
    expect(loaded.complete).toBe(true);
  });
});
