import { keyWords, readKey } from './content-key.ts';
import type { EntryRows } from './entry-rows.ts';
import { IndexDamage } from './index-damage.ts';
import { PlaceMap } from './place-map.ts';
import { freed } from './row-pages.ts';

const V1_HEADER_BYTES = 8;
const V1_ENTRY_BYTES = 20;
const V2_HEADER_BYTES = 17;
const V2_ENTRY_BYTES_MIN = 16;
const V2_ENTRY_BYTES_MAX = 19;
const V2_PACK_BYTES = 5;
const V2_FORMAT_BYTES = 6;
/** Names of packs, behind the entries, are held whole: this is a million of them. */
const TAIL_BYTES_MAX = 64 * 1024 * 1024;
/** What both ciphers add to a content; version 1 knows a content's length only with it. */
const SEAL_BYTES = 28;
const SECONDS_MAX = 0xffffffff;

/**
 * Reads one index blob, version 1 or 2, in pieces of any size, and puts its entries into `rows`. They
 * count only once `finish` has returned; call it after the seal of the blob has been checked. What
 * follows the names (Kopia appends 32 random bytes) is ignored.
 * Source: Kopia v0.23.1, repo/content/index/index_v1.go and index_v2.go.
 */
export class IndexDecoder {
  private readonly rows: EntryRows;
  /** The number of this blob among those of `rows`. */
  readonly blob: number;
  private readonly sizeBytesMax: number;
  private readonly keep: (bucket: number) => boolean;
  /** What is left of the piece before: less than a header or an entry. */
  private carry = Buffer.alloc(0);
  private seenBytes = 0;
  private version = 0;
  private keyBytes = 0;
  private entryBytes = 0;
  private entriesLeft = -1;
  private packCount = 0;
  private formatCount = 0;
  private baseSeconds = 0;
  /** Places of the packs: one for each pack of version 2, from here on; of version 1 as they come. */
  private firstPlace = 0;
  private readonly places = new PlaceMap();
  /** Of version 1: the format version of the entry before, and its number among all formats. */
  private formatVersion = -1;
  private format = 0;
  /** Everything behind the entries, and where that begins in the file. */
  private tail: Buffer<ArrayBuffer> = Buffer.alloc(0);
  private tailStart = 0;
  private tailBytes = 0;
  private key: Uint32Array;
  private previous: Uint32Array;
  private previousBucket = -1;

  /**
   * @param sizeBytesMax of the blob as it is stored: no index is larger than what it is sealed in.
   * @param keep which buckets of entries are wanted.
   */
  constructor(rows: EntryRows, sizeBytesMax: number, keep: (bucket: number) => boolean) {
    this.rows = rows;
    this.blob = rows.openBlob();
    this.sizeBytesMax = sizeBytesMax;
    this.keep = keep;
    this.key = new Uint32Array(keyWords(rows.digestBytes));
    this.previous = new Uint32Array(keyWords(rows.digestBytes));
  }

  /** Throws IndexDamage, and DrydockError `KOPIA_INDEX_TOO_LARGE`. Keeps nothing of `piece`. */
  push(piece: Buffer): void {
    this.seenBytes += piece.length;
    if (this.seenBytes > this.sizeBytesMax)
      throw new IndexDamage('it is longer than it was listed');
    let rest = piece;
    if (this.entriesLeft < 0) rest = this.readHeader(rest);
    if (this.entriesLeft > 0) rest = this.readEntries(rest);
    if (this.entriesLeft === 0 && rest.length > 0) this.keepTail(rest);
  }

  /** The blob is whole and its seal is right: resolves names and lets its entries count. */
  finish(): void {
    this.resolveAll();
    if (this.tail.length > 0) freed(this.tail);
  }

  private resolveAll(): void {
    if (this.entriesLeft !== 0) throw new IndexDamage('it ends within its entries');
    if (this.version === 1) {
      for (const { place, offset, length } of this.places) this.resolve(place, offset, length);
      this.rows.accept(this.blob, undefined);
      return;
    }
    const formatsAt = this.packCount * V2_PACK_BYTES;
    if (this.tailBytes < formatsAt + this.formatCount * V2_FORMAT_BYTES) {
      throw new IndexDamage('it ends within its lists of packs and formats');
    }
    for (let pack = 0; pack < this.packCount; pack += 1) {
      const at = pack * V2_PACK_BYTES;
      const nameAt = this.tail.readUInt32BE(at + 1);
      this.resolve(this.firstPlace + pack, nameAt, this.tail.readUInt8(at));
    }
    const formats = new Uint8Array(this.formatCount);
    for (let format = 0; format < this.formatCount; format += 1) {
      const at = formatsAt + format * V2_FORMAT_BYTES;
      formats[format] = this.rows.formats.intern(
        this.tail.readUInt32BE(at),
        this.tail.readUInt8(at + 4),
        this.tail.readUInt8(at + 5),
      );
    }
    this.rows.accept(this.blob, formats);
  }

  private resolve(place: number, nameAt: number, length: number): void {
    const start = nameAt - this.tailStart;
    if (start < 0 || start + length > this.tailBytes) {
      throw new IndexDamage('it places the name of a pack outside of itself');
    }
    this.rows.resolvePack(place, this.tail, start, start + length);
  }

  private readHeader(piece: Buffer): Buffer {
    const bytes = Buffer.concat([this.carry, piece.subarray(0, V2_HEADER_BYTES)]);
    this.version = bytes[0] ?? 0;
    if (bytes.length > 0 && this.version !== 1 && this.version !== 2) {
      throw new IndexDamage(`it has version ${this.version}, known are 1 and 2`);
    }
    const headerBytes = this.version === 1 ? V1_HEADER_BYTES : V2_HEADER_BYTES;
    if (bytes.length < headerBytes) {
      this.carry = bytes;
      return Buffer.alloc(0);
    }
    const used = headerBytes - this.carry.length;
    this.carry = Buffer.alloc(0);
    this.keyBytes = bytes.readUInt8(1);
    this.entryBytes = bytes.readUInt16BE(2);
    const count = bytes.readUInt32BE(4);
    if (this.version === 2) {
      this.packCount = bytes.readUInt32BE(8);
      this.formatCount = bytes.readUInt8(12);
      this.baseSeconds = bytes.readUInt32BE(13);
    }
    this.checkHeader(count, headerBytes);
    this.tailStart = headerBytes + count * (this.keyBytes + this.entryBytes);
    this.entriesLeft = count;
    if (this.packCount > 0) this.firstPlace = this.rows.reservePacks(this.blob, this.packCount);
    return piece.subarray(used);
  }

  /** Counts come from the bytes themselves: nothing is allocated before they fit into the blob. */
  private checkHeader(count: number, headerBytes: number): void {
    // An empty index has no keys, and Kopia writes 255 for their size.
    if (count > 0 && this.keyBytes !== this.rows.digestBytes + 1) {
      throw new IndexDamage(
        `its keys have ${this.keyBytes} bytes, the repository's have ${this.rows.digestBytes + 1}`,
        'foreign-key-length',
      );
    }
    const isSizeKnown =
      this.version === 1
        ? this.entryBytes === V1_ENTRY_BYTES
        : this.entryBytes >= V2_ENTRY_BYTES_MIN && this.entryBytes <= V2_ENTRY_BYTES_MAX;
    if (!isSizeKnown) throw new IndexDamage(`its entries have ${this.entryBytes} bytes`);
    const needed =
      headerBytes +
      count * (this.keyBytes + this.entryBytes) +
      this.packCount * V2_PACK_BYTES +
      this.formatCount * V2_FORMAT_BYTES;
    if (needed > this.sizeBytesMax) {
      throw new IndexDamage(
        `it promises ${count} entries and ${this.packCount} packs, and is shorter`,
      );
    }
  }

  private readEntries(piece: Buffer): Buffer {
    const stride = this.keyBytes + this.entryBytes;
    let at = 0;
    if (this.carry.length > 0) {
      at = Math.min(stride - this.carry.length, piece.length);
      this.carry = Buffer.concat([this.carry, piece.subarray(0, at)]);
      if (this.carry.length < stride) return Buffer.alloc(0);
      this.readEntry(this.carry, 0);
      this.carry = Buffer.alloc(0);
    }
    while (this.entriesLeft > 0 && at + stride <= piece.length) {
      this.readEntry(piece, at);
      at += stride;
    }
    if (this.entriesLeft === 0) return piece.subarray(at);
    this.carry = Buffer.from(piece.subarray(at));
    return Buffer.alloc(0);
  }

  private readEntry(bytes: Buffer, at: number): void {
    const bucket = readKey(bytes, at, this.key);
    if (bucket < 0) throw new IndexDamage('it has a key that begins with no letter from g to z');
    if (bucket < this.previousBucket || (bucket === this.previousBucket && !this.isAscending())) {
      throw new IndexDamage('its keys are not in ascending order');
    }
    const value = at + this.keyBytes;
    if (this.version === 1) this.readV1(bytes, value, bucket);
    else this.readV2(bytes, value, bucket);
    this.previousBucket = bucket;
    [this.key, this.previous] = [this.previous, this.key];
    this.entriesLeft -= 1;
  }

  private isAscending(): boolean {
    for (let word = 0; word < this.key.length; word += 1) {
      const difference = (this.key[word] ?? 0) - (this.previous[word] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return false;
  }

  private readV1(bytes: Buffer, at: number, bucket: number): void {
    const seconds = bytes.readUInt16BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 2);
    if (seconds > SECONDS_MAX) throw new IndexDamage(`it has an entry of second ${seconds}`);
    const [nameBytes, nameAt] = [bytes.readUInt8(at + 7), bytes.readUInt32BE(at + 8)];
    if (nameAt < this.tailStart || nameAt + nameBytes > this.sizeBytesMax) {
      throw new IndexDamage('it places the name of a pack outside of itself');
    }
    if (!this.keep(bucket)) return;
    const place = this.places.place(nameAt, nameBytes, () => this.rows.reservePacks(this.blob, 1));
    const version = bytes.readUInt8(at + 6);
    if (version !== this.formatVersion) {
      this.format = this.rows.formats.intern(0, version, 0);
      this.formatVersion = version;
    }
    const packed = bytes.readUInt32BE(at + 16);
    const original = Math.max(0, packed - SEAL_BYTES);
    const offset = bytes.readUInt32BE(at + 12);
    this.rows.append(bucket, this.key, this.format, seconds, offset, place, packed, original);
  }

  private readV2(bytes: Buffer, at: number, bucket: number): void {
    const seconds = this.baseSeconds + bytes.readUInt32BE(at);
    if (seconds > SECONDS_MAX) throw new IndexDamage(`it has an entry of second ${seconds}`);
    let original = bytes.readUInt32BE(at + 7) & 0xffffff;
    let packed = bytes.readUInt32BE(at + 10) & 0xffffff;
    let pack = bytes.readUInt16BE(at + 14);
    const format = this.entryBytes > 16 ? (bytes[at + 16] ?? 0) : 0;
    if (this.entryBytes > 17) pack |= (bytes[at + 17] ?? 0) << 16;
    if (this.entryBytes > 18) {
      const high = bytes[at + 18] ?? 0;
      original |= (high >>> 4) << 24;
      packed |= (high & 0xf) << 24;
    }
    if (pack >= this.packCount)
      throw new IndexDamage(`it has an entry in pack ${pack} of ${this.packCount}`);
    if (format >= this.formatCount) {
      throw new IndexDamage(`it has an entry of format ${format} of ${this.formatCount}`);
    }
    if (!this.keep(bucket)) return;
    const offset = bytes.readUInt32BE(at + 4);
    const place = this.firstPlace + pack;
    this.rows.append(bucket, this.key, format, seconds, offset, place, packed, original);
  }

  private keepTail(piece: Buffer): void {
    if (this.tail.length === 0) {
      // At once, and never more than the blob has: growing would leave copies behind.
      const most = this.sizeBytesMax - this.tailStart;
      // Not from the pool of small buffers: it is freed by itself.
      this.tail = Buffer.from(new ArrayBuffer(Math.min(most, TAIL_BYTES_MAX)));
    }
    const end = this.tailBytes + piece.length;
    if (end > this.tail.length) throw new IndexDamage('it names more packs than fit in memory');
    piece.copy(this.tail, this.tailBytes);
    this.tailBytes = end;
  }
}
