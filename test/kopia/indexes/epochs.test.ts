import { describe, expect, test } from 'vitest';
import type { LoadedIndexes } from '../../../shared/kopia/indexes/loaded-indexes.ts';
import { type KopiaWorld, kopiaWorld } from '../../support/kopia-writer/world.ts';
import { entry, ids, idsOf, load } from './loaded.ts';

describe('divergence of epochs', () => {
  const compaction = (set: string) => ({
    name: 'xs' as const,
    epoch: 1,
    session: `s${set.repeat(16)}`,
  });

  /** Epoch 1 was compacted, epoch 3 is written to; epoch 0 said nothing. */
  async function settled(): Promise<KopiaWorld> {
    const world = await kopiaWorld();
    world.put('xe3', Buffer.from('epoch'));
    world.index([], { epoch: 0 });
    return world;
  }
  /** Epochs 0 and 2 are left out here for brevity, which is a loss of its own. */
  const ofEpoch1 = ({ problems }: LoadedIndexes) =>
    problems.filter(({ kind }) => kind !== 'epoch-lost');
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
    expect(ofEpoch1(loaded)).toEqual([]);
    expect(loaded.blobs).toMatchObject({ active: 2, listed: 6 });
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

  test('is found where both do not fit into memory at once', async () => {
    const world = await settled();
    const all = Array.from({ length: 256 * 100 }, (_, at) => {
      const id = `${(at % 256).toString(16).padStart(2, '0')}${at.toString(16).padStart(30, '0')}`;
      return { ...entry(1), id };
    });
    world.index(all.slice(0, -1), compaction('a'));
    world.index(all, { epoch: 1 });
    // A page of 128 rows for each first byte holds one of the two alone.
    const loaded = await load(world, { checkDivergence: true, sizeBytesMax: 300 * 128 * 36 });
    expect(loaded.contents.size).toBe(all.length - 1);
    expect(divergences(loaded)).toMatchObject([{ contents: { count: 1 } }]);
  });

  test('an entry that is only later, and one that lies elsewhere in its pack', async () => {
    const world = await settled();
    world.index([entry(1), entry(2), entry(3)], compaction('a'));
    const later = entry(1, { timeSeconds: 1001 });
    world.index([later, entry(2, { packOffset: 64 }), entry(3)], { epoch: 1 });
    const loaded = await load(world, { checkDivergence: true });
    expect(divergences(loaded)).toMatchObject([{ contents: { count: 2, examples: ids(1, 2) } }]);
  });

  test('a compaction that cannot be read is that, and no divergence', async () => {
    const world = await settled();
    const damaged = world.index([entry(1)], { ...compaction('a'), spoil: () => Buffer.from('x') });
    world.index([entry(1)], { epoch: 1 });
    const loaded = await load(world, { checkDivergence: true });
    expect(ofEpoch1(loaded)).toMatchObject([{ kind: 'unreadable', blobId: damaged, active: true }]);
    expect(loaded.complete).toBe(false);
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
    expect(ofEpoch1(loaded)).toMatchObject([
      { kind: 'unreadable', blobId: damaged, epoch: 1, active: false },
    ]);
    expect(loaded.complete).toBe(true);
  });
});

describe('settled epochs of which nothing is left', () => {
  const lost = ({ problems }: LoadedIndexes) =>
    problems
      .filter(({ kind }) => kind === 'epoch-lost')
      .map(({ epoch, active }) => ({ epoch, active }));

  /** Indexes in epochs 0 to `current`. */
  async function written(current: number): Promise<{ world: KopiaWorld; blobs: string[] }> {
    const world = await kopiaWorld();
    world.put(`xe${current}`, Buffer.from('epoch'));
    const blobs = Array.from({ length: current + 1 }, (_, epoch) =>
      world.index([entry(epoch + 1)], { epoch }),
    );
    return { world, blobs };
  }

  test('are told, by the gap in the numbers', async () => {
    const { world, blobs } = await written(4);
    expect(lost(await load(world))).toEqual([]);
    world.blobs.delete(blobs[1] ?? '');
    expect(lost(await load(world))).toEqual([{ epoch: 1, active: false }]);
    world.blobs.delete(blobs[3] ?? '');
    expect(lost(await load(world))).toHaveLength(1);
  });

  test('are certain where a part of the compaction remains', async () => {
    const { world, blobs } = await written(4);
    const session = `s${'a'.repeat(16)}`;
    world.index([entry(2)], { name: 'xs', epoch: 1, session, setSize: 2 });
    expect(lost(await load(world))).toEqual([]);
    world.blobs.delete(blobs[1] ?? '');
    const loaded = await load(world);
    expect(lost(loaded)).toEqual([{ epoch: 1, active: true }]);
    expect(loaded.complete).toBe(false);
    world.index([entry(3)], { name: 'xs', epoch: 1, session, setSize: 2 });
    expect(lost(await load(world))).toEqual([]);
  });

  test('are none where a range checkpoint covers them, and where a marker is absurd', async () => {
    const { world, blobs } = await written(4);
    world.index([entry(1), entry(2)], {
      name: 'xr',
      epoch: 0,
      lastEpoch: 1,
      session: `s${'b'.repeat(16)}`,
    });
    for (const blob of blobs.slice(0, 2)) world.blobs.delete(blob);
    expect(lost(await load(world))).toEqual([]);
    world.put('xe4000000000', Buffer.from('epoch'));
    expect(lost(await load(world)).length).toBeLessThan(20);
  });
});
