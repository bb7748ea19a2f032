import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { proofKey } from '../../shared/ledger/keys.ts';
import {
  addProof,
  listProofs,
  mergedProofs,
  newestProven,
  PROOF_SKEW_MS,
  type Proof,
  type RecoveryPointId,
  readProofs,
  standingProof,
} from '../../shared/ledger/proofs.ts';
import { RUNGS } from '../../shared/model/rung.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { at, HOUR_MS, keysOf, put, STORES, textOf, uniqueId } from './world.ts';

const now = new Date(at(100));
const SHOP = { location: 's3://acme-backups/velero', application: 'shop' };
const point = (hours: number, more: Partial<RecoveryPointId> = {}): RecoveryPointId => ({
  ...SHOP,
  point: `daily-${hours}`,
  takenAt: at(hours),
  ...more,
});
const proof = (hours: number, more: Partial<Proof> = {}): Proof => ({
  rung: 'intact',
  outcome: 'proven',
  provenAt: at(hours),
  runId: `run-${hours}`,
  kind: 'kopia-content',
  ...more,
});

describe.each(Object.entries(STORES))('proofs in a %s store', (_, open) => {
  test('come back per point, newest per rung', async () => {
    const state = await open();
    expect(await readProofs(state, point(1))).toBeUndefined();
    await addProof(state, point(1), proof(3, { facts: { packs: 7 } }), uniqueId);
    await addProof(state, point(1), proof(2), uniqueId);
    await addProof(state, point(1), proof(2, { rung: 'present', kind: 'tarball' }), uniqueId);
    const record = await readProofs(state, point(1));
    expect(record).toEqual({
      id: point(1),
      proofs: [proof(2, { rung: 'present', kind: 'tarball' }), proof(3, { facts: { packs: 7 } })],
    });
    // A replica has the same backup, and proofs of its own.
    expect(await readProofs(state, point(1, { location: 'azblob://x/y' }))).toBeUndefined();
  });

  test('of ten runs at once are all kept', async () => {
    const state = await open();
    const all = RUNGS.flatMap((rung, n) =>
      (['proven', 'refuted'] as const).map((outcome) => proof(n, { rung, outcome })),
    );
    await Promise.all(all.map((each) => addProof(state, point(1), each, uniqueId)));
    expect((await readProofs(state, point(1)))?.proofs).toHaveLength(all.length);
  });

  test('are listed by location and by application, oldest point first', async () => {
    const state = await open();
    for (const hours of [30, 10, 20]) await addProof(state, point(hours), proof(50), uniqueId);
    await addProof(state, point(5, { application: 'blog' }), proof(50), uniqueId);
    await addProof(state, point(7, { location: 'file:///other' }), proof(50), uniqueId);
    const shop = await Array.fromAsync(listProofs(state, SHOP), ({ id }) => id.point);
    expect(shop).toEqual(['daily-10', 'daily-20', 'daily-30']);
    const here = await Array.fromAsync(listProofs(state, { location: SHOP.location }));
    expect(here.map(({ id }) => id.application).sort()).toEqual(['blog', 'shop', 'shop', 'shop']);
  });

  test('tell the newest point that stands on a rung', async () => {
    const state = await open();
    for (let hours = 0; hours < 40; hours += 1) {
      const rung = hours === 5 ? 'restored' : hours < 20 ? 'intact' : 'present';
      await addProof(state, point(hours), proof(hours + 1, { rung }), uniqueId);
    }
    const newest = async (rung: Proof['rung'], standing = {}) =>
      (await newestProven(state, SHOP, rung, { now, ...standing }))?.id.point;
    expect(await newest('present')).toBe('daily-39');
    expect(await newest('intact')).toBe('daily-19');
    expect(await newest('restored')).toBe('daily-5');
    expect(await newest('intact', { ageMsMax: 50 * HOUR_MS })).toBeUndefined();
    expect(await newestProven(state, { ...SHOP, application: 'x' }, 'present', { now })).toBe(
      undefined,
    );
    // The newest that was intact has been found damaged since.
    await addProof(state, point(19), proof(50, { outcome: 'refuted' }), uniqueId);
    expect(await newest('intact')).toBe('daily-18');
    await addProof(state, point(19), proof(51), uniqueId);
    expect(await newest('intact')).toBe('daily-19');
  });
});

describe('a proof', () => {
  const standing = (...proofs: Proof[]) =>
    standingProof({ id: point(1), proofs }, { now, ageMsMax: 50 * HOUR_MS })?.rung;

  test('holds until it is refuted on its rung or below, grows old, or is from the future', () => {
    const restored = proof(90, { rung: 'restored' });
    expect(standing(proof(90), restored)).toBe('restored');
    expect(standing(proof(90), proof(91, { rung: 'restored', outcome: 'refuted' }))).toBe('intact');
    expect(standing(restored, proof(91, { rung: 'present', outcome: 'refuted' }))).toBeUndefined();
    expect(standing(restored, proof(90, { outcome: 'refuted' }))).toBeUndefined();
    expect(standing(restored, proof(89, { outcome: 'refuted' }))).toBe('restored');
    expect(standing(proof(49))).toBeUndefined();
    expect(standing(proof(50))).toBe('intact');
    const ahead = new Date(now.getTime() + PROOF_SKEW_MS).toISOString();
    expect(standing(proof(0, { provenAt: ahead }))).toBe('intact');
    expect(standing(proof(101))).toBeUndefined();
  });

  const someProof = fc.record({
    rung: fc.constantFrom(...RUNGS),
    outcome: fc.constantFrom('proven' as const, 'refuted' as const),
    provenAt: fc.integer({ min: 0, max: 4 }).map(at),
    runId: fc.uuid(),
    kind: fc.constant('drill'),
  });

  test('merges with others in any order, and once is enough', () => {
    fc.assert(
      fc.property(fc.array(someProof), fc.array(someProof), (left, right) => {
        const both = mergedProofs([...left, ...right]);
        expect(mergedProofs([...right, ...left])).toEqual(both);
        expect(mergedProofs([...mergedProofs(left), ...mergedProofs(right)])).toEqual(both);
        expect(mergedProofs([...both, ...left])).toEqual(both);
      }),
    );
  });

  test('is not believed under the key of another point, and nothing is left out of a list', async () => {
    const state = await STORES.memory();
    await addProof(state, point(1), proof(2), uniqueId);
    await put(state, proofKey(point(2)), await textOf(state, proofKey(point(1))));
    const damaged = { code: 'RECORD_DAMAGED' };
    await expect(readProofs(state, point(2))).rejects.toMatchObject(damaged);
    await expect(Array.fromAsync(listProofs(state, SHOP))).rejects.toMatchObject(damaged);
    await expect(addProof(state, point(2), proof(3), uniqueId)).rejects.toMatchObject(damaged);
    await expect(newestProven(state, SHOP, 'intact', { now })).rejects.toMatchObject(damaged);
  });

  test.each(['denied', 'throttled', 'unreachable'] as const)('%s is not absent', async (code) => {
    const state = await STORES.memory();
    await addProof(state, point(1), proof(2), uniqueId);
    const failing: ObjectStore = {
      ...state,
      read: () => Promise.reject(new StoreError(code, 'Cannot read')),
    };
    await expect(readProofs(failing, point(1))).rejects.toMatchObject({ code });
    await expect(newestProven(failing, SHOP, 'intact', { now })).rejects.toMatchObject({ code });
    await expect(addProof(failing, point(1), proof(3), uniqueId)).rejects.toMatchObject({ code });
  });

  test('gives up on a store that always says that somebody else was first', async () => {
    const state = await STORES.memory();
    const lying: ObjectStore = {
      ...state,
      write: () => Promise.reject(new StoreError('exists', 'Cannot write')),
    };
    const adding = addProof(lying, point(1), proof(3), uniqueId);
    await expect(adding).rejects.toMatchObject({ code: 'LEDGER_BUSY' });
  });

  test('leaves no name of a location or an application in a key', async () => {
    const state = await STORES.memory();
    await addProof(state, point(1, { application: '../../leases/x' }), proof(2), uniqueId);
    expect(await keysOf(state)).toEqual([
      expect.stringMatching(
        /^proofs\/[0-9a-f]{32}\/[0-9a-f]{32}\/20260101T010000\.000Z-[0-9a-f]{32}\.json$/,
      ),
    ]);
  });
});
