import { BUCKETS, keyWords } from './content-key.ts';
import { IndexDamage } from './index-damage.ts';
import { PackNames } from './pack-names.ts';
import { grown, PAGE_ROWS, RowPages, SLOT_MASK } from './row-pages.ts';

/** The words of a row behind those of its key. */
export const TIME = 0;
/** Bit 31: deleted; the rest: offset in the pack. */
export const OFFSET = 1;
export const PACK = 2;
export const PACKED_LENGTH = 3;
export const ORIGINAL_LENGTH = 4;
const VALUE_WORDS = 5;
export const DELETED = 0x80000000;

/** What an index keeps once for many entries. */
export interface EntryFormat {
  readonly compression: number;
  readonly formatVersion: number;
  readonly encryptionKeyId: number;
}

export type Words = Uint32Array<ArrayBuffer>;

const UNRESOLVED = 0xffffffff;
const FORMATS_MAX = 256;

/** The formats that entries have: a handful, numbered as they come. */
export class EntryFormats {
  private readonly formats: EntryFormat[] = [];

  /** Throws IndexDamage when there are too many. */
  intern(compression: number, formatVersion: number, encryptionKeyId: number): number {
    const known = this.formats.findIndex(
      (format) =>
        format.compression === compression &&
        format.formatVersion === formatVersion &&
        format.encryptionKeyId === encryptionKeyId,
    );
    if (known >= 0) return known;
    if (this.formats.length === FORMATS_MAX) {
      throw new IndexDamage(`it brings the number of entry formats above ${FORMATS_MAX}`);
    }
    this.formats.push({ compression, formatVersion, encryptionKeyId });
    return this.formats.length - 1;
  }

  get(id: number): EntryFormat {
    const format = this.formats[id];
    if (format === undefined) throw new RangeError(`there is no format ${id}`);
    return format;
  }
}

/**
 * The entries of many index blobs as they come, in buckets, before they are merged. A blob names its
 * packs and formats behind its entries, so that a row first holds a place of its own for its pack,
 * and the blob's number of its format; both are known once the blob is accepted. Rows of blobs that
 * were not accepted count for nothing.
 */
export class EntryRows {
  readonly digestBytes: number;
  packs = new PackNames();
  formats = new EntryFormats();
  readonly pages: RowPages;
  private readonly keyWords: number;
  private readonly heads = new Uint32Array(BUCKETS);
  private readonly tails = new Uint32Array(BUCKETS);
  private readonly counts = new Uint32Array(BUCKETS);
  /** The page behind a page of the same bucket. */
  private next = new Uint32Array(256);
  /** By place: the pack, and the blob that the place belongs to. */
  private packOfPlace = new Uint32Array(256);
  private blobOfPlace = new Uint32Array(256);
  private places = 0;
  private accepted = new Uint8Array(64);
  private readonly formatsOfBlob: (Uint8Array | undefined)[] = [];

  constructor(digestBytes: number, sizeBytesMax: number) {
    this.digestBytes = digestBytes;
    this.keyWords = keyWords(digestBytes);
    this.pages = new RowPages(this.keyWords + VALUE_WORDS, sizeBytesMax);
  }

  /** A number for a blob whose rows will come. */
  openBlob(): number {
    const blob = this.formatsOfBlob.push(undefined) - 1;
    this.accepted = grown(this.accepted, blob + 1);
    return blob;
  }

  /** The first of `count` places for packs of a blob. */
  reservePacks(blob: number, count: number): number {
    const first = this.places;
    if (first + count >= UNRESOLVED) throw new IndexDamage('it names too many packs');
    this.places += count;
    this.packOfPlace = grown(this.packOfPlace, this.places);
    this.blobOfPlace = grown(this.blobOfPlace, this.places);
    this.blobOfPlace.fill(blob, first, this.places);
    return first;
  }

  /** Says which pack a place stands for. Throws IndexDamage. */
  resolvePack(place: number, bytes: Uint8Array, start: number, end: number): void {
    this.packOfPlace[place] = this.packs.intern(bytes, start, end);
  }

  /** From here on the blob's rows count. `formats`: by the blob's number; absent: as in the rows. */
  accept(blob: number, formats: Uint8Array | undefined): void {
    this.formatsOfBlob[blob] = formats;
    this.accepted[blob] = 1;
  }

  /** `key`: its words, the low byte of the last one free. `offset` with the mark of deletion. */
  append(
    bucket: number,
    key: Uint32Array,
    format: number,
    timeSeconds: number,
    offset: number,
    packPlace: number,
    packedLength: number,
    originalLength: number,
  ): void {
    const count = this.counts[bucket] ?? 0;
    const slot = count & SLOT_MASK;
    if (slot === 0) this.chain(bucket, count === 0);
    this.counts[bucket] = count + 1;
    const page = this.tails[bucket] ?? 0;
    const words = this.pages.slab(page);
    let at = this.pages.base(page, slot);
    for (let word = 0; word < key.length; word += 1, at += 1) words[at] = key[word] ?? 0;
    words[at - 1] = (words[at - 1] ?? 0) | format;
    words[at + TIME] = timeSeconds;
    words[at + OFFSET] = offset;
    words[at + PACK] = packPlace;
    words[at + PACKED_LENGTH] = packedLength;
    words[at + ORIGINAL_LENGTH] = originalLength;
  }

  /** Rows of blobs that were not accepted included. */
  hasRows(bucket: number): boolean {
    return (this.counts[bucket] ?? 0) > 0;
  }

  /** How many rows a bucket has, and on which pages, in `pages`, which grows as needed. */
  bucketPages(bucket: number, pages: Words): { rows: number; pages: Words } {
    const rows = this.counts[bucket] ?? 0;
    const length = Math.ceil(rows / PAGE_ROWS);
    const list = grown(pages, length);
    let page = this.heads[bucket] ?? 0;
    for (let index = 0; index < length; index += 1) {
      list[index] = page;
      page = this.next[page] ?? 0;
    }
    return { rows, pages: list };
  }

  isAccepted(packPlace: number): boolean {
    return this.accepted[this.blobOfPlace[packPlace] ?? 0] === 1;
  }

  blobOf(packPlace: number): number {
    return this.blobOfPlace[packPlace] ?? 0;
  }

  packOf(packPlace: number): number {
    return this.packOfPlace[packPlace] ?? 0;
  }

  /** The common number of the format that a row has by its blob's number. */
  formatOf(packPlace: number, format: number): number {
    const formats = this.formatsOfBlob[this.blobOfPlace[packPlace] ?? 0];
    return formats === undefined ? format : (formats[format] ?? 0);
  }

  /** Forgets everything, and keeps the memory of the rows for the next ones. */
  reset(): void {
    this.pages.reset();
    this.counts.fill(0);
    this.places = 0;
    this.accepted.fill(0);
    this.formatsOfBlob.length = 0;
    this.packs = new PackNames();
    this.formats = new EntryFormats();
  }

  private chain(bucket: number, isFirst: boolean): void {
    const page = this.pages.allocate();
    this.next = grown(this.next, page + 1);
    if (isFirst) this.heads[bucket] = page;
    else this.next[this.tails[bucket] ?? 0] = page;
    this.tails[bucket] = page;
  }
}
