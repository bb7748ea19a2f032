import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupByPack } from '../../../shared/kopia/contents/pack-positions.ts';
import type { ContentEntry } from '../../../shared/kopia/indexes/content-table.ts';
import { tableOfEntries } from './fixture-contents.ts';

function tableIn(rows: readonly { packId: number; deleted: boolean }[], packs: number) {
  const entries = rows.map(({ packId, deleted }, position): ContentEntry => {
    return {
      id: position.toString(16).padStart(32, '0'),
      packId,
      packBlob: `p${packId}`,
      packOffset: 32,
      packedLength: 100,
      originalLength: 72,
      deleted,
      timeSeconds: 0,
      formatVersion: 3,
      compression: 0,
      encryptionKeyId: 0,
    };
  });
  const names = Array.from({ length: packs }, (_, packId) => `p${packId}`);
  return tableOfEntries(entries, names);
}

describe('groupByPack()', () => {
  test('is what grouping by hand gives', () => {
    const packs = 5;
    const row = fc.record({ packId: fc.nat(packs - 1), deleted: fc.boolean() });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 50 }), fc.boolean(), (rows, all) => {
        const table = tableIn(rows, packs);
        const keep = (position: number) => all || !table.isDeleted(position);
        const grouped = all ? groupByPack(table, keep) : groupByPack(table);
        const byHand = Array.from({ length: packs }, (_, packId) =>
          [...rows.keys()].filter((at) => rows[at]?.packId === packId && keep(at)),
        );
        expect(byHand.map((_, packId) => [...grouped.of(packId)])).toEqual(byHand);
        expect([...grouped.packs()].map(({ packId }) => packId)).toEqual(
          [...byHand.keys()].filter((packId) => (byHand[packId]?.length ?? 0) > 0),
        );
      }),
    );
  });
});
