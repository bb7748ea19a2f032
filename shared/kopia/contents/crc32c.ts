/**
 * CRC-32C (Castagnoli), which S2 frames carry; node:zlib knows the IEEE polynomial alone. Eight
 * tables, eight bytes a step ("slicing by eight"): about eight times faster than byte by byte.
 */
const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (tables[before & 0xff] ?? 0) ^ (before >>> 8);
  }
  return tables;
}

/** CRC-32C of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  const t = TABLES;
  const words = bytes.length - (bytes.length % 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let at = 0;
  for (; at < words; at += 8) {
    const low = view.getUint32(at, true) ^ crc;
    const high = view.getUint32(at + 4, true);
    crc =
      at8(t, 7, low) ^
      at8(t, 6, low >>> 8) ^
      at8(t, 5, low >>> 16) ^
      at8(t, 4, low >>> 24) ^
      at8(t, 3, high) ^
      at8(t, 2, high >>> 8) ^
      at8(t, 1, high >>> 16) ^
      at8(t, 0, high >>> 24);
  }
  for (; at < bytes.length; at++) crc = at8(t, 0, crc ^ (bytes[at] ?? 0)) ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

function at8(tables: Uint32Array, table: number, value: number): number {
  return tables[(table << 8) | (value & 0xff)] ?? 0;
}
