import { describe, expect, test } from 'vitest';
import { contentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { SEGMENT_SIZE_BYTES } from '../../../shared/kopia/contents/pack-cache.ts';
import type { CallOptions } from '../../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../../shared/stores/store-error.ts';
import { changePack, type MadeRepository, madeRepository } from './made-repository.ts';
import { type RecordedReader, recordedReader } from './recorded-reader.ts';

const MIB = 1 << 20;

function readerOf(
  { store, prefix, table, crypto }: MadeRepository,
  options: Parameters<typeof contentReader>[4] = {},
  before?: Parameters<typeof recordedReader>[1],
) {
  const recorded = recordedReader(store, before);
  const contents = contentReader(recorded, prefix, table, crypto, options);
  const read = (position: number, call?: CallOptions) => contents.read(table.idOf(position), call);
  return { recorded, contents, read };
}

const asked = ({ reads }: RecordedReader) =>
  reads.map(({ range }) => [range?.offsetBytes, range?.lengthBytes]);

describe('contentReader()', () => {
  test('reads a small pack whole, once, and asks for its size once', async () => {
    const made = await madeRepository([[1000, 2000, 0, 3000]]);
    const { recorded, read } = readerOf(made);
    for (const position of [2, 0, 1, 3, 0]) {
      expect(await read(position)).toHaveLength(made.table.originalLengthOf(position));
    }
    expect(asked(recorded)).toEqual([[0, 32 + 6000 + 4 * 28]]);
    expect(recorded.stats).toHaveLength(1);
  });

  test('asks nobody for a size that a listing has told', async () => {
    const made = await madeRepository([[1000]]);
    const { recorded, read } = readerOf(made, { packSizes: () => 1060 });
    await read(0);
    expect(recorded.stats).toEqual([]);
    expect(asked(recorded)).toEqual([[0, 1060]]);
  });

  test('reads what spans segments by one request, and only what is missing of it', async () => {
    const made = await madeRepository([[5 * MIB, 3 * MIB, 1000]]);
    const size = 32 + 8 * MIB + 1000 + 3 * 28;
    const { recorded, read } = readerOf(made);
    await read(0);
    expect(asked(recorded)).toEqual([[0, 3 * SEGMENT_SIZE_BYTES]]);
    await read(1);
    await read(2);
    const start = 3 * SEGMENT_SIZE_BYTES;
    expect(asked(recorded).slice(1)).toEqual([[start, size - start]]);
  });

  test('shares the requests of readers at the same time', async () => {
    const made = await madeRepository([[1000, 2000, 3000], [4000]]);
    const { recorded, read } = readerOf(made, { packSizes: () => undefined });
    await Promise.all([0, 1, 2, 3, 2, 1, 0].map((position) => read(position)));
    expect(recorded.reads).toHaveLength(2);
  });

  test('keeps what was used last within its bound', async () => {
    const made = await madeRepository([[2 * MIB - 60], [2 * MIB - 60], [2 * MIB - 60], [5 * MIB]]);
    const { recorded, read } = readerOf(made, { cacheSizeBytes: 2 * SEGMENT_SIZE_BYTES });
    for (const position of [0, 1, 0, 2, 0, 1]) await read(position);
    // 1 was the one unused for longest when 2 came.
    expect(recorded.reads.map(({ key }) => key.at(-1)).join('')).toBe('0121');
    expect(await read(3)).toHaveLength(5 * MIB);
  });

  test('tells what is wrong with a content or its pack', async () => {
    const made = await madeRepository(
      [[100], [100, 100], [100], [100], [100]],
      (entry, position) =>
        position === 4
          ? { ...entry, packedLength: (1 << 28) - 1 }
          : position === 5
            ? { ...entry, packedLength: 0 }
            : entry,
    );
    await made.store.remove(`${made.prefix}${made.table.packs.name(0)}`);
    await changePack(made, 1, (bytes) => bytes.subarray(0, -1));
    await changePack(made, 2, (bytes) => bytes.fill(0, 50, 51));
    const { contents, read, recorded } = readerOf(made);
    await expect(read(0)).rejects.toMatchObject({ reason: 'pack-missing' });
    await expect(read(0)).rejects.toMatchObject({ packBlob: made.table.packs.name(0) });
    await expect(read(1)).resolves.toHaveLength(100);
    await expect(read(2)).rejects.toMatchObject({ reason: 'pack-too-short' });
    await expect(read(3)).rejects.toMatchObject({ reason: 'not-authentic' });
    await expect(read(4)).rejects.toMatchObject({ reason: 'too-large' });
    await expect(read(5)).rejects.toMatchObject({ reason: 'too-short' });
    for (const id of ['', 'k', '__proto__', 'zz', made.table.idOf(1).slice(2)]) {
      await expect(contents.read(id)).rejects.toMatchObject({ reason: 'not-in-index' });
    }
    // Absence is asked for once; what is too large or too short is not read at all.
    expect(recorded.stats).toHaveLength(3);
  });

  test.each([
    ['not_found', 'pack-missing'],
    ['range', 'pack-too-short'],
    ['archived', 'archived'],
  ] as const)('takes %s for a fact about the pack', async (code, reason) => {
    const made = await madeRepository([[100]]);
    const { read } = readerOf(made, {}, () => {
      throw new StoreError(code, 'no');
    });
    await expect(read(0)).rejects.toMatchObject({ reason, cause: { code } });
  });

  test.each<StoreErrorCode>(['denied', 'throttled', 'unreachable', 'corrupt', 'bucket_not_found'])(
    'takes %s for what it is, and asks again next time',
    async (code) => {
      const made = await madeRepository([[100]]);
      let isFailing = true;
      const { read } = readerOf(made, {}, () => {
        if (isFailing) throw new StoreError(code, 'no');
      });
      await expect(read(0)).rejects.toMatchObject({ name: 'StoreError', code });
      isFailing = false;
      await expect(read(0)).resolves.toHaveLength(100);
    },
  );

  test('one reader who gives up does not fail the others', async () => {
    const made = await madeRepository([[100, 200]]);
    const first = new AbortController();
    const { promise: isAsked, resolve: ask } = Promise.withResolvers<void>();
    const { read, recorded } = readerOf(made, {}, (_, options) => {
      ask();
      // The store ends a read when the signal of its caller does.
      if (options?.signal !== first.signal) return;
      return new Promise((_resolve, reject) => {
        first.signal.addEventListener('abort', () => reject(first.signal.reason));
      });
    });
    const givesUp = read(0, { signal: first.signal });
    await isAsked;
    const waits = read(1);
    first.abort(new Error('enough'));
    await expect(givesUp).rejects.toThrow('enough');
    await expect(waits).resolves.toHaveLength(200);
    expect(recorded.reads).toHaveLength(2);
  });

  test('one who gave up after their read leaves nothing that keeps a later failure going', async () => {
    const made = await madeRepository([[100, 2 * SEGMENT_SIZE_BYTES]]);
    const first = new AbortController();
    let denied = 0;
    const { read } = readerOf(made, {}, (_, options) => {
      if (!options?.range?.offsetBytes) return;
      denied += 1;
      // Without an end the test would have none.
      if (denied < 10) throw new StoreError('denied', 'no');
    });
    await read(0, { signal: first.signal });
    first.abort(new Error('enough'));
    await expect(read(1)).rejects.toMatchObject({ code: 'denied' });
    expect(denied).toBe(1);
  });

  test('who gives up while another one’s request is under way does not wait for it', async () => {
    const made = await madeRepository([[100, 200]]);
    const { promise: isAsked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const { read } = readerOf(made, {}, () => {
      ask();
      return held;
    });
    const waits = read(0);
    await isAsked;
    const second = new AbortController();
    const givesUp = read(1, { signal: second.signal });
    second.abort(new Error('enough'));
    await expect(givesUp).rejects.toThrow('enough');
    letGo();
    await expect(waits).resolves.toHaveLength(100);
  });
});
