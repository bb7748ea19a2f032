import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { listChains } from '../../shared/ledger/evidence-chains.ts';
import { evidenceKey, headKey } from '../../shared/ledger/evidence-record.ts';
import { trimEvidence } from '../../shared/ledger/evidence-retention.ts';
import { verifyChain } from '../../shared/ledger/evidence-verify.ts';
import { ed25519Signer, ed25519Verifier } from '../../shared/ledger/signature.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { appendMany, at, CHAIN, keysOf, put, STORES, textOf, uniqueId } from './world.ts';

const now = new Date(at(1000));
const entry = (n: number) => ({ at: at(n), runId: `run-${n}`, content: { n } });

function signingKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privateKey, signer: ed25519Signer(privateKey), verifier: ed25519Verifier(publicKey) };
}

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

describe('verification', () => {
  async function kinds(state: ObjectStore, more = {}): Promise<string[]> {
    const { problems } = await verifyChain(state, CHAIN, { now, ...more });
    return problems.map(({ kind }) => kind);
  }
  async function chainOf(records: number, more = {}) {
    const state = await STORES.memory();
    await appendMany({ state, uniqueId, ...more }, records);
    return state;
  }

  test('finds what is missing, at the beginning, within, and at the end', async () => {
    for (const [sequence, kind] of [
      [1, 'anchor-missing'],
      [2, 'gap'],
      [4, 'truncated'],
    ] as const) {
      const state = await chainOf(4);
      await state.remove(evidenceKey(CHAIN, sequence));
      expect(await kinds(state)).toEqual([kind]);
    }
  });

  test('names the very record whose bytes are others, though they mean the same', async () => {
    const key = evidenceKey(CHAIN, 2);
    for (const change of [
      (text: string) => `${text}\n`,
      (text: string) => text.replace('"at"', ' "at"'),
      (text: string) => text.replace('{"n":2}', '{"n":9,"n":2}'),
    ]) {
      const state = await chainOf(3);
      await put(state, key, change(await textOf(state, key)));
      const { problems } = await verifyChain(state, CHAIN, { now });
      expect(problems).toMatchObject([{ kind: 'altered', key }]);
    }
  });

  test('finds a head that is gone, and then nobody appends', async () => {
    const state = await chainOf(2);
    await state.remove(headKey(CHAIN));
    expect(await kinds(state)).toEqual(['head-missing']);
    await expect(appendEvidence({ state, uniqueId }, CHAIN, entry(3))).rejects.toMatchObject({
      code: 'EVIDENCE_HEAD_MISSING',
      failure: 'refused',
    });
  });

  test('finds a forged anchor, a foreign object and a chain that was cut and continued', async () => {
    const state = await chainOf(5);
    const key = `${evidenceKey(CHAIN, 3)}`;
    await put(state, key.replace('.json', '-b.json'), await textOf(state, key));
    expect(await kinds(state)).toEqual(['foreign']);
    const cut = await chainOf(5);
    const kept = await textOf(cut, headKey(CHAIN));
    await cut.remove(evidenceKey(CHAIN, 5));
    await put(cut, headKey(CHAIN), kept);
    await appendEvidence({ state: cut, uniqueId }, CHAIN, entry(6));
    expect(await kinds(cut)).toEqual(['gap']);
  });

  test('finds clocks that go back or ahead, but not the difference of two good ones', async () => {
    const state = await STORES.memory();
    const deps = { state, uniqueId };
    await appendEvidence(deps, CHAIN, entry(10));
    const little = new Date(Date.parse(at(10)) - 30_000).toISOString();
    await appendEvidence(deps, CHAIN, { ...entry(10), at: little });
    expect(await kinds(state)).toEqual([]);
    await appendEvidence(deps, CHAIN, entry(8));
    await appendEvidence(deps, CHAIN, entry(2000));
    expect(await kinds(state)).toEqual(['clock', 'clock']);
    // What is wrong with clocks does not keep everything for ever.
    const trimmed = await trimEvidence(deps, CHAIN, { now, keepFrom: now });
    expect(trimmed.removed).toBe(3);
  });

  test('tells good, wrong, foreign and missing signatures apart', async () => {
    const [ours, theirs] = [signingKey(), signingKey()];
    const trusted = [ours.verifier];
    const state = await chainOf(3, { signer: ours.signer });
    expect(await kinds(state, { trusted })).toEqual([]);
    const unchecked = await verifyChain(state, CHAIN, { now });
    expect(unchecked.signatures).toMatchObject({ good: 0, unchecked: 3 });
    expect(await kinds(state, { trusted: [theirs.verifier] })).toContain('signature-unknown-key');
    // Somebody without the key writes on: every hash is right.
    await appendEvidence({ state, uniqueId }, CHAIN, entry(4));
    expect(await kinds(state, { trusted })).toEqual(['signature-missing']);
    const liar = { ...theirs.signer, keyId: ours.signer.keyId };
    await appendEvidence({ state, uniqueId, signer: liar }, CHAIN, entry(5));
    expect(await kinds(state, { trusted })).toEqual([
      'signature-missing',
      'signature-wrong',
      'signature-wrong',
    ]);
    const never = await chainOf(2);
    expect(await kinds(never, { trusted })).toEqual(['signature-missing']);
  });

  test('lets signing begin later, and not anybody trim a signed chain', async () => {
    const { signer, verifier } = signingKey();
    const state = await chainOf(2);
    await appendEvidence({ state, uniqueId, signer }, CHAIN, entry(3));
    await appendEvidence({ state, uniqueId, signer }, CHAIN, entry(4));
    expect(await kinds(state, { trusted: [verifier] })).toEqual([]);
    const times = { now, keepFrom: new Date(at(4)) };
    await trimEvidence({ state, uniqueId, signer }, CHAIN, times);
    expect(await kinds(state, { trusted: [verifier] })).toEqual([]);
    await appendEvidence({ state, uniqueId, signer }, CHAIN, entry(5));
    await trimEvidence({ state, uniqueId }, CHAIN, { now, keepFrom: now });
    expect(await kinds(state, { trusted: [verifier] })).toEqual(['signature-missing']);
  });

  test('finds two branches that were both signed', async () => {
    const { signer, verifier } = signingKey();
    const one = await chainOf(1, { signer });
    const other = await STORES.memory();
    for (const key of await keysOf(one)) await put(other, key, await textOf(one, key));
    for (const state of [one, other]) {
      await appendEvidence({ state, uniqueId, signer }, CHAIN, entry(2));
      await appendEvidence({ state, uniqueId, signer }, CHAIN, entry(3));
    }
    const key = evidenceKey(CHAIN, 2);
    await put(one, key, await textOf(other, key));
    expect(await kinds(one, { trusted: [verifier] })).toEqual(['fork']);
    expect(await kinds(one)).toEqual(['altered']);
  });

  test('refuses what a later Drydock wrote, and takes no failure for a gap', async () => {
    const state = await chainOf(3);
    const key = evidenceKey(CHAIN, 2);
    const later = (await textOf(state, key)).replace('"schemaVersion":1', '"schemaVersion":2');
    await put(state, key, later);
    await expect(kinds(state)).rejects.toMatchObject({ code: 'RECORD_NEWER' });
    for (const code of ['denied', 'throttled', 'unreachable'] as const) {
      const failing: ObjectStore = {
        ...(await chainOf(3)),
        read: () => Promise.reject(new StoreError(code, 'Cannot read')),
      };
      await expect(kinds(failing)).rejects.toMatchObject({ code });
    }
  });

  test('takes hostile bytes for damage', async () => {
    for (const text of [
      '',
      'null',
      '['.repeat(100_000),
      `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`,
      '{"__proto__":{"polluted":true}}',
      'x'.repeat(300_000),
      '\u0000',
    ]) {
      const state = await chainOf(3);
      await put(state, evidenceKey(CHAIN, 2), text);
      expect(await kinds(state)).toEqual(['altered']);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('leaves what the store has locked, and tries again', async () => {
    const state = await chainOf(4);
    const locked: ObjectStore = {
      ...state,
      removeMany: async (keys) =>
        keys.map((key) => ({ key, error: new StoreError('locked', 'Cannot remove') })),
    };
    const times = { now, keepFrom: new Date(at(3)) };
    const trimmed = await trimEvidence({ state: locked, uniqueId }, CHAIN, times);
    expect(trimmed).toMatchObject({ removed: 0, failures: [{}, {}] });
    expect(await kinds(state)).toEqual([]);
    expect(await trimEvidence({ state, uniqueId }, CHAIN, times)).toMatchObject({ removed: 2 });
  });

  test('trims nothing of a chain that is broken', async () => {
    const state = await chainOf(4);
    await put(state, evidenceKey(CHAIN, 2), '{}');
    const trimming = trimEvidence({ state, uniqueId }, CHAIN, { now, keepFrom: now });
    await expect(trimming).rejects.toMatchObject({ code: 'EVIDENCE_BROKEN', failure: 'refused' });
    expect(await keysOf(state)).toHaveLength(5);
  });

  test('tells no more than a hundred problems, and counts all', async () => {
    const state = await chainOf(130);
    for (let n = 1; n <= 130; n += 1) await put(state, evidenceKey(CHAIN, n), '{}');
    const { problems, problemCount } = await verifyChain(state, CHAIN, { now });
    expect(problems).toHaveLength(100);
    expect(problemCount).toBe(130);
  });

  test('holds a bounded number of records', async () => {
    const state = await chainOf(200);
    let [held, most, seen] = [0, 0, 0];
    const counting: ObjectStore = {
      ...state,
      async read(key, options) {
        held += 1;
        most = Math.max(most, held);
        return state.read(key, options);
      },
    };
    await verifyChain(counting, CHAIN, {
      now,
      onLink: () => {
        held -= 1;
        seen += 1;
      },
    });
    expect(seen).toBe(200);
    expect(most).toBeLessThanOrEqual(18);
  });
});

describe('secrets', () => {
  const CANARY = 'canary-5ecre7';
  test('of a record that cannot be read are in no message', async () => {
    const state = await STORES.memory();
    await appendMany({ state, uniqueId }, 3);
    for (const text of [`{"password":"${CANARY}"`, `{"password":"${CANARY}"}`, CANARY]) {
      await put(state, evidenceKey(CHAIN, 2), text);
      const result = await verifyChain(state, CHAIN, { now });
      expect(result.problemCount).toBeGreaterThan(0);
      expect(JSON.stringify(result)).not.toContain(CANARY);
    }
  });

  test('of a signing key are in no message and in no record', async () => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----\n`;
    for (const read of [ed25519Signer, ed25519Verifier]) {
      let told = '';
      try {
        read(pem);
      } catch (error) {
        told = `${error instanceof Error ? `${error.stack} ${error.cause}` : ''}`;
      }
      expect(told).toContain('ed25519 key in PEM');
      expect(told).not.toContain(CANARY);
    }
    const { privateKey, signer } = signingKey();
    expect(() => ed25519Verifier(privateKey)).toThrow('no public ed25519 key');
    const state = await STORES.memory();
    await appendMany({ state, uniqueId, signer }, 1);
    const secret = privateKey.split('\n')[1] ?? '?';
    for (const key of await keysOf(state)) expect(await textOf(state, key)).not.toContain(secret);
  });
});
