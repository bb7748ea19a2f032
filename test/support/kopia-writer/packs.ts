/** Pack blobs (reference 4.1) and the names of what is written together. */
import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { uvarint } from './compression.ts';
import type { Seals } from './keys.ts';
import type { RandomBytes } from './random.ts';

const ALIGNMENT_BYTES = 4096;
const PREAMBLE_BYTES = 32;
const SESSION_UNIT_SECONDS = 30 * 24 * 3600;
const YEAR_2000_SECONDS = Date.UTC(2000, 0, 1) / 1000;

/** `s`, 16 random hex digits, and the number of 30-day units since 2000. */
export function sessionId(random: RandomBytes, timeSeconds: number): string {
  const units = Math.floor((timeSeconds - YEAR_2000_SECONDS) / SESSION_UNIT_SECONDS);
  return `s${random(8).toString('hex')}${units.toString(16)}`;
}

/** The format blob at the front of every pack of a repository whose password cannot be changed. */
export function formatReplica(formatBlob: Uint8Array): Buffer {
  const mac = createHmac('sha256', 'kopia-repository').update(formatBlob).digest();
  const size = Buffer.alloc(2);
  size.writeUInt16LE(formatBlob.length + mac.length);
  return Buffer.concat([size, formatBlob, mac, size]);
}

/** What a pack begins with, before its first content. */
export function packStart(replica: Uint8Array | undefined, random: RandomBytes): Buffer {
  return Buffer.concat([replica ?? Buffer.alloc(0), random(PREAMBLE_BYTES)]);
}

/** Padding, local index and postamble for a pack of `sizeBytes` so far. */
export function packEnd(
  sizeBytes: number,
  localIndex: Uint8Array,
  seals: Seals,
  random: RandomBytes,
): Buffer {
  const padding = random(ALIGNMENT_BYTES - (sizeBytes % ALIGNMENT_BYTES));
  const plain = Buffer.concat([localIndex, random(32)]);
  const iv = seals.digest(plain);
  const sealed = seals.seal(plain, iv);
  const place = [uvarint(sizeBytes + padding.length), uvarint(sealed.length)];
  const body = Buffer.concat([uvarint(1), uvarint(iv.length), iv, ...place]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  const count = Buffer.from([body.length + sum.length]);
  return Buffer.concat([padding, sealed, body, sum, count]);
}
