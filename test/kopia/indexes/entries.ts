/** Random index entries and the plain way to say what becomes of them. */
import fc from 'fast-check';
import type { ContentTable, LoadedTable } from '../../../shared/kopia/indexes/content-table.ts';
import { EntryRows } from '../../../shared/kopia/indexes/entry-rows.ts';
import { IndexDecoder } from '../../../shared/kopia/indexes/index-decoder.ts';
import { mergeRows } from '../../../shared/kopia/indexes/merge-rows.ts';
import { type IndexEntry, indexKey } from '../../support/kopia-index-writer.ts';

export const DIGEST_BYTES = fc.constantFrom(16, 28, 32);

/** Few hashes and few letters, so that entries meet; hashes that differ late as well as early. */
export function contentIds(digestBytes: number): fc.Arbitrary<string> {
  const hash = fc.oneof(
    fc.nat(20).map((last) => last.toString(16).padStart(digestBytes * 2, '0')),
    fc.nat(20).map((first) =>
      first
        .toString(16)
        .padStart(2, '0')
        .padEnd(digestBytes * 2, 'e'),
    ),
    fc
      .uint8Array({ minLength: digestBytes, maxLength: digestBytes })
      .map((bytes) => Buffer.from(bytes).toString('hex')),
  );
  return fc.tuple(fc.constantFrom('', '', 'k', 'm', 'x', 'g', 'z'), hash).map((id) => id.join(''));
}

/** Few packs and few seconds, so that there are ties of every kind. */
export function entries(digestBytes: number): fc.Arbitrary<IndexEntry> {
  return fc.record({
    id: contentIds(digestBytes),
    packBlob: fc.constantFrom('p1', 'p2', 'p10', `q${'0f'.repeat(16)}-s0123456789abcdef147`),
    packOffset: fc.oneof(fc.nat(100), fc.constantFrom(2 ** 30 - 1, 2 ** 31 - 1)),
    packedLength: fc.oneof(fc.nat(2 ** 24 - 1), fc.constantFrom(2 ** 24, 2 ** 28 - 1)),
    originalLength: fc.oneof(fc.nat(2 ** 24 - 1), fc.constantFrom(2 ** 24, 2 ** 28 - 1)),
    timeSeconds: fc.constantFrom(1000, 1001, 1002, 2 ** 32 - 1),
    deleted: fc.boolean(),
    formatVersion: fc.constantFrom(1, 2, 3),
    compression: fc.constantFrom(0, 0x1000, 0x1100),
    encryptionKeyId: fc.constantFrom(0, 0, 1),
  });
}

/** An index blob holds a content once. */
export function blobs(digestBytes: number): fc.Arbitrary<readonly IndexEntry[]> {
  return fc.uniqueArray(entries(digestBytes), { maxLength: 25, selector: ({ id }) => id });
}

/** What version 1 does not hold: compression and key, and the length, which is then computed. */
export function asVersion1(entry: IndexEntry): IndexEntry {
  const originalLength = Math.max(0, entry.packedLength - 28);
  return { ...entry, originalLength, compression: 0, encryptionKeyId: 0 };
}

/** The rule of the reference, section 5.4, word by word. */
export function expectedEntries(
  all: readonly IndexEntry[],
  watermarkSeconds: number,
): readonly IndexEntry[] {
  const winners = new Map<string, IndexEntry>();
  for (const entry of all) {
    const known = winners.get(entry.id);
    if (known === undefined || isGreater(entry, known)) winners.set(entry.id, entry);
  }
  return [...winners.values()]
    .filter(({ deleted, timeSeconds }) => !deleted || timeSeconds > watermarkSeconds)
    .sort((a, b) => Buffer.compare(indexKey(a.id), indexKey(b.id)));
}

function isGreater(a: IndexEntry, b: IndexEntry): boolean {
  if (a.timeSeconds !== b.timeSeconds) return a.timeSeconds > b.timeSeconds;
  if (a.deleted !== b.deleted) return b.deleted;
  if (a.packBlob !== b.packBlob) return a.packBlob > b.packBlob;
  return a.packOffset > b.packOffset;
}

/** Every entry of a table, without what it adds. */
export function entriesOf(table: ContentTable): readonly IndexEntry[] {
  return [...table.positions()].map((position) => {
    const { packId: _, ...entry } = table.entry(position);
    return entry;
  });
}

/** Decodes blobs as they would come from a store: in turns, in pieces of the given sizes. */
export function tableOf(
  digestBytes: number,
  plain: readonly Buffer[],
  { watermarkSeconds = 0, pieceBytes = 64 * 1024 } = {},
): LoadedTable {
  const rows = new EntryRows(digestBytes, 64 * 1024 * 1024);
  const decoders = plain.map((bytes) => new IndexDecoder(rows, bytes.length, () => true));
  const longest = Math.max(0, ...plain.map((bytes) => bytes.length));
  for (let at = 0; at < longest; at += pieceBytes) {
    plain.forEach((bytes, blob) => {
      if (at >= bytes.length) return;
      // A copy that is spoilt afterwards: nobody may keep it.
      const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
      decoders[blob]?.push(piece);
      piece.fill(0xaa);
    });
  }
  for (const decoder of decoders) decoder.finish();
  return mergeRows(rows, watermarkSeconds);
}
