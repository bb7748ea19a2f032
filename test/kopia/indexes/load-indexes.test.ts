import { describe, expect, test } from 'vitest';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../../shared/stores/store-error.ts';
import {
  type KopiaWorld,
  kopiaWorld,
  type WorldOptions,
} from '../../support/kopia-writer/world.ts';
import { entry, idOf, ids, idsOf, load } from './loaded.ts';

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

  test('and taken when one of two is', async () => {
    const world = await kopiaWorld(withoutEpochs);
    const input = world.index([entry(1), entry(2)]);
    const outputs = [world.index([entry(1)]), 'n00'].map((id) => ({ id }));
    const log = { inputMetadata: [{ id: input }], outputMetadata: outputs };
    world.sealedBlob('m', Buffer.from(JSON.stringify(log)));
    expect(idsOf(await load(world))).toEqual(ids(1, 2));
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
