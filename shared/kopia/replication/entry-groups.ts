import { BUCKETS, formatKey, keyWords } from '../indexes/content-key.ts';
import { DELETED, type EntryRows, OFFSET, PACK, TIME } from '../indexes/entry-rows.ts';
import { RowSorter } from '../indexes/row-sorter.ts';

/**
 * All entries that any blob has of one content, the one that wins first (reference 5.4). A cursor:
 * it is the same object for every content, so that ten million contents are no objects.
 */
export interface ContentGroup {
  readonly count: number;
  /** Number of the blob, as `EntryRows` gave it. */
  blobAt(index: number): number;
  /** Id of the pack among `rows.packs`. */
  packAt(index: number): number;
  timeAt(index: number): number;
  isDeletedAt(index: number): boolean;
  /** Of pack, place in it and time: whether two entries say the same. */
  isSame(left: number, right: number): boolean;
  readonly isManifest: boolean;
  id(): string;
}

/**
 * Visits every content of the accepted blobs of `rows`, ascending. `rows` are 36 bytes an entry at
 * hashes of 128 bits, the entries of every blob counted, superseded ones too: 10 M entries are 360 MB.
 * Beyond that `rows` are loaded with the `keep` of slices (`equalSlices`), one after the other.
 */
export function forEachContent(rows: EntryRows, visit: (group: ContentGroup) => void): void {
  const sorter = new RowSorter(rows);
  const group = new Cursor(rows, sorter);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    if (!rows.hasRows(bucket)) continue;
    const found = sorter.sort(bucket);
    for (let start = 0, end = 1; start < found; start = end, end += 1) {
      const first = sorter.order[start] ?? 0;
      while (end < found && sorter.hasSameKey(first, sorter.order[end] ?? 0)) end += 1;
      group.moveTo(bucket, start, end);
      visit(group);
    }
  }
}

const MANIFEST_CLASS = 'm'.charCodeAt(0) - 'g'.charCodeAt(0) + 1;

class Cursor implements ContentGroup {
  count = 0;
  private readonly rows: EntryRows;
  private readonly sorter: RowSorter;
  private readonly value: number;
  private bucket = 0;
  private start = 0;

  constructor(rows: EntryRows, sorter: RowSorter) {
    this.rows = rows;
    this.sorter = sorter;
    this.value = keyWords(rows.digestBytes);
  }

  get isManifest(): boolean {
    return this.bucket >>> 8 === MANIFEST_CLASS;
  }

  moveTo(bucket: number, start: number, end: number): void {
    this.bucket = bucket;
    this.start = start;
    this.count = end - start;
  }

  blobAt(index: number): number {
    return this.rows.blobOf(this.word(index, PACK));
  }

  packAt(index: number): number {
    return this.rows.packOf(this.word(index, PACK));
  }

  timeAt(index: number): number {
    return this.word(index, TIME);
  }

  isDeletedAt(index: number): boolean {
    return (this.word(index, OFFSET) & DELETED) !== 0;
  }

  isSame(left: number, right: number): boolean {
    return (
      this.timeAt(left) === this.timeAt(right) &&
      this.word(left, OFFSET) === this.word(right, OFFSET) &&
      this.packAt(left) === this.packAt(right)
    );
  }

  id(): string {
    const row = this.sorter.order[this.start] ?? 0;
    const { digestBytes } = this.rows;
    return formatKey(this.bucket, digestBytes, this.sorter.slab(row), this.sorter.base(row));
  }

  private word(index: number, which: number): number {
    const row = this.sorter.order[this.start + index] ?? 0;
    return this.sorter.slab(row)[this.sorter.base(row) + this.value + which] ?? 0;
  }
}

/** One state of an index: which blobs readers take, by number, and what the watermark hides. */
export interface IndexState {
  readonly isActive: Uint8Array;
  readonly watermarkSeconds: number;
}

/** Index in the group of the entry that is effective in `state`, or -1 when there is none. */
export function effectiveIn(group: ContentGroup, state: IndexState): number {
  for (let index = 0; index < group.count; index += 1) {
    if (state.isActive[group.blobAt(index)] !== 1) continue;
    const isGone = group.isDeletedAt(index) && group.timeAt(index) <= state.watermarkSeconds;
    return isGone ? -1 : index;
  }
  return -1;
}
