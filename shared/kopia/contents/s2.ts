import { crc32c } from './crc32c.ts';

/**
 * Decoder of S2 streams: Snappy's framing, with blocks of up to 4 MiB and copies that repeat the
 * last offset. Written from the format's description and from what the released reader accepts.
 * Source: klauspost/compress v1.19, s2; google/snappy, framing_format.txt.
 */
const BLOCK_SIZE_MAX = 4 << 20;
const SNAPPY_BLOCK_SIZE_MAX = 1 << 16;
/** Longest compressed form of a block that a writer makes, and of its checksum. */
const CHUNK_SIZE_MAX = BLOCK_SIZE_MAX + (BLOCK_SIZE_MAX >> 3) + 64;

const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const SKIPPABLE_FROM = 0x80;
const STREAM_IDENTIFIER = 0xff;

/** The stream is broken, or (`isTooLong`) would give more bytes than asked for. */
export class S2Error extends Error {
  readonly isTooLong: boolean;

  constructor(message: string, isTooLong = false) {
    super(message);
    this.name = 'S2Error';
    this.isTooLong = isTooLong;
  }
}

/**
 * All bytes of a stream. Concatenated streams are one, as for the released reader.
 * @param sizeBytesMax more is not produced; at most one block is allocated ahead of the checks.
 * @throws S2Error
 */
export function decodeS2(stream: Uint8Array, sizeBytesMax: number): Buffer {
  const blocks: Uint8Array[] = [];
  let sizeBytes = 0;
  let isSnappy = false;
  let at = 0;
  while (at < stream.length) {
    if (at + 4 > stream.length) throw new S2Error('it ends within a chunk header');
    const type = byteAt(stream, at);
    const length =
      byteAt(stream, at + 1) | (byteAt(stream, at + 2) << 8) | (byteAt(stream, at + 3) << 16);
    if (at === 0 && type !== STREAM_IDENTIFIER) throw new S2Error('it has no stream identifier');
    const chunk = stream.subarray(at + 4, at + 4 + length);
    if (chunk.length < length) throw new S2Error('it ends within a chunk');
    at += 4 + length;
    if (type === STREAM_IDENTIFIER) {
      isSnappy = isSnappyIdentifier(chunk);
    } else if (type === COMPRESSED || type === UNCOMPRESSED) {
      const blockMax = isSnappy ? SNAPPY_BLOCK_SIZE_MAX : BLOCK_SIZE_MAX;
      const block = decodeChunk(chunk, type, blockMax, sizeBytesMax - sizeBytes);
      sizeBytes += block.length;
      if (block.length > 0) blocks.push(block);
    } else if (type < SKIPPABLE_FROM) {
      throw new S2Error(`it has a chunk of the reserved type ${type}`);
    }
    // Above: padding, the index of seekable streams, and what later writers may add to be skipped.
  }
  return Buffer.concat(blocks, sizeBytes);
}

function isSnappyIdentifier(chunk: Uint8Array): boolean {
  const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
  if (text !== 'S2sTwO' && text !== 'sNaPpY') throw new S2Error('its stream identifier is another');
  return text === 'sNaPpY';
}

/** One data chunk: the masked CRC-32C of the plain bytes, then a block or the bytes themselves. */
function decodeChunk(
  chunk: Uint8Array,
  type: number,
  blockMax: number,
  leftBytes: number,
): Uint8Array {
  if (chunk.length < 4 || chunk.length > CHUNK_SIZE_MAX)
    throw new S2Error('a chunk has no legal length');
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const checksum = view.getUint32(0, true);
  const body = chunk.subarray(4);
  const { sizeBytes, headerBytes } =
    type === COMPRESSED ? blockSize(body) : { sizeBytes: body.length, headerBytes: 0 };
  if (sizeBytes > blockMax) throw new S2Error(`a block claims ${sizeBytes} bytes`);
  if (sizeBytes > leftBytes) throw new S2Error('it holds more bytes than expected', true);
  let block = body;
  if (type === COMPRESSED) {
    block = new Uint8Array(sizeBytes);
    decodeBlock(body.subarray(headerBytes), block);
  }
  if (masked(crc32c(block)) !== checksum)
    throw new S2Error('the checksum of a block does not match');
  return block;
}

/** Snappy rotates and shifts the CRC, so that data that holds its own CRC is no special case. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function blockSize(block: Uint8Array): { sizeBytes: number; headerBytes: number } {
  let sizeBytes = 0;
  for (let at = 0; at < 5; at++) {
    const byte = byteAt(block, at);
    sizeBytes += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { sizeBytes, headerBytes: at + 1 };
  }
  throw new S2Error('a block has no legal length');
}

/**
 * One block into `out`, which it must fill exactly. The low two bits of each element's first byte
 * say what it is; an offset of 0 in the shortest copy means "the last one again" (S2's addition).
 */
function decodeBlock(block: Uint8Array, out: Uint8Array): void {
  const end = block.length;
  let from = 0;
  let to = 0;
  let offset = 0;
  while (from < end) {
    const tag = byteAt(block, from);
    const kind = tag & 3;
    let length = tag >> 2;
    if (kind === 0) {
      const extraBytes = length < 60 ? 0 : length - 59;
      if (extraBytes > 0) length = littleEndian(block, from + 1, extraBytes);
      length += 1;
      from += 1 + extraBytes;
      if (length > end - from || length > out.length - to)
        throw new S2Error('a literal is too long');
      if (length < 24) for (let i = 0; i < length; i++) out[to + i] = byteAt(block, from + i);
      else out.set(block.subarray(from, from + length), to);
      from += length;
      to += length;
      continue;
    }
    if (kind === 1) {
      const near = ((tag & 0xe0) << 3) | byteAt(block, from + 1);
      from += 2;
      length &= 7;
      if (near !== 0) {
        offset = near;
      } else if (length >= 5) {
        const extraBytes = length - 4;
        // Three longer forms, each beginning where the one before ends.
        const base = length === 5 ? 4 : length === 6 ? 1 << 8 : 1 << 16;
        length = littleEndian(block, from, extraBytes) + base;
        from += extraBytes;
      }
      length += 4;
    } else {
      const offsetBytes = kind === 2 ? 2 : 4;
      offset = littleEndian(block, from + 1, offsetBytes);
      from += 1 + offsetBytes;
      length += 1;
    }
    if (offset === 0 || offset > to) throw new S2Error('a copy points before the beginning');
    if (length > out.length - to) throw new S2Error('a copy is too long');
    copyWithin(out, to, offset, length);
    to += length;
  }
  if (from !== end || to !== out.length) throw new S2Error('a block is shorter than it claims');
}

/** Copies forwards from `offset` bytes ago; where both overlap the bytes repeat. */
function copyWithin(out: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length && length >= 32) {
    out.copyWithin(to, to - offset, to - offset + length);
  } else if (length > 64 && offset === 1) {
    out.fill(byteAt(out, to - 1), to, to + length);
  } else {
    for (let i = 0; i < length; i++) out[to + i] = byteAt(out, to - offset + i);
  }
}

/** Unsigned; throws at the end of the block. */
function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = (value << 8) | byteAt(bytes, at + i);
  return value >>> 0;
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new S2Error('a block ends within an element');
  return byte;
}
