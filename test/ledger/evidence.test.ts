import { describe, expect, test } from 'vitest';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { anchorKey, evidenceKey, headKey } from '../../shared/ledger/evidence-record.ts';
import { trimEvidence } from '../../shared/ledger/evidence-retention.ts';
import { verifyChain } from '../../shared/ledger/evidence-verify.ts';
import { ed25519Signer, publicKeyVerifier } from '../../shared/ledger/signature.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import {
  appendMany,
  at,
  CHAIN,
  entry,
  keysOf,
  put,
  STORES,
  signingKey,
  textOf,
  uniqueId,
} from './world.ts';

const now = new Date(at(1000));

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
    const unsigned = trimEvidence({ state, uniqueId }, CHAIN, { now, keepFrom: now });
    await expect(unsigned).rejects.toMatchObject({ code: 'SIGNING_KEY_MISSING' });
    expect(await kinds(state, { trusted: [verifier] })).toEqual([]);
    // Whoever does it all the same has nothing to sign the anchor with.
    const anchor = JSON.parse(await textOf(state, anchorKey(CHAIN)));
    const { signature: _, ...value } = anchor.value;
    await put(state, anchorKey(CHAIN), JSON.stringify({ ...anchor, value }));
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

test('wrong times, however many, hide no record that was altered from a trim', async () => {
  const state = await STORES.memory();
  for (let n = 120; n >= 1; n -= 1) {
    await appendEvidence({ state, uniqueId }, CHAIN, entry(n));
  }
  const times = { now, keepFrom: new Date(at(500)) };
  const key = evidenceKey(CHAIN, 115);
  const text = await textOf(state, key);
  await put(state, key, text.replace('"n":6', '"n":7'));
  const trim = () => trimEvidence({ state, uniqueId }, CHAIN, times);
  await expect(trim()).rejects.toMatchObject({ code: 'EVIDENCE_BROKEN' });
  await put(state, key, text);
  expect(await trim()).toMatchObject({ removed: 119 });
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
    for (const read of [ed25519Signer, publicKeyVerifier]) {
      let told = '';
      try {
        read(pem);
      } catch (error) {
        told = `${error instanceof Error ? `${error.stack} ${error.cause}` : ''}`;
      }
      expect(told).toMatch(/ed25519 (or P-256 )?key in PEM/);
      expect(told).not.toContain(CANARY);
    }
    const { privateKey, signer } = signingKey();
    expect(() => publicKeyVerifier(privateKey)).toThrow('no public ed25519 or P-256 key');
    const state = await STORES.memory();
    await appendMany({ state, uniqueId, signer }, 1);
    const secret = privateKey.split('\n')[1] ?? '?';
    for (const key of await keysOf(state)) expect(await textOf(state, key)).not.toContain(secret);
  });
});
