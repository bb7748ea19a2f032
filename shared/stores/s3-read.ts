import type { GetObjectCommand, GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { type S3Attempt, translateS3Error } from './s3-errors.ts';
import type { ObjectInfo, ReadOptions } from './store.ts';
import { StoreError } from './store-error.ts';

/** Of the whole object, also where the answer holds a range of it. */
export function wholeSize(output: GetObjectCommandOutput): number | undefined {
  const total = /\/(\d+)$/.exec(output.ContentRange ?? '')?.[1];
  return total === undefined ? output.ContentLength : Number(total);
}

/** How many bytes must arrive. S3 shortens a range that reaches beyond the end; we refuse it. */
export function expectedSize(
  url: string,
  output: GetObjectCommandOutput,
  info: ObjectInfo,
  options: ReadOptions,
): number {
  const { range } = options;
  if (range === undefined) return info.sizeBytes;
  if (range.offsetBytes + range.lengthBytes > info.sizeBytes) throw rangeError(url, options);
  if (output.ContentLength !== range.lengthBytes) {
    const message = `Cannot read a range of "${url}": the store answers with all of it`;
    throw new StoreError('unsupported', message);
  }
  return range.lengthBytes;
}

export function rangeError(url: string, { range }: ReadOptions): StoreError {
  const wanted = `${range?.lengthBytes} bytes at ${range?.offsetBytes}`;
  return new StoreError('range', `Cannot read ${wanted} of "${url}": it is not that long`);
}

/** The bytes as they arrive; a connection that ends early is a failure, never the end. */
export async function* received(
  body: AsyncIterable<Uint8Array> | undefined,
  sizeBytes: number,
  attempt: S3Attempt,
): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  try {
    for await (const chunk of body ?? []) {
      attempt.signal?.throwIfAborted();
      seenBytes += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    throw translateS3Error(error, attempt);
  }
  if (seenBytes === sizeBytes) return;
  const message = `Cannot read "${attempt.url}": ${seenBytes} of ${sizeBytes} bytes arrived`;
  throw new StoreError('unreachable', message);
}

/**
 * Makes the answer tell the object's checksums. The SDK's own setting would also compute them over
 * every byte received; whoever copies the bytes does that anyway, and only for the one it needs.
 */
export function askForChecksums(command: GetObjectCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string> };
      request.headers['x-amz-checksum-mode'] = 'ENABLED';
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
}
