import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../shared/ledger/canonical.ts';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { evidenceKey, headKey, type Link } from '../../shared/ledger/evidence-record.ts';
import { verifyChain } from '../../shared/ledger/evidence-verify.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { appendMany, at, CHAIN, put, STORES, textOf, uniqueId } from './world.ts';

const now = new Date(at(1000));
const LENGTH = 8;
const position = fc.integer({ min: 1, max: LENGTH });

async function whole(): Promise<ObjectStore> {
  const state = await STORES.memory();
  await appendMany({ state, uniqueId }, LENGTH);
  return state;
}
const bytesAt = async (state: ObjectStore, n: number): Promise<Buffer> =>
  Buffer.from(await textOf(state, evidenceKey(CHAIN, n)));
const problemsOf = async (state: ObjectStore): Promise<number> =>
  (await verifyChain(state, CHAIN, { now })).problemCount;

describe('in a chain every single change is found:', () => {
  test('nothing is found where nothing was changed', async () => {
    expect(await problemsOf(await whole())).toBe(0);
  });

  test('a byte that is another one', async () => {
    await fc.assert(
      fc.asyncProperty(
        position,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (n, where, by) => {
          const state = await whole();
          const bytes = await bytesAt(state, n);
          const offset = where % bytes.length;
          bytes[offset] = (bytes[offset] ?? 0) ^ by;
          await put(state, evidenceKey(CHAIN, n), bytes);
          // A schema version that has grown is refused instead.
          expect(await problemsOf(state).catch(({ code }) => code)).not.toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a field that says something else, in the right form', async () => {
    const change = fc.constantFrom('at', 'runId', 'nonce', 'content', 'previousHash', 'sequence');
    await fc.assert(
      fc.asyncProperty(position, change, async (n, field) => {
        const state = await whole();
        const record = JSON.parse((await bytesAt(state, n)).toString()) as Record<string, unknown>;
        const other: Record<string, unknown> = {
          at: at(n + 0.5),
          runId: 'another',
          nonce: 'another',
          content: { n, all: 'well' },
          previousHash: 'ab'.repeat(32),
          sequence: n + 1,
        };
        const changed = { ...record, [field]: other[field] };
        await put(state, evidenceKey(CHAIN, n), canonicalJson(changed));
        expect(await problemsOf(state)).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });

  test('a record that is gone, alone or with all that come behind or before it', async () => {
    await fc.assert(
      fc.asyncProperty(position, fc.constantFrom('alone', 'behind', 'before'), async (n, which) => {
        const state = await whole();
        const [from, to] = { alone: [n, n], behind: [n, LENGTH], before: [1, n] }[which] as [
          number,
          number,
        ];
        for (let k = from; k <= to; k += 1) await state.remove(evidenceKey(CHAIN, k));
        expect(await problemsOf(state)).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  test('two records that changed places, keys or numbers and all', async () => {
    await fc.assert(
      fc.asyncProperty(position, position, fc.boolean(), async (a, b, renumbered) => {
        fc.pre(a !== b);
        const state = await whole();
        const [left, right] = [await bytesAt(state, a), await bytesAt(state, b)];
        const as = (bytes: Buffer, sequence: number, like: Buffer): string => {
          if (!renumbered) return bytes.toString();
          const record = JSON.parse(bytes.toString()) as Record<string, unknown>;
          const place = JSON.parse(like.toString()) as Record<string, unknown>;
          return canonicalJson({ ...record, sequence, previousHash: place['previousHash'] });
        };
        await put(state, evidenceKey(CHAIN, a), as(right, a, left));
        await put(state, evidenceKey(CHAIN, b), as(left, b, right));
        expect(await problemsOf(state)).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });

  test('a record put in between, with those behind it moved up or not', async () => {
    await fc.assert(
      fc.asyncProperty(position, fc.boolean(), async (n, moved) => {
        const state = await whole();
        const record = JSON.parse((await bytesAt(state, n)).toString()) as Record<string, unknown>;
        if (moved) {
          for (let k = LENGTH; k >= n; k -= 1) {
            const bytes = await bytesAt(state, k);
            const next = JSON.parse(bytes.toString()) as Record<string, unknown>;
            const text = canonicalJson({ ...next, sequence: k + 1 });
            await put(state, evidenceKey(CHAIN, k + 1), text);
          }
        }
        const inserted = canonicalJson({ ...record, nonce: 'inserted', runId: 'inserted' });
        const name = evidenceKey(CHAIN, n);
        await put(state, moved ? name : name.replace('.json', '.1.json'), inserted);
        expect(await problemsOf(state)).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  test('a head that names another record', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: LENGTH + 3 }), async (sequence) => {
        const state = await whole();
        const head = JSON.parse(await textOf(state, headKey(CHAIN)));
        const hash = sequence === 0 ? null : 'cd'.repeat(32);
        const value = { ...head.value, sequence, hash };
        await put(state, headKey(CHAIN), JSON.stringify({ ...head, value }));
        // A head that is behind is what a killed run leaves; it names a true record then.
        expect((await problemsOf(state)) > 0).toBe(sequence !== 0);
      }),
      { numRuns: 30 },
    );
  });
});

describe('runs at once on a store that fails at random', () => {
  test('append each record that they were told of exactly once, and the chain is whole', async () => {
    const faults = fc.array(fc.constantFrom('none', 'none', 'before', 'after', 'killed'), {
      minLength: 30,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(faults, async (plan) => {
        const state = await STORES.memory();
        let write = 0;
        const failing: ObjectStore = {
          ...state,
          async write(key, body, options) {
            const fault = plan[write++] ?? 'none';
            if (fault === 'killed') throw new Error('killed');
            if (fault === 'before') throw new StoreError('unreachable', 'Cannot reach');
            const info = await state.write(key, body, options);
            if (fault === 'after') throw new StoreError('unreachable', 'Cannot hear the answer');
            return info;
          },
        };
        const runs = Array.from({ length: 6 }, (_, n) =>
          appendEvidence({ state: failing, uniqueId }, CHAIN, {
            at: at(1),
            runId: `run-${n}`,
            content: {},
          }),
        );
        const ended = await Promise.allSettled(runs);
        const told = ended.flatMap((each, n) => (each.status === 'fulfilled' ? [`run-${n}`] : []));
        await appendEvidence({ state, uniqueId }, CHAIN, { at: at(2), runId: 'last', content: {} });
        const written: string[] = [];
        const onLink = ({ record }: Link) => void written.push(record.runId);
        const { problems } = await verifyChain(state, CHAIN, { now, onLink });
        expect(problems).toEqual([]);
        expect(new Set(written).size).toBe(written.length);
        expect(written).toEqual(expect.arrayContaining([...told, 'last']));
      }),
      { numRuns: 60 },
    );
  });
});

describe('canonical JSON', () => {
  test('is one text, whatever the order of names, and means the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        const parsed: unknown = JSON.parse(text);
        expect(canonicalJson(parsed)).toBe(text);
        expect(parsed).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
  });

  test('is as RFC 8785 writes it', () => {
    const value = { '\u20ac': 1, '\r': 2, '1': 3, '\u0080': 4, '\ud83d\ude02': 5, b: [1e21, -0] };
    expect(canonicalJson(value)).toBe(
      '{"\\r":2,"1":3,"b":[1e+21,0],"\u0080":4,"\u20ac":1,"\ud83d\ude02":5}',
    );
  });

  test.each([
    Number.NaN,
    1n,
    new Date(0),
    new Map(),
    () => 1,
    Array.from({ length: 70 }).reduce<unknown>((inner) => [inner], 0),
  ])('refuses what is no JSON of ours (%s)', (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  });
});
