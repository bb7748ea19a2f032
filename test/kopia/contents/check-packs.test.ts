import { describe, expect, test } from 'vitest';
import {
  type CheckedPack,
  type CheckPacksOptions,
  checkPacks,
} from '../../../shared/kopia/contents/check-packs.ts';
import type { ContentChecker } from '../../../shared/kopia/contents/content-checker.ts';
import { inProcessChecker } from '../../../shared/kopia/contents/in-process-checker.ts';
import { groupByPack, type PackContents } from '../../../shared/kopia/contents/pack-positions.ts';
import { StoreError, type StoreErrorCode } from '../../../shared/stores/store-error.ts';
import { changePack, type MadeRepository, madeRepository } from './made-repository.ts';
import { recordedReader } from './recorded-reader.ts';

const MIB = 1 << 20;

interface Given extends CheckPacksOptions {
  readonly before?: Parameters<typeof recordedReader>[1];
  readonly checker?: ContentChecker;
  readonly packs?: Iterable<PackContents>;
}

function start(made: MadeRepository, { before, checker, packs, ...options }: Given = {}) {
  const { prefix, table, crypto } = made;
  const reader = recordedReader(made.store, before);
  const deps = { reader, prefix, table, checker: checker ?? inProcessChecker(crypto) };
  const checked = checkPacks(deps, packs ?? groupByPack(table).packs(), options);
  return { reader, checked };
}

async function checkAll(made: MadeRepository, given?: Given): Promise<CheckedPack[]> {
  const packs = await Array.fromAsync(start(made, given).checked);
  return packs.sort((a, b) => a.packId - b.packId);
}

const failuresOf = (pack: CheckedPack | undefined) =>
  pack?.failures.map(({ position, reason }) => `${position} ${reason}`).sort();

describe('checkPacks()', () => {
  test('looks at every content and reads few ranges', async () => {
    const made = await madeRepository([Array<number>(50).fill(300_000), [0], [9 * MIB, 100]]);
    const progress: [number, number][] = [];
    const { reader, checked } = start(made, { onProgress: (...now) => progress.push(now) });
    const packs = await Array.fromAsync(checked);
    expect(packs.sort((a, b) => a.packId - b.packId)).toEqual([
      { packId: 0, contents: 50, sizeBytes: 50 * 300_028, failures: [] },
      { packId: 1, contents: 1, sizeBytes: 28, failures: [] },
      { packId: 2, contents: 2, sizeBytes: 9 * MIB + 100 + 2 * 28, failures: [] },
    ]);
    expect(reader.reads).toHaveLength(2 + 1 + 2);
    expect(reader.stats).toEqual([]);
    expect(progress.at(-1)).toEqual([53, packs.reduce((sum, pack) => sum + pack.sizeBytes, 0)]);
  });

  test('tells which contents are damaged, and goes on', async () => {
    const made = await madeRepository([[100, 100, 100], [100, 100], [100, 100, 100], [100]]);
    await changePack(made, 0, (bytes) => bytes.fill(0xee, 200, 203));
    await made.store.remove(`${made.prefix}${made.table.packs.name(1)}`);
    // In the middle of the last content but one.
    await changePack(made, 2, (bytes) => bytes.subarray(0, 32 + 128 + 50));
    const packs = await checkAll(made);
    expect(packs.map(failuresOf)).toEqual([
      ['1 not-authentic'],
      ['3 pack-missing', '4 pack-missing'],
      ['6 pack-too-short', '7 pack-too-short'],
      [],
    ]);
    expect(packs.map(({ contents }) => contents)).toEqual([3, 2, 3, 1]);
    expect(packs.map(({ sizeBytes }) => sizeBytes)).toEqual([3 * 128, 0, 128, 128]);
  });

  test('leaves unread what no index may ask for, and what no bytes can settle', async () => {
    const made = await madeRepository([[100, 100, 100, 100]], (entry, position) => {
      if (position === 1) return { ...entry, encryptionKeyId: 3 };
      if (position === 2) return { ...entry, packedLength: (1 << 28) - 1 };
      if (position === 3) return { ...entry, packedLength: 0 };
      return entry;
    });
    const [pack] = await checkAll(made);
    expect(failuresOf(pack)).toEqual(['1 encryption-key-unknown', '2 too-large', '3 too-short']);
    expect(pack?.contents).toBe(4);
  });

  test('takes no memory for a length that the pack does not have', async () => {
    const made = await madeRepository([[100], [100]], (entry) => {
      return { ...entry, packedLength: 100 << 20 };
    });
    const before = process.memoryUsage().arrayBuffers;
    const packs = await checkAll(made);
    expect(packs.map(failuresOf)).toEqual([['0 pack-too-short'], ['1 pack-too-short']]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
  });

  test('contents that overlap, or are the same place, are each looked at', async () => {
    const made = await madeRepository([[100, 200]], (entry, position) =>
      position === 1 ? { ...entry, packOffset: 33 } : entry,
    );
    const [pack] = await checkAll(made);
    expect(failuresOf(pack)).toEqual(['1 not-authentic']);
  });

  test.each<StoreErrorCode>(['denied', 'throttled', 'unreachable', 'corrupt'])(
    'a pack whose store says %s is unread, not damaged, and the others are checked',
    async (code) => {
      const made = await madeRepository([[100], [100, 100], [100]]);
      const [, second] = [0, 1].map((packId) => made.table.packs.name(packId));
      const packs = await checkAll(made, {
        before: (key) => {
          if (key.endsWith(second ?? '')) throw new StoreError(code, 'no');
        },
      });
      expect(packs.map(({ contents, failures }) => [contents, failures])).toEqual([
        [1, []],
        [0, []],
        [1, []],
      ]);
      expect(packs[1]?.unread).toMatchObject({ contents: 2, error: { code } });
    },
  );

  test('an archived pack is unchecked with that reason', async () => {
    const made = await madeRepository([[100]]);
    const [pack] = await checkAll(made, {
      before: () => {
        throw new StoreError('archived', 'no');
      },
    });
    expect(failuresOf(pack)).toEqual(['0 archived']);
  });

  test('holds few ranges at a time, however slow the store is', async () => {
    const made = await madeRepository(Array<number[]>(40).fill([1000]));
    let atOnce = 0;
    let most = 0;
    await checkAll(made, {
      before: async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
      },
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(5);
  });

  test('takes packs as it goes, so that whoever has no time left ends the list', async () => {
    const made = await madeRepository(Array<number[]>(40).fill([1000]));
    let taken = 0;
    function* packs() {
      for (const pack of groupByPack(made.table).packs()) {
        taken += 1;
        yield pack;
      }
    }
    const { checked } = start(made, { packs: packs() });
    await checked.next();
    expect(taken).toBeLessThan(15);
    await checked.return(undefined);
    expect(taken).toBeLessThan(15);
  });

  test('whoever takes their time over a pack misses none, and no error', async () => {
    const made = await madeRepository(Array<number[]>(20).fill([1000]));
    const inProcess = inProcessChecker(made.crypto);
    let batches = 0;
    let failAt = Number.POSITIVE_INFINITY;
    const checker: ContentChecker = {
      ...inProcess,
      async check(batch) {
        batches += 1;
        if (batches >= failAt) throw new Error('no threads');
        return inProcess.check(batch);
      },
    };
    /** Until everything under way has come to its end. */
    const pause = async () => {
      for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const taken: number[] = [];
    for await (const pack of start(made, { checker }).checked) {
      taken.push(pack.packId);
      await pause();
    }
    expect(taken).toHaveLength(20);

    failAt = batches + 20;
    const takeAll = async () => {
      for await (const _ of start(made, { checker }).checked) await pause();
    };
    await expect(takeAll()).rejects.toThrow('no threads');
  });

  test('an abort ends it with its reason, and no request is left behind', async () => {
    const made = await madeRepository(Array<number[]>(20).fill([1000]));
    const stop = new AbortController();
    const { checked, reader } = start(made, {
      signal: stop.signal,
      before: () => {
        if (reader.reads.length === 7) stop.abort(new Error('enough'));
      },
    });
    await expect(Array.fromAsync(checked)).rejects.toThrow('enough');
    expect(reader.reads.length).toBeLessThan(20);
  });

  test('a checker that fails ends it with that error', async () => {
    const made = await madeRepository(Array<number[]>(20).fill([1000]));
    const checker: ContentChecker = {
      threads: 2,
      check: () => Promise.reject(new Error('no threads')),
      close: async () => {},
    };
    await expect(checkAll(made, { checker })).rejects.toThrow('no threads');
  });
});
