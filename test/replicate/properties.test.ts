import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activeIndexes } from '../../shared/kopia/indexes/active-indexes.ts';
import { forEachLimited } from '../../shared/model/limited.ts';
import { type ListedIndex, publicationOrder } from '../../shared/replicate/kopia-plan.ts';
import { mergeListings } from '../../shared/replicate/merge.ts';
import { compareKeys } from '../../shared/stores/keys.ts';
import type { ObjectInfo } from '../../shared/stores/store.ts';

// fast-check prints seed and path of a failure; `fc.assert(…, { seed, path })` replays it.

const info = (key: string): ObjectInfo => ({
  key,
  sizeBytes: 1,
  etag: key,
  lastModified: new Date(0),
});
async function* stream(keys: readonly string[]): AsyncGenerator<ObjectInfo> {
  for (const key of keys) yield info(key);
}
const sortedKeys = fc
  .uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), { maxLength: 30 })
  .map((keys) => keys.sort(compareKeys));

describe('mergeListings()', () => {
  test('pairs every key of both sides once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(sortedKeys, sortedKeys, async (left, right) => {
        const pairs = await Array.fromAsync(mergeListings(stream(left), stream(right)));
        const union = [...new Set([...left, ...right])].sort(compareKeys);
        expect(pairs.map(({ key }) => key)).toEqual(union);
        for (const { key, source, target } of pairs) {
          expect(source?.key).toBe(left.includes(key) ? key : undefined);
          expect(target?.key).toBe(right.includes(key) ? key : undefined);
        }
      }),
    );
  });

  test('fails when either side fails, and closes the other', async () => {
    let isClosed = false;
    async function* open(): AsyncGenerator<ObjectInfo> {
      try {
        yield info('a');
        yield info('b');
      } finally {
        isClosed = true;
      }
    }
    async function* broken(): AsyncGenerator<ObjectInfo> {
      yield info('a');
      throw new Error('broken listing');
    }
    await expect(Array.fromAsync(mergeListings(open(), broken()))).rejects.toThrow(
      'broken listing',
    );
    expect(isClosed).toBe(true);
  });
});

describe('compareKeys()', () => {
  test('is the order of UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const bytes = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(Math.sign(compareKeys(a, b))).toBe(bytes);
      }),
    );
  });
});

describe('forEachLimited()', () => {
  test('works on every item once and keeps both limits', async () => {
    const limits = fc.record({
      concurrency: fc.integer({ min: 1, max: 5 }),
      weightMax: fc.integer({ min: 1, max: 20 }),
    });
    const items = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(items, limits, async (weights, limit) => {
        let running = 0;
        let weight = 0;
        const done: number[] = [];
        await forEachLimited(
          weights.map((own, at) => ({ own, at })),
          limit,
          ({ own }) => own,
          async ({ own, at }) => {
            running += 1;
            weight += own;
            expect(running).toBeLessThanOrEqual(limit.concurrency);
            if (running > 1) expect(weight).toBeLessThanOrEqual(limit.weightMax);
            for (let turn = 0; turn < (at % 3) + 1; turn += 1) await Promise.resolve();
            running -= 1;
            weight -= own;
            done.push(at);
          },
        );
        expect(done.sort((a, b) => a - b)).toEqual(weights.map((_, at) => at));
      }),
    );
  });

  test('begins nothing after a failure and waits for what runs', async () => {
    const begun: number[] = [];
    let ended = 0;
    const work = forEachLimited(
      [0, 1, 2, 3, 4, 5],
      { concurrency: 2, weightMax: 10 },
      () => 1,
      async (at) => {
        begun.push(at);
        await new Promise((resolve) => setImmediate(resolve));
        ended += 1;
        if (at === 1) throw new Error('failed');
      },
    );
    await expect(work).rejects.toThrow('failed');
    expect(ended).toBe(begun.length);
    expect(begun.length).toBeLessThan(6);
  });
});

const hash = fc.stringMatching(/^[0-9a-f]{32}$/);
const session = fc.stringMatching(/^s[0-9a-f]{16}147$/);
const epoch = fc.integer({ min: 0, max: 8 });
const set = fc.integer({ min: 1, max: 2 });
const blobId = fc.oneof(
  fc.tuple(epoch, hash, session).map(([e, h, s]) => `xn${e}_${h}-${s}-c1`),
  fc.tuple(epoch, hash, session, set).map(([e, h, s, c]) => `xs${e}_${h}-${s}-c${c}`),
  fc
    .tuple(epoch, epoch, hash, session)
    .map(([a, b, h, s]) => `xr${Math.min(a, b)}_${Math.max(a, b)}_${h}-${s}-c1`),
  epoch.map((e) => `xe${e}`),
  fc.integer({ min: 1_600_000_000, max: 1_800_000_000 }).map((seconds) => `xw${seconds}`),
);
const listing = fc
  .uniqueArray(fc.tuple(blobId, fc.integer({ min: 0, max: 20 })), {
    maxLength: 40,
    selector: ([id]) => id,
  })
  .map((blobs) =>
    blobs.map(([id, second]): ListedIndex => {
      const lastModified = new Date(1_700_000_000_000 + second * 1000);
      return { id, lastModified, info: { ...info(id), lastModified } };
    }),
  );

describe('publicationOrder()', () => {
  test('publishes every blob once, markers first, watermarks last, whatever there is', () => {
    fc.assert(
      fc.property(listing, (blobs) => {
        const order = publicationOrder(blobs, new Set()).map(({ id }) => id);
        expect(order.toSorted()).toEqual(blobs.map(({ id }) => id).toSorted());
        const kinds = order.map((id) => (id.startsWith('xe') ? 0 : id.startsWith('xw') ? 2 : 1));
        expect(kinds).toEqual(kinds.toSorted());
      }),
    );
  });

  test('does not depend on the order of the listing', () => {
    const shuffled = listing.chain((blobs) =>
      fc.tuple(fc.constant(blobs), fc.shuffledSubarray(blobs, { minLength: blobs.length })),
    );
    fc.assert(
      fc.property(shuffled, ([blobs, other]) => {
        const ids = (list: readonly ListedIndex[]): string[] =>
          publicationOrder(list, new Set()).map(({ id }) => id);
        expect(ids(other)).toEqual(ids(blobs));
      }),
    );
  });

  test('publishes what readers use before what is superseded', () => {
    fc.assert(
      fc.property(listing, (blobs) => {
        const order = publicationOrder(blobs, new Set());
        const active = new Set(activeIndexes(order).map(({ id }) => id));
        const rest = order.filter(({ id }) => /^x[nsr]/.test(id)).map(({ id }) => active.has(id));
        expect(rest.lastIndexOf(true)).toBeLessThan(
          rest.includes(false) ? rest.indexOf(false) : rest.length,
        );
      }),
    );
  });
});
