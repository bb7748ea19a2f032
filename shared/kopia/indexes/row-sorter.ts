import { keyWords } from './content-key.ts';
import { DELETED, type EntryRows, OFFSET, PACK, TIME } from './entry-rows.ts';
import { PAGE_BITS, PAGE_ROWS, SLOT_MASK, tooLarge } from './row-pages.ts';

/** Rows of a bucket are numbered in 24 bits beside the first 40 bits of their keys. */
const ROWS_MAX = 1 << 24;
const INSERTION_ROWS_MAX = 16;

/**
 * Brings the rows of one bucket into order: ascending by key, of one key the entry that wins first.
 * The rows stay where they are; what is sorted are their numbers, by the engine's own sort of 64-bit
 * integers, each the beginning of a key with the number of its row behind it.
 */
export class RowSorter {
  /** Rows in order after `sort`: numbers to give to `slab` and `base`. */
  order = new Uint32Array(1024);
  private pages = new Uint32Array(16);
  private pageCount = 0;
  private readonly rows: EntryRows;
  private readonly keyWords: number;
  private sortable = new BigUint64Array(1024);

  constructor(rows: EntryRows) {
    this.rows = rows;
    this.keyWords = keyWords(rows.digestBytes);
  }

  /** Answers with how many rows of accepted blobs the bucket has. */
  sort(bucket: number): number {
    const found = this.rows.bucketPages(bucket, this.pages);
    this.pages = found.pages;
    this.pageCount = Math.ceil(found.rows / PAGE_ROWS);
    if (found.rows > ROWS_MAX) throw tooLarge(ROWS_MAX);
    if (found.rows > this.sortable.length) {
      this.sortable = new BigUint64Array(found.rows * 2);
      this.order = new Uint32Array(found.rows * 2);
    }
    // Little-endian, as every machine is on which Node runs: the low half first.
    const halves = new Uint32Array(this.sortable.buffer);
    let count = 0;
    for (let row = 0; row < found.rows; row += 1) {
      const words = this.slab(row);
      const base = this.base(row);
      if (!this.rows.isAccepted(words[base + this.keyWords + PACK] ?? 0)) continue;
      halves[count * 2] = ((words[base + 1] ?? 0) & 0xff000000) | row;
      halves[count * 2 + 1] = words[base] ?? 0;
      count += 1;
    }
    this.sortable.subarray(0, count).sort();
    for (let index = 0; index < count; index += 1) {
      this.order[index] = (halves[index * 2] ?? 0) & 0xffffff;
    }
    this.sortRuns(halves, count);
    return count;
  }

  /** Gives the pages of the sorted bucket back for others. */
  releasePages(): void {
    for (let index = 0; index < this.pageCount; index += 1) {
      this.rows.pages.release(this.pages[index] ?? 0);
    }
    this.pageCount = 0;
  }

  slab(row: number): Uint32Array {
    return this.rows.pages.slab(this.pages[row >>> PAGE_BITS] ?? 0);
  }

  base(row: number): number {
    return this.rows.pages.base(this.pages[row >>> PAGE_BITS] ?? 0, row & SLOT_MASK);
  }

  hasSameKey(left: number, right: number): boolean {
    return this.compareKeys(left, right) === 0;
  }

  /** Rows whose keys begin alike are compared in full: mostly entries of one content. */
  private sortRuns(halves: Uint32Array, count: number): void {
    let start = 0;
    for (let index = 1; index <= count; index += 1) {
      const isSame =
        index < count &&
        halves[index * 2 + 1] === halves[start * 2 + 1] &&
        (halves[index * 2] ?? 0) >>> 24 === (halves[start * 2] ?? 0) >>> 24;
      if (isSame) continue;
      if (index - start > 1) this.sortRun(start, index);
      start = index;
    }
  }

  private sortRun(start: number, end: number): void {
    if (end - start > INSERTION_ROWS_MAX) {
      this.order.subarray(start, end).sort((left, right) => this.compare(left, right));
      return;
    }
    for (let index = start + 1; index < end; index += 1) {
      const row = this.order[index] ?? 0;
      let at = index;
      for (; at > start; at -= 1) {
        const before = this.order[at - 1] ?? 0;
        if (this.compare(before, row) <= 0) break;
        this.order[at] = before;
      }
      this.order[at] = row;
    }
  }

  private compare(left: number, right: number): number {
    return this.compareKeys(left, right) || this.comparePrecedence(left, right);
  }

  private compareKeys(left: number, right: number): number {
    const [a, b] = [this.slab(left), this.slab(right)];
    const [aBase, bBase] = [this.base(left), this.base(right)];
    const last = this.keyWords - 1;
    for (let word = 0; word < last; word += 1) {
      const difference = (a[aBase + word] ?? 0) - (b[bBase + word] ?? 0);
      if (difference !== 0) return difference;
    }
    // The low byte of the last word is the format.
    return ((a[aBase + last] ?? 0) >>> 8) - ((b[bBase + last] ?? 0) >>> 8);
  }

  /**
   * Of two entries of one content: the later one, of the same second the live one, then the one in
   * the pack with the larger name. Source: Kopia v0.23.1, repo/content/index/merged.go. Kopia leaves
   * open which of two in the same pack it takes; here it is the one further back, in any order of blobs.
   */
  private comparePrecedence(left: number, right: number): number {
    const [a, b] = [this.slab(left), this.slab(right)];
    const [aAt, bAt] = [this.base(left) + this.keyWords, this.base(right) + this.keyWords];
    const later = (b[bAt + TIME] ?? 0) - (a[aAt + TIME] ?? 0);
    if (later !== 0) return later;
    const deleted = ((a[aAt + OFFSET] ?? 0) & DELETED) - ((b[bAt + OFFSET] ?? 0) & DELETED);
    if (deleted !== 0) return deleted < 0 ? 1 : -1;
    const [aPack, bPack] = [a[aAt + PACK] ?? 0, b[bAt + PACK] ?? 0];
    const named = this.rows.packs.compare(this.rows.packOf(bPack), this.rows.packOf(aPack));
    return named || (b[bAt + OFFSET] ?? 0) - (a[aAt + OFFSET] ?? 0);
  }
}
