import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BlockBlobClient } from '@azure/storage-blob';
import { translateBlobError } from './blob-errors.ts';
import { objectInfo, quoted, sourceMetadata } from './blob-objects.ts';
import { checksumNames, collect, compareChecksums, createHasher, inParts } from './checksum.ts';
import {
  type Checksums,
  type ObjectInfo,
  PART_SIZE_BYTES,
  type ReplayableBody,
  type WriteOptions,
} from './store.ts';
import { checkedBody, partSize, refusalOf } from './transfer.ts';

export interface BlobTarget {
  readonly client: BlockBlobClient;
  readonly key: string;
  /** Of the object, for messages. */
  readonly url: string;
}

/** Blob storage takes no more blocks in one blob. */
export const BLOCKS_MAX = 50_000;

/** A stream that breaks is begun again: this is what it costs at most. Kopia's packs are smaller. */
const STREAM_SIZE_BYTES_MAX = 64 * 1024 * 1024;

/** What both ways of writing are answered by. */
interface Answer {
  readonly etag?: string;
  readonly lastModified?: Date;
}

/**
 * Writes an object by one request, or above 8 MiB by blocks that one request makes visible; up to
 * 64 MiB again by one, as a stream, where its MD5 is known beforehand.
 */
export async function writeBlob(
  target: BlobTarget,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { answer, md5 } = await wayFor(options)(target, body, options);
  const { etag, lastModified } = answer;
  const metadata = sourceMetadata(options.source);
  return objectInfo(
    target.url,
    target.key,
    { etag, lastModified, metadata, md5 },
    options.sizeBytes,
  );
}

function wayFor({ sizeBytes, expect, condition }: WriteOptions): typeof putBlob {
  if (sizeBytes <= PART_SIZE_BYTES) return putBlob;
  // The service compares with MD5 alone; any further expectation has to be computed here. And who
  // may be refused is not sent a stream that nobody reads to its end.
  const isMd5Alone = Object.keys(expect ?? {}).join() === 'md5';
  const streams = isMd5Alone && condition === undefined;
  return streams && sizeBytes <= STREAM_SIZE_BYTES_MAX ? putStream : putBlocks;
}

interface Written {
  readonly answer: Answer;
  readonly md5: Uint8Array;
}

async function putBlob(
  target: BlobTarget,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Written> {
  const { expect = {}, signal: abortSignal } = options;
  const bytes = await collect(checkedBody(target.url, body(), options));
  const computed = await digest(bytes, checksumNames(['md5'], expect));
  compareChecksums(target.url, expect, computed);
  const md5 = bytesOf(computed.md5);
  const answer = await sending(target, options, () =>
    target.client.upload(bytes, bytes.byteLength, {
      ...(abortSignal && { abortSignal }),
      // The service refuses bytes that were altered on the way, and keeps the MD5.
      transactionalContentMD5: md5,
      metadata: sourceMetadata(options.source),
      conditions: conditions(options),
    }),
  );
  return { answer, md5 };
}

/**
 * Sends the bytes on as they come. The service compares them with the MD5 that the source vouched
 * for before they become visible, so that none has to be computed here.
 */
async function putStream(
  target: BlobTarget,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Written> {
  const { sizeBytes, signal, expect } = options;
  const md5 = bytesOf(expect?.md5);
  const stop = new AbortController();
  const abortSignal = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);
  const pieces = withLastHeld(checkedBody(target.url, body(), options));
  const bytes = Readable.from(pieces, { objectMode: false });
  // The SDK does not notice when the stream breaks that it is given.
  bytes.once('error', (error) => stop.abort(error));
  try {
    const answer = await sending(target, options, () =>
      target.client.upload(() => bytes, sizeBytes, {
        abortSignal,
        transactionalContentMD5: md5,
        metadata: sourceMetadata(options.source),
      }),
    );
    return { answer, md5 };
  } catch (error) {
    throw bytes.errored ?? error;
  } finally {
    // An answer that came early leaves a connection in the middle of a request.
    if (!bytes.readableEnded) stop.abort();
    bytes.destroy();
  }
}

/**
 * Blocks are invisible until their list is committed, which is where the condition holds. What a
 * failed upload has staged cannot be withdrawn: the next commit of that name discards it, or else
 * the service does after a week.
 */
async function putBlocks(
  target: BlobTarget,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Written> {
  const { expect = {}, sizeBytes, signal: abortSignal } = options;
  const upload = randomUUID();
  const blockIds: string[] = [];
  const whole = await createHasher(checksumNames(['md5'], expect));
  try {
    const blocks = inParts(
      checkedBody(target.url, body(), options),
      partSize(sizeBytes, BLOCKS_MAX),
    );
    for await (const block of blocks) {
      whole.update(block);
      const blockId = blockIdOf(upload, blockIds.length);
      blockIds.push(blockId);
      await stageBlock(target, blockId, block, options);
    }
    const computed = whole.digest();
    compareChecksums(target.url, expect, computed);
    const md5 = bytesOf(computed.md5);
    const answer = await sending(target, options, () =>
      target.client.commitBlockList(blockIds, {
        ...(abortSignal && { abortSignal }),
        blobHTTPHeaders: { blobContentMD5: md5 },
        metadata: sourceMetadata(options.source),
        conditions: conditions(options),
      }),
    );
    return { answer, md5 };
  } finally {
    whole.release();
  }
}

async function stageBlock(
  target: BlobTarget,
  blockId: string,
  block: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const { md5 } = await digest(block, new Set(['md5'] as const));
  const { signal: abortSignal } = options;
  await sending(target, options, () =>
    target.client.stageBlock(blockId, block, block.byteLength, {
      ...(abortSignal && { abortSignal }),
      transactionalContentMD5: bytesOf(md5),
    }),
  );
}

/**
 * Base64 of 48 characters, as AzCopy and the SDK have it: all ids of one blob, those that another
 * writer has staged included, must be of one length.
 */
function blockIdOf(upload: string, index: number): string {
  return Buffer.from(`${upload}${index.toString().padStart(12, '0')}`).toString('base64');
}

/** Gives the last piece away only when nothing came behind it that is wrong. */
async function* withLastHeld(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of body) {
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (held !== undefined) yield held;
}

async function sending<T>(
  target: BlobTarget,
  { signal, condition }: WriteOptions,
  send: () => Promise<T>,
): Promise<T> {
  const whenRefused = refusalOf(condition);
  try {
    signal?.throwIfAborted();
    return await send();
  } catch (error) {
    throw translateBlobError(error, { verb: 'write', url: target.url, signal, whenRefused });
  }
}

function conditions({ condition }: WriteOptions): { ifNoneMatch?: string; ifMatch?: string } {
  if (condition === undefined) return {};
  return condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: quoted(condition.etag) };
}

async function digest(
  bytes: Uint8Array,
  names: ReturnType<typeof checksumNames>,
): Promise<Checksums> {
  const hasher = await createHasher(names);
  hasher.update(bytes);
  return hasher.digest();
}

function bytesOf(hex = ''): Uint8Array {
  return Buffer.from(hex, 'hex');
}
