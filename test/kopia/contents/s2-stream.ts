/** S2 streams written element by element, also such as no writer would make. */
import { crc32c } from '../../../shared/kopia/contents/crc32c.ts';

export const S2_IDENTIFIER = chunk(0xff, Buffer.from('S2sTwO'));
export const SNAPPY_IDENTIFIER = chunk(0xff, Buffer.from('sNaPpY'));

export function chunk(type: number, body: Uint8Array, length = body.length): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt8(type);
  header.writeUIntLE(length, 1, 3);
  return Buffer.concat([header, body]);
}

/** A chunk of plain bytes, with the checksum of `checked`. */
export function stored(bytes: Uint8Array, checked = bytes): Buffer {
  return chunk(1, Buffer.concat([checksum(checked), bytes]));
}

/** A compressed chunk. `sizeBytes` is what it claims to give. */
export function compressed(
  elements: readonly Uint8Array[],
  plain: Uint8Array,
  sizeBytes = plain.length,
) {
  return chunk(0, Buffer.concat([checksum(plain), uvarint(sizeBytes), ...elements]));
}

export function literal(bytes: Uint8Array): Buffer {
  const n = bytes.length - 1;
  if (n < 60) return Buffer.concat([Buffer.from([n << 2]), bytes]);
  const extraBytes = n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : n < 1 << 24 ? 3 : 4;
  const extra = Buffer.alloc(extraBytes);
  extra.writeUIntLE(n, 0, extraBytes);
  return Buffer.concat([Buffer.from([(59 + extraBytes) << 2]), extra, bytes]);
}

/** The short form: offsets below 2048, lengths 4 to 11. */
export function copy1(offset: number, length: number): Buffer {
  return Buffer.from([((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 0xff]);
}

export function copy2(offset: number, length: number): Buffer {
  return Buffer.from([((length - 1) << 2) | 2, offset & 0xff, offset >> 8]);
}

export function copy4(offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(((length - 1) << 2) | 3);
  bytes.writeUInt32LE(offset, 1);
  return bytes;
}

/** S2's addition: once more from the last offset. */
export function repeat(length: number): Buffer {
  if (length <= 8) return Buffer.from([((length - 4) << 2) | 1, 0]);
  const extraBytes = length < 8 + (1 << 8) ? 1 : length < 4 + (1 << 8) + (1 << 16) ? 2 : 3;
  const base = [8, 4 + (1 << 8), 4 + (1 << 16)][extraBytes - 1] ?? 0;
  const extra = Buffer.alloc(extraBytes);
  extra.writeUIntLE(length - base, 0, extraBytes);
  return Buffer.concat([Buffer.from([((4 + extraBytes) << 2) | 1, 0]), extra]);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

function checksum(plain: Uint8Array): Buffer {
  const crc = crc32c(plain);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return bytes;
}
