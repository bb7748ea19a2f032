import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PackTable } from '../../../shared/kopia/indexes/content-table.ts';
import {
  isVerificationState,
  packKey,
  proofsOf,
  selectPacks,
  sliceOf,
  stateOf,
  type VerificationState,
} from '../../../shared/kopia/verify/share.ts';

const NAMES = fc.uniqueArray(fc.stringMatching(/^[pq][0-9a-f]{32}$/), { maxLength: 60 });
const DAY_MS = 86_400_000;

function tableOf(names: readonly string[]): PackTable {
  return {
    count: names.length,
    name: (id) => names[id] ?? '',
    find: (name) => names.indexOf(name),
  };
}

const inUse = (names: readonly string[]) => new Uint32Array(names.length).fill(1);

function chosenNames(names: readonly string[], chosen: Uint8Array): string[] {
  return names.filter((_, id) => chosen[id] === 1);
}

describe('a state', () => {
  test('gives back every proof, by pack and time', () => {
    fc.assert(
      fc.property(NAMES, fc.array(fc.integer({ min: 1, max: 5 })), (names, days) => {
        const proofs = new Map(names.map((name, i) => [packKey(name), (days[i] ?? 1) * DAY_MS]));
        const state: unknown = JSON.parse(JSON.stringify(stateOf(proofs, 'id')));
        expect(isVerificationState(state)).toBe(true);
        expect(proofsOf(state as VerificationState, 'id')).toEqual(proofs);
        expect(proofsOf(state as VerificationState, 'another').size).toBe(0);
      }),
    );
  });

  test('forgets packs that were never proven', () => {
    expect(stateOf(new Map([['12345678', 0]]), 'id').runs).toEqual([]);
  });

  test.each([
    ['null', null],
    ['a later schema', { schema: 'drydock/kopia-verification/v2', repositoryId: '', runs: [] }],
    ['no runs', { schema: 'drydock/kopia-verification/v1', repositoryId: '' }],
    [
      'a time that is none',
      {
        schema: 'drydock/kopia-verification/v1',
        repositoryId: '',
        runs: [{ at: 'soon', packs: '' }],
      },
    ],
  ])('is not read from %s', (_, value) => {
    expect(isVerificationState(value)).toBe(false);
  });
});

describe('what a run reads', () => {
  test('everything, without a share', () => {
    const names = ['p1', 'q2'];
    const { chosen, slice } = selectPacks(tableOf(names), inUse(names), new Map(), undefined);
    expect(chosenNames(names, chosen)).toEqual(names);
    expect(slice).toBeUndefined();
  });

  test('no pack that holds no live content', () => {
    const { chosen } = selectPacks(tableOf(['p1']), new Uint32Array(1), new Map(), undefined);
    expect([...chosen]).toEqual([0]);
  });

  test('by number, t slices are all packs, each once', () => {
    fc.assert(
      fc.property(NAMES, fc.integer({ min: 1, max: 9 }), (names, of) => {
        const slices = Array.from({ length: of }, (_, i) => {
          const share = { of, slice: i + 1 };
          return chosenNames(
            names,
            selectPacks(tableOf(names), inUse(names), new Map(), share).chosen,
          );
        });
        expect(slices.flat().sort()).toEqual([...names].sort());
        for (const name of names) expect(slices[sliceOf(name, of) - 1]).toContain(name);
      }),
    );
  });

  test('with a state: what is new at once, and everything again within t runs', () => {
    fc.assert(
      fc.property(NAMES, NAMES, fc.integer({ min: 1, max: 7 }), (old, added, of) => {
        const proofs = new Map(old.map((name) => [packKey(name), DAY_MS]));
        const names = [...new Set([...old, ...added])];
        for (let run = 0; run < of; run++) {
          const { chosen } = selectPacks(tableOf(names), inUse(names), proofs, { of });
          const read = chosenNames(names, chosen);
          const unproven = names.filter((name) => !proofs.has(packKey(name)));
          expect(read).toEqual(expect.arrayContaining(unproven));
          for (const name of read) proofs.set(packKey(name), (run + 2) * DAY_MS);
        }
        for (const at of proofs.values()) expect(at).toBeGreaterThan(DAY_MS);
      }),
    );
  });

  test.each([{ of: 0 }, { of: 7, slice: 8 }, { of: 7, slice: 0 }, { of: 1.5 }, { of: 1001 }])(
    'not by the share %o',
    (share) => {
      const run = () => selectPacks(tableOf([]), new Uint32Array(0), new Map(), share);
      expect(run).toThrow(expect.objectContaining({ code: 'SHARE_INVALID', failure: 'usage' }));
    },
  );
});
