import { BUCKETS, keyWords } from './content-key.ts';
import type { ContentTable } from './content-table.ts';
import { DELETED, type EntryRows, OFFSET, PACK, TIME } from './entry-rows.ts';
import { grown, PAGE_BITS, SLOT_MASK } from './row-pages.ts';
import { RowSorter } from './row-sorter.ts';
import { SortedTable } from './sorted-table.ts';

/** A deletion that is not later than the watermark is final: the entry is gone, readers skip it. */
export function isGone(words: Uint32Array, value: number, watermarkSeconds: number): boolean {
  const isDeleted = ((words[value + OFFSET] ?? 0) & DELETED) !== 0;
  return isDeleted && (words[value + TIME] ?? 0) <= watermarkSeconds;
}

/**
 * Merges the rows of all accepted blobs: of each content the entry that wins, unless its deletion is
 * final. Works bucket by bucket and uses the pages of the buckets behind it for what it writes, so
 * that there is never a second copy. `rows` are used up.
 */
export function mergeRows(rows: EntryRows, watermarkSeconds: number): ContentTable {
  const words = keyWords(rows.digestBytes);
  const sorter = new RowSorter(rows);
  const { pages } = rows;
  const bucketStarts = new Uint32Array(BUCKETS + 1);
  let tablePages = new Uint32Array(64);
  let size = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    bucketStarts[bucket] = size;
    const count = sorter.sort(bucket);
    for (let index = 0; index < count; index += 1) {
      const row = sorter.order[index] ?? 0;
      const isFirst = index === 0 || !sorter.hasSameKey(sorter.order[index - 1] ?? 0, row);
      const from = sorter.slab(row);
      const base = sorter.base(row);
      if (!isFirst || isGone(from, base + words, watermarkSeconds)) continue;
      if ((size & SLOT_MASK) === 0) {
        tablePages = grown(tablePages, (size >>> PAGE_BITS) + 1);
        tablePages[size >>> PAGE_BITS] = pages.allocate();
      }
      const page = tablePages[size >>> PAGE_BITS] ?? 0;
      const to = pages.slab(page);
      const target = pages.base(page, size & SLOT_MASK);
      for (let word = 0; word < pages.rowWords; word += 1)
        to[target + word] = from[base + word] ?? 0;
      const place = from[base + words + PACK] ?? 0;
      const format = (from[base + words - 1] ?? 0) & 0xff;
      to[target + words - 1] =
        ((from[base + words - 1] ?? 0) & ~0xff) | rows.formatOf(place, format);
      to[target + words + PACK] = rows.packOf(place);
      size += 1;
    }
    sorter.releasePages();
  }
  bucketStarts[BUCKETS] = size;
  return new SortedTable(rows, bucketStarts, tablePages, size);
}
