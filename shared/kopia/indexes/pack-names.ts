import type { PackTable } from './content-table.ts';
import { IndexDamage } from './index-damage.ts';
import { grown } from './row-pages.ts';

const BLOCK_BITS = 20;
const BLOCK_BYTES = 1 << BLOCK_BITS;
/** 4 M packs of 20 MiB are 80 TiB; with names of the usual 54 bytes they are 220 MB here. */
const PACKS_MAX = 1 << 22;
const NAMES_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Interns names as bytes: blocks that never move, and a table of hashes beside them, so that half a
 * million packs are 30 MB and not half a million strings.
 */
export class PackNames implements PackTable {
  count = 0;
  private readonly blocks: Buffer[] = [];
  private endBytes = 0;
  private starts = new Uint32Array(64);
  private lengths = new Uint8Array(64);
  private hashes = new Uint32Array(64);
  /** Ids plus one at the place of their hash or behind it; a power of two, at most half full. */
  private slots = new Uint32Array(128);

  /** Id of the name in `bytes`. Throws IndexDamage when there are too many, or it is no name. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    const slot = this.slotOf(hash, bytes, start, end);
    const known = this.slots[slot] ?? 0;
    if (known > 0) return known - 1;
    for (let at = start; at < end; at += 1) {
      // A name becomes a part of a key: nothing may turn it into a path.
      const code = bytes[at] ?? 0;
      if (code <= 0x20 || code >= 0x7f || code === 0x2f || code === 0x5c || code === 0x2e) {
        throw new IndexDamage('it names a pack by other characters than Kopia uses');
      }
    }
    return this.add(hash, slot, bytes, start, end);
  }

  name(packId: number): string {
    const start = packId < this.count ? this.starts[packId] : undefined;
    if (start === undefined) throw new RangeError(`there is no pack ${packId} of ${this.count}`);
    const at = start & (BLOCK_BYTES - 1);
    return this.blockOf(start).toString('latin1', at, at + (this.lengths[packId] ?? 0));
  }

  find(name: string): number {
    const bytes = Buffer.from(name, 'latin1');
    // A character above 255 would be cut to a byte and might hit another name.
    if (bytes.length > 255 || bytes.toString('latin1') !== name) return -1;
    const hash = hashOf(bytes, 0, bytes.length);
    return (this.slots[this.slotOf(hash, bytes, 0, bytes.length)] ?? 0) - 1;
  }

  /** Order of the names' bytes: negative, zero or positive. */
  compare(left: number, right: number): number {
    if (left === right) return 0;
    const [a, b] = [this.starts[left] ?? 0, this.starts[right] ?? 0];
    const [aAt, bAt] = [a & (BLOCK_BYTES - 1), b & (BLOCK_BYTES - 1)];
    const [aEnd, bEnd] = [aAt + (this.lengths[left] ?? 0), bAt + (this.lengths[right] ?? 0)];
    return this.blockOf(a).compare(this.blockOf(b), bAt, bEnd, aAt, aEnd);
  }

  /** Leaves only the packs of `kept`, which then have the ids 0, 1, 2, … in that order. */
  retain(kept: Uint32Array): void {
    const [starts, lengths, hashes] = [this.starts, this.lengths, this.hashes];
    this.starts = new Uint32Array(kept.length);
    this.lengths = new Uint8Array(kept.length);
    this.hashes = new Uint32Array(kept.length);
    for (let id = 0; id < kept.length; id += 1) {
      const old = kept[id] ?? 0;
      this.starts[id] = starts[old] ?? 0;
      this.lengths[id] = lengths[old] ?? 0;
      this.hashes[id] = hashes[old] ?? 0;
    }
    this.count = kept.length;
    this.rehash(this.slots.length);
  }

  private add(hash: number, slot: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const room = BLOCK_BYTES - (this.endBytes & (BLOCK_BYTES - 1));
    if (this.blocks.length === 0 || room < length || room === BLOCK_BYTES) {
      this.endBytes = this.blocks.length * BLOCK_BYTES;
      this.blocks.push(Buffer.alloc(BLOCK_BYTES));
    }
    if (this.count >= PACKS_MAX || this.endBytes + length > NAMES_BYTES_MAX) {
      throw new IndexDamage('it brings the number of packs above what fits in memory');
    }
    this.starts = grown(this.starts, this.count + 1);
    this.lengths = grown(this.lengths, this.count + 1);
    this.hashes = grown(this.hashes, this.count + 1);
    const id = this.count;
    this.blockOf(this.endBytes).set(bytes.subarray(start, end), this.endBytes & (BLOCK_BYTES - 1));
    this.starts[id] = this.endBytes;
    this.lengths[id] = length;
    this.hashes[id] = hash;
    this.endBytes += length;
    this.count += 1;
    this.slots[slot] = this.count;
    if (this.count * 2 > this.slots.length) this.rehash(this.slots.length * 2);
    return id;
  }

  private blockOf(start: number): Buffer {
    const block = this.blocks[start >>> BLOCK_BITS];
    if (block === undefined) throw new RangeError(`there is no name at ${start}`);
    return block;
  }

  /** Where the name is, or would be put. */
  private slotOf(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = (this.slots[slot] ?? 0) - 1;
      if (id < 0) return slot;
      if (this.hashes[id] === hash && this.holds(id, bytes, start, end)) return slot;
    }
  }

  private holds(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.lengths[id] !== end - start) return false;
    const at = this.starts[id] ?? 0;
    const own = at & (BLOCK_BYTES - 1);
    return this.blockOf(at).compare(bytes, start, end, own, own + end - start) === 0;
  }

  private rehash(slots: number): void {
    this.slots = new Uint32Array(slots);
    const mask = slots - 1;
    for (let id = 0; id < this.count; id += 1) {
      let slot = (this.hashes[id] ?? 0) & mask;
      while ((this.slots[slot] ?? 0) > 0) slot = (slot + 1) & mask;
      this.slots[slot] = id + 1;
    }
  }
}

/** FNV-1a. Names are random, and whoever can choose them holds the repository's keys. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) {
    hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  }
  return hash >>> 0;
}
