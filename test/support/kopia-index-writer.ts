/**
 * Writes Kopia's index blobs, before encryption, from plain entries: for tests that need indexes which
 * no released tool would write on demand. Source: Kopia v0.23.1, repo/content/index.
 */

export interface IndexEntry {
  /** Text form: an optional letter g to z, then the hash in lower-case hex. */
  readonly id: string;
  readonly packBlob: string;
  readonly packOffset: number;
  readonly packedLength: number;
  /** Not kept by version 1. */
  readonly originalLength: number;
  readonly timeSeconds: number;
  readonly deleted: boolean;
  readonly formatVersion: number;
  /** Header id, 0 for none. Not kept by version 1. */
  readonly compression: number;
  /** Not kept by version 1. */
  readonly encryptionKeyId: number;
}

export interface IndexV2Options {
  /** 16 to 19; by default the smallest that holds the entries, as Kopia does it. */
  readonly entrySize?: number;
  /** Subtracted from every time; Kopia always writes 0. */
  readonly baseTimeSeconds?: number;
}

const V1_HEADER_BYTES = 8;
const V2_HEADER_BYTES = 17;
const DELETED = 0x80000000;

/** The bytes by which an index is sorted: the letter or 0, then the hash. */
export function indexKey(id: string): Buffer {
  const letter = id.length % 2 === 1 ? id.charCodeAt(0) : 0;
  return Buffer.concat([Buffer.from([letter]), Buffer.from(letter ? id.slice(1) : id, 'hex')]);
}

/** An index of version 1. `trailing` are the random bytes that Kopia appends to most indexes. */
export function writeIndexV1(entries: readonly IndexEntry[], trailing = Buffer.alloc(32)): Buffer {
  const rows = sorted(entries);
  const keyBytes = rows[0]?.key.length ?? 0xff;
  const stride = keyBytes + 20;
  const names = nameOffsets(rows, V1_HEADER_BYTES + rows.length * stride);
  const body = Buffer.alloc(V1_HEADER_BYTES + rows.length * stride);
  body.writeUInt8(1, 0);
  body.writeUInt8(keyBytes, 1);
  body.writeUInt16BE(20, 2);
  body.writeUInt32BE(rows.length, 4);
  rows.forEach(({ key, entry }, row) => {
    const at = V1_HEADER_BYTES + row * stride;
    key.copy(body, at);
    const value = body.subarray(at + keyBytes);
    value.writeUIntBE(entry.timeSeconds, 0, 6);
    value.writeUInt8(entry.formatVersion, 6);
    value.writeUInt8(entry.packBlob.length, 7);
    value.writeUInt32BE(names.offsets.get(entry.packBlob) ?? 0, 8);
    value.writeUInt32BE(entry.packOffset + (entry.deleted ? DELETED : 0), 12);
    value.writeUInt32BE(entry.packedLength, 16);
  });
  return Buffer.concat([body, names.bytes, trailing]);
}

/** An index of version 2. Throws when `entrySize` is too small for what the entries hold. */
export function writeIndexV2(
  entries: readonly IndexEntry[],
  options: IndexV2Options = {},
  trailing = Buffer.alloc(32),
): Buffer {
  const rows = sorted(entries);
  const keyBytes = rows[0]?.key.length ?? 17;
  const packs = [...new Set(rows.map(({ entry }) => entry.packBlob))];
  const formats = [...new Set(rows.map(({ entry }) => formatOf(entry)))];
  const needed = entrySizeNeeded(rows, packs.length, formats.length);
  const entrySize = options.entrySize ?? needed;
  if (entrySize < needed) throw new Error(`entries need ${needed} bytes, asked were ${entrySize}`);
  const stride = keyBytes + entrySize;
  const packsAt = V2_HEADER_BYTES + rows.length * stride;
  const formatsAt = packsAt + packs.length * 5;
  const names = nameOffsets(rows, formatsAt + formats.length * 6);
  const body = Buffer.alloc(formatsAt + formats.length * 6);
  const base = options.baseTimeSeconds ?? 0;
  body.writeUInt8(2, 0);
  body.writeUInt8(keyBytes, 1);
  body.writeUInt16BE(entrySize, 2);
  body.writeUInt32BE(rows.length, 4);
  body.writeUInt32BE(packs.length, 8);
  body.writeUInt8(formats.length, 12);
  body.writeUInt32BE(base, 13);
  const packNumbers = new Map(packs.map((name, number) => [name, number]));
  const formatNumbers = new Map(formats.map((format, number) => [format, number]));
  rows.forEach(({ key, entry }, row) => {
    const at = V2_HEADER_BYTES + row * stride;
    key.copy(body, at);
    const pack = packNumbers.get(entry.packBlob) ?? 0;
    const value = Buffer.alloc(19);
    value.writeUInt32BE(entry.timeSeconds - base, 0);
    value.writeUInt32BE(entry.packOffset + (entry.deleted ? DELETED : 0), 4);
    value.writeUIntBE(entry.originalLength % 2 ** 24, 8, 3);
    value.writeUIntBE(entry.packedLength % 2 ** 24, 11, 3);
    value.writeUInt16BE(pack % 2 ** 16, 14);
    value.writeUInt8(formatNumbers.get(formatOf(entry)) ?? 0, 16);
    value.writeUInt8(pack >> 16, 17);
    value.writeUInt8(((entry.originalLength >> 24) << 4) | (entry.packedLength >> 24), 18);
    value.copy(body, at + keyBytes, 0, entrySize);
  });
  packs.forEach((name, number) => {
    body.writeUInt8(name.length, packsAt + number * 5);
    body.writeUInt32BE(names.offsets.get(name) ?? 0, packsAt + number * 5 + 1);
  });
  formats.forEach((format, number) => {
    const [compression = 0, version = 0, keyId = 0] = format.split('/').map(Number);
    body.writeUInt32BE(compression, formatsAt + number * 6);
    body.writeUInt8(version, formatsAt + number * 6 + 4);
    body.writeUInt8(keyId, formatsAt + number * 6 + 5);
  });
  return Buffer.concat([body, names.bytes, trailing]);
}

interface Row {
  readonly key: Buffer;
  readonly entry: IndexEntry;
}

function sorted(entries: readonly IndexEntry[]): readonly Row[] {
  const rows = entries.map((entry) => ({ key: indexKey(entry.id), entry }));
  return rows.sort((a, b) => Buffer.compare(a.key, b.key));
}

function formatOf(entry: IndexEntry): string {
  return `${entry.compression}/${entry.formatVersion}/${entry.encryptionKeyId}`;
}

function entrySizeNeeded(rows: readonly Row[], packs: number, formats: number): number {
  const isLong = rows.some(
    ({ entry }) => entry.packedLength >= 2 ** 24 || entry.originalLength >= 2 ** 24,
  );
  if (isLong) return 19;
  if (packs > 2 ** 16) return 18;
  return formats > 1 ? 17 : 16;
}

function nameOffsets(
  rows: readonly Row[],
  start: number,
): { offsets: ReadonlyMap<string, number>; bytes: Buffer } {
  const offsets = new Map<string, number>();
  let end = start;
  for (const { entry } of rows) {
    if (offsets.has(entry.packBlob)) continue;
    offsets.set(entry.packBlob, end);
    end += entry.packBlob.length;
  }
  return { offsets, bytes: Buffer.from([...offsets.keys()].join(''), 'latin1') };
}
