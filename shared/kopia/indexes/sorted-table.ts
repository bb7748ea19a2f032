import {
  BUCKETS,
  formatKey,
  keyWords,
  LETTER_CLASSES,
  letterClass,
  parseKey,
} from './content-key.ts';
import type { ContentEntry, LoadedTable, PackTable } from './content-table.ts';
import {
  DELETED,
  type EntryFormats,
  type EntryRows,
  OFFSET,
  ORIGINAL_LENGTH,
  PACK,
  PACKED_LENGTH,
  TIME,
} from './entry-rows.ts';
import { PAGE_BITS, type RowPages, SLOT_MASK } from './row-pages.ts';

/** Rows in order, on pages: position p is row p of the whole. Made by `mergeRows`. */
export class SortedTable implements LoadedTable {
  size: number;
  readonly packs: PackTable;
  private readonly formats: EntryFormats;
  private readonly digestBytes: number;
  private readonly keyWords: number;
  private readonly rows: RowPages;
  private readonly tablePages: Uint32Array;
  /** Position of the first entry of each bucket, and the end. */
  private readonly bucketStarts: Uint32Array;
  private readonly wanted: Uint32Array;

  constructor(rows: EntryRows, bucketStarts: Uint32Array, tablePages: Uint32Array, size: number) {
    this.size = size;
    this.packs = rows.packs;
    this.formats = rows.formats;
    this.digestBytes = rows.digestBytes;
    this.keyWords = keyWords(rows.digestBytes);
    this.rows = rows.pages;
    this.tablePages = tablePages;
    this.bucketStarts = bucketStarts;
    this.wanted = new Uint32Array(this.keyWords);
  }

  find(contentId: string): number {
    const bucket = parseKey(contentId, this.digestBytes, this.wanted);
    if (bucket < 0) return -1;
    let low = this.bucketStarts[bucket] ?? 0;
    let high = this.bucketStarts[bucket + 1] ?? 0;
    const end = high;
    // Hashes are even: the key is near its share of the bucket. Where it is not, nothing is lost
    // but two comparisons.
    const guess = low + Math.floor(((this.wanted[0] ?? 0) / 2 ** 32) * (high - low));
    const spread = Math.ceil(Math.sqrt(high - low));
    if (guess - spread > low) {
      if (this.compareWanted(guess - spread) > 0) low = guess - spread + 1;
      else high = guess - spread;
    }
    if (guess + spread < high) {
      if (this.compareWanted(guess + spread) > 0) low = guess + spread + 1;
      else high = guess + spread;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compareWanted(middle) > 0) low = middle + 1;
      else high = middle;
    }
    return low < end && this.compareWanted(low) === 0 ? low : -1;
  }

  entry(position: number): ContentEntry {
    const format = this.formats.get(this.word(position, this.keyWords - 1) & 0xff);
    const packId = this.packOf(position);
    return {
      id: this.idOf(position),
      packId,
      packBlob: this.packs.name(packId),
      packOffset: this.offsetOf(position),
      packedLength: this.packedLengthOf(position),
      originalLength: this.originalLengthOf(position),
      deleted: this.isDeleted(position),
      timeSeconds: this.timeOf(position),
      ...format,
    };
  }

  *positions(letters?: string): Generator<number> {
    if (letters === undefined) {
      for (let position = 0; position < this.size; position += 1) yield position;
      return;
    }
    for (const letter of letters === '' ? [''] : [...new Set(letters)].sort()) {
      const { first, end } = this.rangeOf(letter);
      for (let position = first; position < end; position += 1) yield position;
    }
  }

  rangeOf(letter: string): { first: number; end: number } {
    const group = letter === '' ? 0 : letterClass(letter.charCodeAt(0) || 1);
    if (group < 0 || group >= LETTER_CLASSES || letter.length > 1) return { first: 0, end: 0 };
    const first = this.bucketStarts[group * 256] ?? 0;
    return { first, end: this.bucketStarts[group * 256 + 256] ?? 0 };
  }

  idOf(position: number): string {
    this.check(position);
    const page = this.tablePages[position >>> PAGE_BITS] ?? 0;
    const base = this.rows.base(page, position & SLOT_MASK);
    return formatKey(this.bucketOf(position), this.digestBytes, this.rows.slab(page), base);
  }

  packOf(position: number): number {
    return this.word(position, this.keyWords + PACK);
  }

  offsetOf(position: number): number {
    return this.word(position, this.keyWords + OFFSET) & ~DELETED;
  }

  packedLengthOf(position: number): number {
    return this.word(position, this.keyWords + PACKED_LENGTH);
  }

  originalLengthOf(position: number): number {
    return this.word(position, this.keyWords + ORIGINAL_LENGTH);
  }

  isDeleted(position: number): boolean {
    return (this.word(position, this.keyWords + OFFSET) & DELETED) !== 0;
  }

  timeOf(position: number): number {
    return this.word(position, this.keyWords + TIME);
  }

  private word(position: number, word: number): number {
    this.check(position);
    const page = this.tablePages[position >>> PAGE_BITS] ?? 0;
    return this.rows.slab(page)[this.rows.base(page, position & SLOT_MASK) + word] ?? 0;
  }

  release(): void {
    this.size = 0;
    this.bucketStarts.fill(0);
    this.rows.free();
  }

  private check(position: number): void {
    if (!(position >= 0 && position < this.size)) {
      throw new RangeError(`there is no entry ${position} of ${this.size}`);
    }
  }

  private bucketOf(position: number): number {
    let low = 0;
    let high = BUCKETS;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.bucketStarts[middle] ?? 0) <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Of the key that is looked for against that at a position. */
  private compareWanted(position: number): number {
    const page = this.tablePages[position >>> PAGE_BITS] ?? 0;
    const words = this.rows.slab(page);
    const base = this.rows.base(page, position & SLOT_MASK);
    const last = this.keyWords - 1;
    for (let word = 0; word < last; word += 1) {
      const difference = (this.wanted[word] ?? 0) - (words[base + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return ((this.wanted[last] ?? 0) >>> 8) - ((words[base + last] ?? 0) >>> 8);
  }
}
