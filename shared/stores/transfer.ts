import { exactly } from './checksum.ts';
import {
  type ByteRange,
  type ObjectInfo,
  PART_SIZE_BYTES,
  type ReadOptions,
  type WriteOptions,
} from './store.ts';
import { StoreError } from './store-error.ts';

/** What the stores that speak HTTP have in common when bytes come and go. */

/** Size of the whole object, also where the answer holds a range of it (`Content-Range`). */
export function wholeSize(
  contentRange: string | undefined,
  contentLength: number | undefined,
): number | undefined {
  const total = /\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return total === undefined ? contentLength : Number(total);
}

/** How many bytes must arrive. Services shorten a range that reaches beyond the end; we refuse it. */
export function expectedSize(
  url: string,
  contentLength: number | undefined,
  info: ObjectInfo,
  { range }: ReadOptions,
): number {
  if (range === undefined) return info.sizeBytes;
  if (range.offsetBytes + range.lengthBytes > info.sizeBytes) throw rangeError(url, range);
  if (contentLength !== range.lengthBytes) {
    const message = `Cannot read a range of "${url}": the store answers with all of it`;
    throw new StoreError('unsupported', message);
  }
  return range.lengthBytes;
}

export function rangeError(url: string, range: ByteRange): StoreError {
  const wanted = `${range.lengthBytes} bytes at ${range.offsetBytes}`;
  return new StoreError('range', `Cannot read ${wanted} of "${url}": it is not that long`);
}

/**
 * The bytes as they arrive; a connection that ends early is a failure, never the end.
 * @param translate the vendor's one translation of errors.
 */
export async function* received(
  url: string,
  body: AsyncIterable<Uint8Array> | undefined,
  sizeBytes: number,
  signal: AbortSignal | undefined,
  translate: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  try {
    for await (const chunk of body ?? []) {
      signal?.throwIfAborted();
      seenBytes += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    throw translate(error);
  }
  if (seenBytes === sizeBytes) return;
  const message = `Cannot read "${url}": ${seenBytes} of ${sizeBytes} bytes arrived`;
  throw new StoreError('unreachable', message);
}

/** The body as it must be: of the announced length, and not read on once the call is cancelled. */
export async function* checkedBody(
  url: string,
  body: AsyncIterable<Uint8Array>,
  { sizeBytes, signal }: WriteOptions,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  for await (const chunk of exactly(url, body, sizeBytes)) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

const MEBIBYTE = 1024 * 1024;

/** 8 MiB, or as much more, in whole MiB, as the vendor's limit on the number of parts demands. */
export function partSize(sizeBytes: number, partsMax: number): number {
  return Math.max(PART_SIZE_BYTES, Math.ceil(sizeBytes / partsMax / MEBIBYTE) * MEBIBYTE);
}

/** What a refused condition says about the object. */
export function refusalOf(condition: WriteOptions['condition']): 'exists' | 'changed' | undefined {
  if (condition === undefined) return undefined;
  return condition === 'absent' ? 'exists' : 'changed';
}

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$)/;

/** Whether Node's error code speaks of the TLS handshake: certificate, name or protocol. */
export function isTlsCode(code: string): boolean {
  return TLS_CODES.test(code);
}
