/** Bytes that look random and depend on nothing but a seed, as fast as AES runs. */
import { createCipheriv, createHash } from 'node:crypto';

export type RandomBytes = (sizeBytes: number) => Buffer<ArrayBuffer>;

/** A stream of bytes: the same seed gives the same bytes, call by call. */
export function randomFrom(seed: string): RandomBytes {
  const key = createHash('sha256').update(seed).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (sizeBytes) => Buffer.from(stream.update(Buffer.alloc(sizeBytes)));
}
