/** Tarballs block by block, right or wrong on purpose. */
import { gzipSync } from 'node:zlib';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { memoryStore } from '../../../shared/stores/memory.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { fakeClock } from '../../support/clock.ts';

export const END = Buffer.alloc(1024);

export function header(name: string, sizeBytes: number, type = '0'): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write('0000755\0', 100);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

export function entry(name: string, content: string | Uint8Array = '{}', type = '0'): Buffer {
  const bytes = Buffer.from(content);
  const padding = Buffer.alloc(-bytes.length & 511);
  return Buffer.concat([header(name, bytes.length, type), bytes, padding]);
}

/** A record of a PAX header, with its own length in front. */
export function pax(key: string, value: string): string {
  const tail = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(tail) + 1;
  while (Buffer.byteLength(`${length}${tail}`) !== length) length += 1;
  return `${length}${tail}`;
}

/** A root with one backup `b` that has these files. */
export async function rootWith(files: Readonly<Record<string, Uint8Array>>): Promise<ObjectReader> {
  const store = memoryStore('root', fakeClock());
  for (const [file, bytes] of Object.entries(files)) {
    await store.write(`backups/b/${file}`, bytesBody(bytes), { sizeBytes: bytes.length });
  }
  return store;
}

export function rootWithTar(...parts: readonly Uint8Array[]): Promise<ObjectReader> {
  return rootWith({ 'b.tar.gz': gzipSync(Buffer.concat(parts)) });
}
