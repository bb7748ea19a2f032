/** Compressed streams as Kopia frames them, and bombs: streams that unpack to far more than they are. */
import { constants, crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';

/** Header ids of the compressions (reference 4.3), one per family and the variants that tests name. */
export const COMPRESSIONS = {
  gzip: 0x1000,
  zstd: 0x1100,
  'zstd-fastest': 0x1101,
  's2-default': 0x1200,
  pgzip: 0x1300,
  lz4: 0x1400,
  'deflate-default': 0x1500,
} as const;

export type Compression = keyof typeof COMPRESSIONS;

/** The families that have a bomb. */
export const BOMB_KINDS = ['gzip', 'zstd', 's2-default', 'deflate-default'] as const;
export type BombKind = (typeof BOMB_KINDS)[number];

/** u32 BE header id, then the stream. */
export function frame(headerId: number, stream: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(headerId);
  return Buffer.concat([header, stream]);
}

/** The stream after the header. S2 is stored in pieces that are not compressed, which is legal. */
export function compress(compression: Compression, bytes: Uint8Array): Buffer {
  switch (compression) {
    case 'gzip':
    case 'pgzip':
      return gzipSync(bytes);
    case 'zstd':
    case 'zstd-fastest':
      return zstdCompressSync(bytes);
    case 'deflate-default':
      return deflateRawSync(bytes);
    case 's2-default':
      return s2Stored(bytes);
    case 'lz4':
      throw new Error('cannot write LZ4, a fixture has it');
  }
}

const MIB = 1024 * 1024;

/** A well-formed stream of some KiB that unpacks to `sizeMib` MiB of zeros. */
export function bomb(kind: BombKind, sizeMib: number): Buffer {
  switch (kind) {
    case 'gzip':
      return gzipBomb(sizeMib);
    case 'deflate-default':
      return deflateBomb(sizeMib);
    case 'zstd':
      return zstdBomb(sizeMib);
    case 's2-default':
      return s2Bomb(sizeMib);
  }
}

/** One MiB of zeros that begins and ends on a byte and needs nothing before it, many times over. */
function deflateBomb(sizeMib: number): Buffer {
  const zeros = Buffer.alloc(MIB);
  const piece = deflateRawSync(zeros, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array<Buffer>(sizeMib).fill(piece), deflateRawSync(Buffer.alloc(0))]);
}

function gzipBomb(sizeMib: number): Buffer {
  const zeros = Buffer.alloc(MIB);
  let sum = 0;
  for (let n = 0; n < sizeMib; n += 1) sum = crc32(zeros, sum);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum);
  trailer.writeUInt32LE((sizeMib * MIB) % 2 ** 32, 4);
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  return Buffer.concat([header, deflateBomb(sizeMib), trailer]);
}

/** RLE blocks of 128 KiB in four bytes each (RFC 8878, 3.1.1.2), no content size declared. */
function zstdBomb(sizeMib: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70]);
  const blockBytes = 128 * 1024;
  const count = (sizeMib * MIB) / blockBytes;
  const blocks = Array.from({ length: count }, (_, n) => {
    const block = Buffer.alloc(4);
    block.writeUIntLE((blockBytes << 3) | (1 << 1) | (n === count - 1 ? 1 : 0), 0, 3);
    return block;
  });
  return Buffer.concat([header, ...blocks]);
}

const S2_MAGIC = Buffer.from([0xff, 6, 0, 0, ...Buffer.from('S2sTwO')]);
const S2_COMPRESSED = 0;
const S2_STORED = 1;
const S2_BLOCK_BYTES = 4 * MIB;

/**
 * Blocks of 4 MiB, the largest there are: one literal zero, a copy of it, and S2's own operation
 * that repeats the last copy's distance with a length of three bytes.
 */
function s2Bomb(sizeMib: number): Buffer {
  const blockBytes = Math.min(S2_BLOCK_BYTES, sizeMib * MIB);
  const repeat = blockBytes - 1 - 4;
  const length = Buffer.alloc(3);
  length.writeUIntLE(repeat - 0x1_0004, 0, 3);
  const block = Buffer.concat([
    uvarint(blockBytes),
    Buffer.from([0x00, 0x00]),
    Buffer.from([0x01, 0x01]),
    Buffer.from([(7 << 2) | 0x01, 0x00]),
    length,
  ]);
  const chunk = s2Chunk(S2_COMPRESSED, Buffer.alloc(blockBytes), block);
  return Buffer.concat([S2_MAGIC, ...Array<Buffer>((sizeMib * MIB) / blockBytes).fill(chunk)]);
}

function s2Stored(bytes: Uint8Array): Buffer {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += MIB) {
    const piece = bytes.subarray(start, start + MIB);
    chunks.push(s2Chunk(S2_STORED, piece, piece));
  }
  return Buffer.concat([S2_MAGIC, ...chunks]);
}

function s2Chunk(type: number, plain: Uint8Array, body: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(type);
  header.writeUIntLE(body.length + 4, 1, 3);
  header.writeUInt32LE(maskedCrc32c(plain), 4);
  return Buffer.concat([header, body]);
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  }
  return value;
});

/** Snappy's framing format, section 3. */
function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC32C[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Seven bits per byte, least significant first, as Go writes it. */
export function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
