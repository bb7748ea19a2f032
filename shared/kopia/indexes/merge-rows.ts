import { BUCKETS, keyWords } from './content-key.ts';
import type { LoadedTable } from './content-table.ts';
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
 * final. Works bucket by bucket and writes on the pages of the buckets before, so that there is never
 * a second copy. `rows` are used up.
 */
export function mergeRows(rows: EntryRows, watermarkSeconds: number): LoadedTable {
  const sorter = new RowSorter(rows);
  const table = new TableWriter(rows);
  const value = keyWords(rows.digestBytes);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    table.openBucket(bucket);
    const count = sorter.sort(bucket);
    for (let index = 0; index < count; index += 1) {
      const row = sorter.order[index] ?? 0;
      // The first entry of a content is the one that wins.
      if (index > 0 && sorter.hasSameKey(sorter.order[index - 1] ?? 0, row)) continue;
      const words = sorter.slab(row);
      const base = sorter.base(row);
      if (!isGone(words, base + value, watermarkSeconds)) table.append(words, base);
    }
    sorter.releasePages();
  }
  return table.close();
}

/** Writes a table in order, row by row. */
class TableWriter {
  private readonly rows: EntryRows;
  private readonly value: number;
  private readonly bucketStarts = new Uint32Array(BUCKETS + 1);
  private pages = new Uint32Array(64);
  private size = 0;
  /** Packs that superseded entries alone name are left out: by old id, the new one plus one. */
  private readonly packIds: Uint32Array;
  private readonly keptPacks: Uint32Array;
  private packCount = 0;

  constructor(rows: EntryRows) {
    this.rows = rows;
    this.value = keyWords(rows.digestBytes);
    this.packIds = new Uint32Array(rows.packs.count);
    this.keptPacks = new Uint32Array(rows.packs.count);
  }

  openBucket(bucket: number): void {
    this.bucketStarts[bucket] = this.size;
  }

  append(from: Uint32Array, base: number): void {
    const { rows, size, value } = this;
    const { pages } = rows;
    if ((size & SLOT_MASK) === 0) {
      this.pages = grown(this.pages, (size >>> PAGE_BITS) + 1);
      this.pages[size >>> PAGE_BITS] = pages.allocate();
    }
    const page = this.pages[size >>> PAGE_BITS] ?? 0;
    const to = pages.slab(page);
    const target = pages.base(page, size & SLOT_MASK);
    for (let word = 0; word < pages.rowWords; word += 1) {
      to[target + word] = from[base + word] ?? 0;
    }
    const place = from[base + value + PACK] ?? 0;
    const last = from[base + value - 1] ?? 0;
    to[target + value - 1] = (last & ~0xff) | rows.formatOf(place, last & 0xff);
    to[target + value + PACK] = this.packId(rows.packOf(place));
    this.size += 1;
  }

  close(): LoadedTable {
    this.bucketStarts[BUCKETS] = this.size;
    this.rows.packs.retain(this.keptPacks.subarray(0, this.packCount));
    return new SortedTable(this.rows, this.bucketStarts, this.pages, this.size);
  }

  private packId(old: number): number {
    const known = this.packIds[old] ?? 0;
    if (known > 0) return known - 1;
    this.keptPacks[this.packCount] = old;
    this.packCount += 1;
    this.packIds[old] = this.packCount;
    return this.packCount - 1;
  }
}
