import { describe, expect, test } from 'vitest';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { listChains } from '../../shared/ledger/evidence-chains.ts';
import { evidenceKey, headKey } from '../../shared/ledger/evidence-record.ts';
import { trimEvidence } from '../../shared/ledger/evidence-retention.ts';
import { verifyChain } from '../../shared/ledger/evidence-verify.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { appendMany, at, CHAIN, entry, keysOf, put, STORES, textOf, uniqueId } from './world.ts';

const now = new Date(at(1000));

/** A store on which `isKilled` decides, before each write, whether this process ends. */
function mortal(state: ObjectStore, isKilled: (key: string) => boolean): ObjectStore {
  return {
    ...state,
    write: (key, body, options) =>
      isKilled(key) ? Promise.reject(new Error('killed')) : state.write(key, body, options),
    removeMany: (keys, options) =>
      isKilled('remove') ? Promise.reject(new Error('killed')) : state.removeMany(keys, options),
  };
}

describe.each(Object.entries(STORES))('evidence in a %s store', (_, open) => {
  test('grows by one record after the other, each with the hash of the one before', async () => {
    const state = await open();
    await appendMany({ state, uniqueId }, 3);
    const result = await verifyChain(state, CHAIN, { now });
    expect(result).toMatchObject({ records: 3, removed: 0, problems: [], problemCount: 0 });
    expect(result.last).toMatchObject({ sequence: 3, at: at(3) });
    expect(result.signatures).toMatchObject({ missing: 3, good: 0 });
    const second = JSON.parse(await textOf(state, evidenceKey(CHAIN, 2)));
    expect(second).toMatchObject({ sequence: 2, runId: 'run-2', content: { n: 2 } });
    const chains = await Array.fromAsync(listChains(state));
    expect(chains).toMatchObject([{ job: 'verify', chain: CHAIN }]);
  });

  test('takes the records of twelve runs at once, and never forks', async () => {
    const state = await open();
    const runs = Array.from({ length: 12 }, (_, n) => n);
    const done = await Promise.all(
      runs.map((n) => appendEvidence({ state, uniqueId }, CHAIN, { ...entry(1), runId: `${n}` })),
    );
    const sequences = done.map(({ sequence }) => sequence).sort((a, b) => a - b);
    expect(sequences).toEqual(runs.map((n) => n + 1));
    const result = await verifyChain(state, CHAIN, { now });
    expect(result).toMatchObject({ records: 12, problems: [] });
    const head = JSON.parse(await textOf(state, headKey(CHAIN)));
    expect(head.value).toMatchObject({ sequence: 12, hash: result.last?.hash });
  });

  test('is trimmed to an anchor that later appends and verifications go on from', async () => {
    const state = await open();
    const deps = { state, uniqueId };
    await appendMany(deps, 6);
    const trimmed = await trimEvidence(deps, CHAIN, { now, keepFrom: new Date(at(4)) });
    expect(trimmed).toEqual({ removed: 3, failures: [] });
    await appendEvidence(deps, CHAIN, entry(7));
    const result = await verifyChain(state, CHAIN, { now });
    expect(result).toMatchObject({ records: 4, removed: 3, problems: [] });
    // The newest stays, however old.
    expect(await trimEvidence(deps, CHAIN, { now, keepFrom: now })).toMatchObject({ removed: 3 });
    expect(await trimEvidence(deps, CHAIN, { now, keepFrom: now })).toMatchObject({ removed: 0 });
    expect(await verifyChain(state, CHAIN, { now })).toMatchObject({ records: 1, problems: [] });
  });

  test('may be verified and trimmed while others append', async () => {
    const state = await open();
    const deps = { state, uniqueId };
    await appendMany(deps, 5);
    const [, , ...results] = await Promise.all([
      Promise.all([6, 7, 8].map((n) => appendEvidence(deps, CHAIN, entry(n)))),
      trimEvidence(deps, CHAIN, { now, keepFrom: new Date(at(4)) }),
      verifyChain(state, CHAIN, { now }),
      verifyChain(state, CHAIN, { now }),
    ]);
    for (const { problems } of results) {
      expect(problems.filter(({ kind }) => kind !== 'clock')).toEqual([]);
    }
    expect((await verifyChain(state, CHAIN, { now })).last?.sequence).toBe(8);
  });
});

describe('a race', () => {
  /** A store in which others work just before the first call of `method` about `key`. */
  function late(
    state: ObjectStore,
    method: 'write' | 'read' | 'list',
    key: string,
    others: () => Promise<unknown>,
  ): ObjectStore {
    let isFirst = true;
    const meanwhile = async (about: string): Promise<void> => {
      if (!isFirst || !about.endsWith(key)) return;
      isFirst = false;
      await others();
    };
    return {
      ...state,
      async write(about, body, options) {
        if (method === 'write') await meanwhile(about);
        return state.write(about, body, options);
      },
      async read(about, options) {
        const content = await state.read(about, options).catch((error: unknown) => ({ error }));
        // The answer is from before.
        if (method === 'read') await meanwhile(about);
        if ('error' in content) throw content.error;
        return content;
      },
      async *list(prefix, options) {
        const listed = await Array.fromAsync(state.list(prefix, options));
        if (method === 'list') await meanwhile(key);
        yield* listed;
      },
    };
  }

  test('with appends and retention does not lose what is written before the anchor', async () => {
    const state = await STORES.memory();
    const deps = { state, uniqueId };
    await appendMany(deps, 3);
    const slow = late(state, 'write', evidenceKey(CHAIN, 4), async () => {
      for (const n of [4, 5, 6]) await appendEvidence(deps, CHAIN, entry(n));
      await trimEvidence(deps, CHAIN, { now, keepFrom: new Date(at(6)) });
    });
    const written = await appendEvidence({ state: slow, uniqueId }, CHAIN, entry(7));
    expect(written.sequence).toBe(7);
    const result = await verifyChain(state, CHAIN, { now });
    expect(result).toMatchObject({ records: 2, removed: 5, problems: [] });
  });

  test('about the first record of a chain is no missing head', async () => {
    const state = await STORES.memory();
    const slow = late(state, 'read', 'head.json', () =>
      appendEvidence({ state, uniqueId }, CHAIN, entry(1)),
    );
    await appendEvidence({ state: slow, uniqueId }, CHAIN, entry(2));
    expect(await verifyChain(state, CHAIN, { now })).toMatchObject({ records: 2, problems: [] });
  });

  test('of verification with retention, or with an append, is no damage', async () => {
    const state = await STORES.memory();
    const deps = { state, uniqueId };
    await appendMany(deps, 6);
    const trimmed = late(state, 'list', '', () =>
      trimEvidence(deps, CHAIN, { now, keepFrom: new Date(at(4)) }),
    );
    const result = await verifyChain(trimmed, CHAIN, { now });
    expect(result).toMatchObject({ records: 3, removed: 3, problems: [] });
    const grown = late(state, 'list', '', () => appendEvidence(deps, CHAIN, entry(7)));
    expect(await verifyChain(grown, CHAIN, { now })).toMatchObject({ records: 3, problems: [] });
  });

  test('retention leaves no head before the anchor, whatever a killed run left', async () => {
    const state = await STORES.memory();
    const deps = { state, uniqueId };
    await appendMany(deps, 2);
    const behind = await textOf(state, headKey(CHAIN));
    await appendEvidence(deps, CHAIN, entry(3));
    await appendEvidence(deps, CHAIN, entry(4));
    await put(state, headKey(CHAIN), behind);
    await trimEvidence(deps, CHAIN, { now, keepFrom: now });
    await appendEvidence(deps, CHAIN, entry(5));
    expect(await verifyChain(state, CHAIN, { now })).toMatchObject({ records: 2, problems: [] });
    expect(await keysOf(state)).toHaveLength(4);
  });
});

describe('a run that is killed', () => {
  const writes = ['first head', 'record', 'head'];
  test.each(writes)('before it writes the %s leaves a chain that goes on', async (which) => {
    const state = await STORES.memory();
    let written = 0;
    const dying = mortal(state, () => written++ >= writes.indexOf(which));
    await expect(appendEvidence({ state: dying, uniqueId }, CHAIN, entry(1))).rejects.toThrow();
    await appendEvidence({ state, uniqueId }, CHAIN, entry(2));
    const result = await verifyChain(state, CHAIN, { now });
    expect(result).toMatchObject({ records: which === 'head' ? 2 : 1, problems: [] });
  });

  test('between the anchor and the removal leaves what the next one removes', async () => {
    const state = await STORES.memory();
    await appendMany({ state, uniqueId }, 5);
    const dying = { state: mortal(state, (key) => key === 'remove'), uniqueId };
    const times = { now, keepFrom: new Date(at(4)) };
    await expect(trimEvidence(dying, CHAIN, times)).rejects.toThrow('killed');
    expect(await verifyChain(state, CHAIN, { now })).toMatchObject({ records: 2, problems: [] });
    expect(await trimEvidence({ state, uniqueId }, CHAIN, times)).toMatchObject({ removed: 3 });
    expect(await keysOf(state)).toHaveLength(4);
  });

  test('whose answer was lost does not append twice', async () => {
    const state = await STORES.memory();
    const lossy: ObjectStore = {
      ...state,
      async write(key, body, options) {
        await state.write(key, body, options);
        throw new StoreError('unreachable', 'Cannot hear the answer');
      },
    };
    await appendEvidence({ state: lossy, uniqueId }, CHAIN, entry(1));
    expect(await verifyChain(state, CHAIN, { now })).toMatchObject({ records: 1, problems: [] });
  });
});
