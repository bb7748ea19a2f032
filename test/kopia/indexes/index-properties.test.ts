import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryRows } from '../../../shared/kopia/indexes/entry-rows.ts';
import { IndexDamage } from '../../../shared/kopia/indexes/index-damage.ts';
import { IndexDecoder } from '../../../shared/kopia/indexes/index-decoder.ts';
import { type IndexEntry, writeIndexV1, writeIndexV2 } from '../../support/kopia-index-writer.ts';
import {
  asVersion1,
  blobs,
  contentIds,
  DIGEST_BYTES,
  entriesOf,
  expectedEntries,
  tableOf,
} from './entries.ts';

// fast-check prints seed and path of a failure; `fc.assert(…, { seed, path })` replays it.

const pieceBytes = fc.constantFrom(1, 7, 36, 1000, 65_536);

/** Several blobs, each of either version, as they are written and as they must be read. */
const written = DIGEST_BYTES.chain((digestBytes) =>
  fc.record({
    digestBytes: fc.constant(digestBytes),
    blobs: fc.array(fc.record({ version: fc.constantFrom(1, 2), entries: blobs(digestBytes) }), {
      maxLength: 5,
    }),
    watermarkSeconds: fc.constantFrom(0, 999, 1000, 1001, 1002, 2 ** 33),
    pieceBytes,
  }),
);

describe('decoding and merging', () => {
  test('agree with the rule, whatever versions, ties, watermark and pieces', () => {
    fc.assert(
      fc.property(written, ({ digestBytes, blobs: all, ...options }) => {
        const plain = all.map(({ version, entries }) =>
          version === 1 || entries.length === 0 ? writeIndexV1(entries) : writeIndexV2(entries),
        );
        const read = all.flatMap(({ version, entries }) =>
          version === 1 ? entries.map(asVersion1) : entries,
        );
        const table = tableOf(digestBytes, plain, options);
        const expected = expectedEntries(read, options.watermarkSeconds);
        const found = entriesOf(table);
        // Of two entries that differ in nothing the rule looks at, either may stand.
        expect(found.map(ruled)).toEqual(expected.map(ruled));
        for (const entry of found) expect(read).toContainEqual(entry);
        expect(table.size).toBe(expected.length);
        const packs = new Set(expected.map(({ packBlob }) => packBlob));
        expect(table.packs.count).toBe(packs.size);
        for (const name of packs) expect(table.packs.name(table.packs.find(name))).toBe(name);
      }),
      { numRuns: 300 },
    );
  });

  test('every entry size of version 2 holds the same', () => {
    const small = DIGEST_BYTES.chain((digestBytes) =>
      fc.tuple(fc.constant(digestBytes), blobs(digestBytes), fc.constantFrom(16, 17, 18, 19)),
    );
    fc.assert(
      fc.property(small, pieceBytes, ([digestBytes, all, entrySize], size) => {
        const entries = all.map((entry): IndexEntry => {
          const short = { packedLength: 40, originalLength: 12 };
          const one = { formatVersion: 3, compression: 0, encryptionKeyId: 0 };
          return { ...entry, ...(entrySize < 19 && short), ...(entrySize < 17 && one) };
        });
        const plain = writeIndexV2(entries, { entrySize, baseTimeSeconds: 900 });
        const table = tableOf(digestBytes, [plain], { pieceBytes: size });
        expect(entriesOf(table)).toEqual(expectedEntries(entries, 0));
      }),
    );
  });

  test('more than 65,536 packs in one blob, and the same packs in another', () => {
    const many = Array.from({ length: 66_000 }, (_, number): IndexEntry => {
      const hex = number.toString(16).padStart(8, '0');
      return {
        // Not in the order of packs.
        id: `${Math.imul(number, 0x9e3779b1) >>> 0}`.padStart(32, '0'),
        packBlob: `p${hex.repeat(4)}`,
        packOffset: number,
        packedLength: number + 28,
        originalLength: number,
        timeSeconds: 1000,
        deleted: false,
        formatVersion: 3,
        compression: 0,
        encryptionKeyId: 0,
      };
    });
    const later = many.slice(0, 1000).map((entry) => ({ ...entry, timeSeconds: 1001 }));
    const table = tableOf(16, [writeIndexV2(many), writeIndexV1(later)]);
    expect(table.size).toBe(66_000);
    expect(table.packs.count).toBe(66_000);
    for (const entry of [...later, ...many.slice(65_000)]) {
      const { packId, ...found } = table.entry(table.find(entry.id));
      expect(found).toEqual(entry);
      expect(packId).toBe(table.packs.find(entry.packBlob));
    }
  });

  test('thousands of entries whose hashes begin alike are told apart', () => {
    const alike = Array.from({ length: 3000 }, (_, number): IndexEntry => {
      const id = number.toString(16).padStart(32, '0');
      const rest = { packedLength: 28, originalLength: 0, timeSeconds: 1, deleted: false };
      const format = { formatVersion: 3, compression: 0, encryptionKeyId: 0 };
      return { id, packBlob: `p${number % 3}`, packOffset: number, ...rest, ...format };
    });
    const table = tableOf(16, [writeIndexV2(alike), writeIndexV2(alike.slice(1000))]);
    expect(entriesOf(table)).toEqual(alike);
    for (const { id } of alike) expect(table.idOf(table.find(id))).toBe(id);
  });
});

describe('the table', () => {
  const tables = blobs(16).map((entries) => ({
    entries,
    table: tableOf(16, [writeIndexV1(entries)]),
  }));

  test('finds what is there and nothing else', () => {
    fc.assert(
      fc.property(tables, fc.array(contentIds(16)), ({ entries, table }, others) => {
        const ids = new Set(entries.map(({ id }) => id));
        const sorted = expectedEntries(entries, 0).map(({ id }) => id);
        for (const id of [...ids, ...others]) {
          expect(table.find(id)).toBe(sorted.indexOf(id));
        }
      }),
    );
  });

  test('takes no odd text for an id', () => {
    const id = `k${'0a'.repeat(16)}`;
    const entries = [
      { ...sample, id },
      { ...sample, id: id.slice(1) },
    ];
    const table = tableOf(16, [writeIndexV2(entries)]);
    expect([table.find(id), table.find(id.slice(1))]).toEqual([1, 0]);
    const odd = ['', 'k', id.toUpperCase(), `a${id.slice(1)}`, `${id}0`, id.replace('a', 'A')];
    const strange = [`\u0130${id.slice(2)}`, ` ${id.slice(1)}`, `${id.slice(0, -1)}\ud800`];
    for (const text of [...odd, ...strange, `${id.slice(0, -1)}g`]) {
      expect(table.find(text), JSON.stringify(text)).toBe(-1);
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => table.find(text) === -1));
    // What is no digit must not pass for one: its bits would be all ones.
    const ones = tableOf(16, [writeIndexV2([{ ...sample, id: 'f'.repeat(32) }])]);
    expect(ones.find('f'.repeat(32))).toBe(0);
    expect(ones.find(`ff${'z'.repeat(30)}`)).toBe(-1);
  });

  test('answers columns, letters and ranges as its entries do', () => {
    fc.assert(
      fc.property(tables, ({ table }) => {
        for (const position of table.positions()) {
          const entry = table.entry(position);
          expect([
            table.idOf(position),
            table.packs.name(table.packOf(position)),
            table.offsetOf(position),
            table.packedLengthOf(position),
            table.originalLengthOf(position),
            table.isDeleted(position),
            table.timeOf(position),
          ]).toEqual([
            entry.id,
            entry.packBlob,
            entry.packOffset,
            entry.packedLength,
            entry.originalLength,
            entry.deleted,
            entry.timeSeconds,
          ]);
        }
        const all = [...table.positions()];
        const letterOf = (at: number): string =>
          table.idOf(at).length === 33 ? (table.idOf(at)[0] ?? '') : '';
        expect([...table.positions('')]).toEqual(all.filter((at) => letterOf(at) === ''));
        expect([...table.positions('xk')]).toEqual(
          all.filter((at) => 'kx'.includes(letterOf(at) || '-')),
        );
        expect([...table.positions('aK-')]).toEqual([]);
      }),
    );
  });

  test('has no entry beyond its size', () => {
    const table = tableOf(16, [writeIndexV1([])]);
    expect(table.size).toBe(0);
    for (const position of [0, -1, 1.5, Number.NaN]) {
      expect(() => table.entry(position)).toThrow(RangeError);
      expect(() => table.packOf(position)).toThrow(RangeError);
    }
    expect(() => table.packs.name(0)).toThrow(RangeError);
    expect(table.packs.find('p1')).toBe(-1);
  });

  test('finds no pack by a name that is only alike', () => {
    const { packs } = tableOf(16, [writeIndexV1([{ ...sample, packBlob: 'p1' }])]);
    expect(packs.find('p1')).toBe(0);
    for (const name of ['p\u0131', 'p', 'p11', '', 'p1'.repeat(200)])
      expect(packs.find(name)).toBe(-1);
  });

  test('that was released finds nothing', () => {
    const table = tableOf(16, [writeIndexV1([sample])]);
    expect(table.find(sample.id)).toBe(0);
    table.release();
    expect([table.size, table.find(sample.id), [...table.positions()]]).toEqual([0, -1, []]);
    expect(() => table.packOf(0)).toThrow(RangeError);
  });
});

const sample: IndexEntry = {
  id: '00'.repeat(16),
  packBlob: `p${'0'.repeat(32)}`,
  packOffset: 1,
  packedLength: 29,
  originalLength: 1,
  timeSeconds: 5,
  deleted: false,
  formatVersion: 3,
  compression: 0,
  encryptionKeyId: 0,
};

describe('hostile bytes', () => {
  const decode = (bytes: Buffer, listedBytes = bytes.length): void => {
    const rows = new EntryRows(16, 1024 * 1024);
    const decoder = new IndexDecoder(rows, listedBytes, () => true);
    decoder.push(bytes);
    decoder.finish();
  };
  const v1 = writeIndexV1([sample, { ...sample, id: `k${sample.id}` }], Buffer.alloc(0));
  const v2 = writeIndexV2([sample, { ...sample, id: `k${sample.id}` }], {}, Buffer.alloc(0));
  const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(bytes);
    change(copy);
    return copy;
  };
  const [first, second] = [17, 17 + 33];
  const late = writeIndexV2([sample, { ...sample, id: sample.id.replace(/0$/, '1') }]);
  const descending = changed(late, (b) => {
    b.writeUInt8(1, first + 16);
    b.writeUInt8(0, second + 16);
  });

  test.each<[string, Buffer, RegExp]>([
    ['no bytes', Buffer.alloc(0), /ends within/],
    ['a version that nobody knows', changed(v2, (b) => b.writeUInt8(3, 0)), /version 3/],
    ['keys of another hash', changed(v2, (b) => b.writeUInt8(33, 1)), /keys have 33 bytes/],
    ['entries of another size', changed(v2, (b) => b.writeUInt16BE(20, 2)), /20 bytes/],
    ['entries of version 1 of another size', changed(v1, (b) => b.writeUInt16BE(19, 2)), /19/],
    [
      'four thousand million entries',
      changed(v2, (b) => b.writeUInt32BE(2 ** 32 - 1, 4)),
      /promises/,
    ],
    ['as many packs', changed(v2, (b) => b.writeUInt32BE(2 ** 32 - 1, 8)), /promises/],
    ['more formats than it has', changed(v2, (b) => b.writeUInt8(200, 12)), /promises/],
    [
      'as many entries in version 1',
      changed(v1, (b) => b.writeUInt32BE(2 ** 32 - 1, 4)),
      /promises/,
    ],
    ['the same key twice', changed(v2, (b) => b.copy(b, second, first, first + 33)), /ascending/],
    ['keys that differ late, the larger first', descending, /ascending/],
    ['a letter that is none', changed(v2, (b) => b.writeUInt8(0x61, second)), /letter/],
    [
      'a pack that is not in its list',
      changed(v2, (b) => b.writeUInt16BE(1, first + 17 + 14)),
      /pack 1 of 1/,
    ],
    ['a format when it has none', changed(v2, (b) => b.writeUInt8(0, 12)), /format 0 of 0/],
    [
      'a name behind the end',
      changed(v2, (b) => b.writeUInt32BE(b.length - 32, second + 33 + 1)),
      /outside/,
    ],
    ['a name before the names', changed(v2, (b) => b.writeUInt32BE(0, second + 33 + 1)), /outside/],
    [
      'a name behind the end, version 1',
      changed(v1, (b) => b.writeUInt32BE(b.length, 8 + 17 + 8)),
      /outside/,
    ],
    ['a time after 2106', changed(v1, (b) => b.writeUInt8(1, 8 + 17)), /second/],
    ['a base time after 2106', changed(v2, (b) => b.writeUInt32BE(2 ** 32 - 1, 13)), /second/],
    ['its last byte missing', v2.subarray(0, -1), /outside/],
    ['half an entry', v2.subarray(0, first + 10), /promises/],
  ])('%s', (_, bytes, reason) => {
    expect(() => decode(bytes)).toThrow(reason);
    expect(() => decode(bytes)).toThrow(IndexDamage);
  });

  test('half an entry, and a listing that says more', () => {
    expect(() => decode(v2.subarray(0, first + 10), v2.length)).toThrow('ends within its entries');
    expect(() => decode(v2.subarray(0, second + 34), v2.length)).toThrow('ends within its lists');
  });

  test('more bytes than were listed', () => {
    expect(() => decode(v2, v2.length - 1)).toThrow('longer than it was listed');
  });

  test.each(['../secret', 'p1/x', 'p1/../../x', '', ' ', 'p\n', 'p\u00e9', 'kopia.repository'])(
    'a pack named %j',
    (packBlob) => {
      const bytes = writeIndexV2([{ ...sample, packBlob }]);
      if (packBlob === '') expect(() => decode(bytes)).not.toThrow();
      else expect(() => decode(bytes)).toThrow('names a pack by other characters');
    },
  );

  test('more entries than the memory is for', () => {
    const rows = new EntryRows(16, 1);
    const decoder = new IndexDecoder(rows, v2.length, () => true);
    expect(() => decoder.push(v2)).toThrow(
      expect.objectContaining({ code: 'KOPIA_INDEX_TOO_LARGE' }),
    );
  });

  test('any bytes end in a table or in a reason', () => {
    const spoilt = fc.record({
      bytes: fc.constantFrom(v1, v2),
      changes: fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      cut: fc.nat(20),
    });
    fc.assert(
      fc.property(spoilt, ({ bytes, changes, cut }) => {
        const copy = Buffer.from(bytes.subarray(0, bytes.length - cut));
        for (const [at, value] of changes) copy[at % copy.length] = value;
        try {
          const table = tableOf(16, [copy]);
          for (const position of table.positions()) table.entry(position);
        } catch (error) {
          expect(error).toBeInstanceOf(IndexDamage);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

/** What the rule looks at. */
function ruled({ id, timeSeconds, deleted, packBlob, packOffset }: IndexEntry) {
  return { id, timeSeconds, deleted, packBlob, packOffset };
}
