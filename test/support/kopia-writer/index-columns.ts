/** The entries of an index of version 2 in columns: for millions of them, where objects would not do. */

const HEADER_BYTES = 17;
/** Of an entry whose lengths stay below 16 MiB, with one format and at most 65,536 packs. */
const ENTRY_BYTES = 16;

export interface IndexedFormat {
  readonly timeSeconds: number;
  readonly formatVersion: number;
}

export class IndexColumns {
  readonly #keyBytes: number;
  readonly #keys: Buffer;
  readonly #values: Uint32Array;
  readonly #packs: string[] = [];
  #count = 0;

  /** For entries of hashes of `digestBytes`, without a prefix letter. */
  constructor(entriesMax: number, digestBytes: number) {
    this.#keyBytes = digestBytes + 1;
    this.#keys = Buffer.alloc(entriesMax * this.#keyBytes);
    this.#values = new Uint32Array(entriesMax * 4);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count * 4 === this.#values.length;
  }

  /** Entries that are added from now on lie in this pack. */
  startPack(name: string): void {
    this.#packs.push(name);
  }

  add(hash: Uint8Array, packOffset: number, packedLength: number, originalLength: number): void {
    this.#keys.set(hash, this.#count * this.#keyBytes + 1);
    const at = this.#count * 4;
    this.#values[at] = packOffset;
    this.#values[at + 1] = packedLength;
    this.#values[at + 2] = originalLength;
    this.#values[at + 3] = this.#packs.length - 1;
    this.#count += 1;
  }

  /** The index, sorted; `trailing` are Kopia's random bytes at its end. */
  toBytes(format: IndexedFormat, trailing: Uint8Array): Buffer {
    const stride = this.#keyBytes + ENTRY_BYTES;
    const packsAt = HEADER_BYTES + this.#count * stride;
    const formatsAt = packsAt + this.#packs.length * 5;
    const namesAt = formatsAt + 6;
    const bytes = Buffer.alloc(namesAt);
    bytes.writeUInt8(2, 0);
    bytes.writeUInt8(this.#keyBytes, 1);
    bytes.writeUInt16BE(ENTRY_BYTES, 2);
    bytes.writeUInt32BE(this.#count, 4);
    bytes.writeUInt32BE(this.#packs.length, 8);
    bytes.writeUInt8(1, 12);
    let at = HEADER_BYTES;
    for (const row of this.#sorted()) {
      this.#writeRow(bytes, at, row, format.timeSeconds);
      at += stride;
    }
    let nameAt = namesAt;
    this.#packs.forEach((name, number) => {
      bytes.writeUInt8(name.length, packsAt + number * 5);
      bytes.writeUInt32BE(nameAt, packsAt + number * 5 + 1);
      nameAt += name.length;
    });
    bytes.writeUInt8(format.formatVersion, formatsAt + 4);
    return Buffer.concat([bytes, Buffer.from(this.#packs.join(''), 'latin1'), trailing]);
  }

  #writeRow(bytes: Buffer, at: number, row: number, timeSeconds: number): void {
    this.#keys.copy(bytes, at, row * this.#keyBytes, (row + 1) * this.#keyBytes);
    const value = at + this.#keyBytes;
    const [offset = 0, packed = 0, original = 0, pack = 0] = this.#values.subarray(
      row * 4,
      row * 4 + 4,
    );
    bytes.writeUInt32BE(timeSeconds, value);
    bytes.writeUInt32BE(offset, value + 4);
    bytes.writeUIntBE(original, value + 8, 3);
    bytes.writeUIntBE(packed, value + 11, 3);
    bytes.writeUInt16BE(pack, value + 14);
  }

  /** Row numbers in the order of their keys: by the first six hash bytes, which are as good as unique. */
  #sorted(): Uint32Array {
    const rank = new Float64Array(this.#count);
    for (let row = 0; row < this.#count; row += 1) {
      rank[row] = this.#keys.readUIntBE(row * this.#keyBytes + 1, 6);
    }
    const rows = Uint32Array.from(rank.keys());
    return rows.sort((a, b) => (rank[a] ?? 0) - (rank[b] ?? 0) || this.#compareKeys(a, b));
  }

  #compareKeys(a: number, b: number): number {
    const keyOf = (row: number): Buffer =>
      this.#keys.subarray(row * this.#keyBytes, (row + 1) * this.#keyBytes);
    return Buffer.compare(keyOf(a), keyOf(b));
  }
}
