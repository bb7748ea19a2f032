import { grown } from './row-pages.ts';

/**
 * The pack names that entries of version 1 refer to, by offset and length in the file: open
 * addressing in plain arrays, since a blob may have any number of them.
 */
export class PlaceMap {
  private count = 0;
  private offsets = new Uint32Array(16);
  private lengths = new Uint8Array(16);
  private places = new Uint32Array(16);
  /** Indexes plus one; a power of two, at most half full. */
  private slots = new Uint32Array(32);

  /** The place of a name, by `create` when it is seen for the first time. */
  place(offset: number, length: number, create: () => number): number {
    const slot = this.slotOf(offset, length);
    const known = (this.slots[slot] ?? 0) - 1;
    if (known >= 0) return this.places[known] ?? 0;
    const place = create();
    const index = this.count;
    this.count += 1;
    this.offsets = grown(this.offsets, this.count);
    this.lengths = grown(this.lengths, this.count);
    this.places = grown(this.places, this.count);
    this.offsets[index] = offset;
    this.lengths[index] = length;
    this.places[index] = place;
    this.slots[slot] = this.count;
    if (this.count * 2 > this.slots.length) this.rehash();
    return place;
  }

  *[Symbol.iterator](): Generator<{ place: number; offset: number; length: number }> {
    for (let index = 0; index < this.count; index += 1) {
      const [place = 0, offset = 0] = [this.places[index], this.offsets[index]];
      yield { place, offset, length: this.lengths[index] ?? 0 };
    }
  }

  private slotOf(offset: number, length: number): number {
    const mask = this.slots.length - 1;
    for (let slot = Math.imul(offset + length, 0x9e3779b1) >>> 7; ; slot += 1) {
      const index = (this.slots[slot & mask] ?? 0) - 1;
      if (index < 0) return slot & mask;
      if (this.offsets[index] === offset && this.lengths[index] === length) return slot & mask;
    }
  }

  private rehash(): void {
    this.slots = new Uint32Array(this.slots.length * 2);
    for (let index = 0; index < this.count; index += 1) {
      this.slots[this.slotOf(this.offsets[index] ?? 0, this.lengths[index] ?? 0)] = index + 1;
    }
  }
}
