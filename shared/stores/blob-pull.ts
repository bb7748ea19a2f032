import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { forEachLimited } from '../model/limited.ts';
import { objectInfo, quoted, sourceMetadata } from './blob-objects.ts';
import {
  blockName,
  endName,
  noteName,
  type PullState,
  pullIdentity,
  pullState,
} from './blob-pull-blocks.ts';
import { translatePullError } from './blob-pull-errors.ts';
import { BLOCKS_MAX } from './blob-upload.ts';
import { compareChecksums } from './checksum.ts';
import { checkKey, shownKey } from './keys.ts';
import {
  decidePull,
  judgedBySource,
  type PullDecision,
  type PullOptions,
  type PullSource,
  piecesOf,
  requiredProof,
  type ServerCopy,
} from './pull.ts';
import { combineCrc64, reversedBytes } from './pull-crc64.ts';
import type { ByteRange, Checksums, ObjectInfo } from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';
import { refusalOf } from './transfer.ts';

const MEBIBYTE = 1024 * 1024;

/**
 * The service takes blocks of 4,000 MiB, and answers when it has all of one: the client takes a minute
 * of silence for a broken connection, so that blocks end far before. One MD5 is of one block alone.
 */
export const BLOB_PULL_SIZES = {
  blockBytes: 100 * MEBIBYTE,
  md5BytesMax: 1024 * MEBIBYTE,
  /** Of "Copy Blob From URL", which needs one request where blocks need two. */
  copyBytesMax: 256 * MEBIBYTE,
} as const;

export type BlobPullSizes = { readonly [Name in keyof typeof BLOB_PULL_SIZES]: number };

/** Each keeps a connection waiting, not a buffer. */
const BLOCKS_AT_ONCE = { concurrency: 4, weightMax: 0 };

export interface BlobPullOptions {
  /** Of the target, built with `blobClientSettings`. */
  readonly container: ContainerClient;
  /** For messages, as `blobStore` has them. */
  readonly account?: string;
  readonly containerName?: string;
  readonly source: PullSource;
  /** Tests have smaller ones. */
  readonly sizes?: BlobPullSizes;
}

interface Target {
  readonly client: BlockBlobClient;
  readonly url: string;
  readonly key: string;
}

interface Job {
  readonly target: Target;
  readonly info: ObjectInfo;
  readonly expected: Checksums;
  readonly options: PullOptions;
}

/** From S3 or Blob storage to Blob storage: no byte passes through this process. */
export function blobServerCopy({
  container,
  account = container.accountName,
  containerName = container.containerName,
  source,
  sizes = BLOB_PULL_SIZES,
}: BlobPullOptions): ServerCopy {
  const limits = { crc64nvmeBytesMax: Number.MAX_SAFE_INTEGER, md5BytesMax: sizes.md5BytesMax };

  async function pull(job: Job, proof: 'crc64nvme' | 'md5'): Promise<ObjectInfo> {
    const { info } = job;
    if (proof === 'crc64nvme' && info.sizeBytes > sizes.blockBytes) {
      return pullBlocks(source, job, sizes.blockBytes);
    }
    const copies = source.vendor === 'blob' && info.sizeBytes <= sizes.copyBytesMax;
    return copies && proof === 'md5' ? copyBlob(source, job) : pullBlock(source, job, proof);
  }

  return {
    canPull: (info) => decidePull(info, limits),
    async pull(info, key, expected, options = {}) {
      options.signal?.throwIfAborted();
      const decision: PullDecision = decidePull({ ...info, checksums: expected }, limits);
      const proof = requiredProof(`${source.reader.url}/${shownKey(info.key)}`, decision);
      const target = targetOf(container, `azblob://${account}/${containerName}`, key);
      try {
        return await pull({ target, info, expected, options }, proof);
      } catch (error) {
        throw await judgedBySource(error, source.reader, info, options);
      }
    },
  };
}

/** Throws `invalid` for what would get another name, as `blobStore` does. */
function targetOf(container: ContainerClient, root: string, key: string): Target {
  checkKey(root, key);
  const url = `${root}/${shownKey(key)}`;
  const lost = !key.isWellFormed() || key.split('/').some((part) => /^\.\.?$/.test(part));
  if (lost || key.includes('\\')) {
    throw new StoreError('invalid', `Cannot use "${url}": Blob storage would give it another name`);
  }
  return { client: container.getBlockBlobClient(key), url, key };
}

/** Two requests: a block whose bytes the service itself compares, and the list that shows it. */
async function pullBlock(
  source: PullSource,
  job: Job,
  proof: 'crc64nvme' | 'md5',
): Promise<ObjectInfo> {
  const { info, expected, target } = job;
  const name = blockName(pullIdentity(source.reader.url, info, 0), 0, 0);
  const address = await source.address(info.key, job.options);
  const answer = await sending(job, (abort) =>
    target.client.stageBlockFromURL(name, address, 0, info.sizeBytes, {
      ...abort,
      ...(proof === 'crc64nvme'
        ? { sourceContentCrc64: reversedBytes(expected.crc64nvme ?? '') }
        : { sourceContentMD5: bytesOf(expected.md5) }),
    }),
  );
  compareChecksums(target.url, expected, {
    ...(answer.xMsContentCrc64 && { crc64nvme: crcOf(answer.xMsContentCrc64) }),
    ...(answer.contentMD5 && { md5: hexOf(answer.contentMD5) }),
  });
  return commit(job, [name]);
}

async function copyBlob(source: PullSource, job: Job): Promise<ObjectInfo> {
  const { info, expected, options, target } = job;
  const address = await source.address(info.key, options);
  const metadata = sourceMetadata(options.source);
  const md5 = bytesOf(expected.md5);
  const answer = await sending(job, (abort) =>
    target.client.syncCopyFromURL(address, {
      ...abort,
      metadata,
      conditions: conditions(options),
      sourceConditions: { ifMatch: quoted(info.etag) },
      sourceContentMD5: md5,
    }),
  );
  return objectInfo(target.url, target.key, { ...answer, metadata, md5 }, info.sizeBytes);
}

async function pullBlocks(source: PullSource, job: Job, blockBytes: number): Promise<ObjectInfo> {
  const { info, expected, options, target } = job;
  const pieces = piecesOf(info.sizeBytes, blockBytes, BLOCKS_MAX);
  const identity = pullIdentity(source.reader.url, info, pieces[0]?.lengthBytes ?? 0);
  const state = pullState(identity, await stagedBlocks(job), pieces);
  const crcs = new Map(state.staged);
  await forEachLimited(
    pieces.entries(),
    BLOCKS_AT_ONCE,
    () => 0,
    async ([index, piece]) => {
      if (crcs.has(index)) return;
      crcs.set(index, await stagePiece(source, job, { identity, state, piece, index }));
    },
  );
  const crc64nvme = combineCrc64(
    pieces.map(({ lengthBytes }, at) => ({ crc64nvme: crcs.get(at) ?? '0', lengthBytes })),
  );
  try {
    compareChecksums(target.url, { crc64nvme: expected.crc64nvme ?? '' }, { crc64nvme });
  } catch (error) {
    await stageByte(job, endName(identity, state.endedTries));
    throw error;
  }
  options.signal?.throwIfAborted();
  return commit(
    job,
    pieces.map((_, at) => blockName(identity, state.endedTries, at)),
  );
}

interface PieceJob {
  readonly identity: Buffer;
  readonly state: PullState;
  readonly piece: ByteRange;
  readonly index: number;
}

/** @returns the CRC64NVME of the block, as the service computed it. */
async function stagePiece(
  source: PullSource,
  job: Job,
  { identity, state, piece, index }: PieceJob,
): Promise<string> {
  const { target, info, options } = job;
  const name = blockName(identity, state.endedTries, index);
  const address = await source.address(info.key, options);
  const { xMsContentCrc64 } = await sending(job, (abort) =>
    target.client.stageBlockFromURL(name, address, piece.offsetBytes, piece.lengthBytes, abort),
  );
  if (xMsContentCrc64 === undefined) {
    const message = `Cannot pull to "${target.url}": the store tells no CRC64 of what it read`;
    throw new StoreError('unsupported', message);
  }
  const crc64nvme = crcOf(xMsContentCrc64);
  await stageByte(job, noteName(identity, state.endedTries, index, crc64nvme));
  return crc64nvme;
}

async function stageByte(job: Job, name: string): Promise<void> {
  await sending(job, (abort) => job.target.client.stageBlock(name, Buffer.alloc(1), 1, abort));
}

async function stagedBlocks(job: Job) {
  try {
    const list = await sending(job, (abort) =>
      job.target.client.getBlockList('uncommitted', abort),
    );
    return list.uncommittedBlocks ?? [];
  } catch (error) {
    // Of a blob that nobody has begun there is no list; "changed" is its name under a condition.
    if (isStoreError(error, 'not_found', 'changed')) return [];
    throw error;
  }
}

async function commit(job: Job, names: string[]): Promise<ObjectInfo> {
  const { target, info, expected, options } = job;
  const metadata = sourceMetadata(options.source);
  const md5 = expected.md5 === undefined ? undefined : bytesOf(expected.md5);
  const { etag, lastModified } = await sending(job, (abort) =>
    target.client.commitBlockList(names, {
      ...abort,
      metadata,
      conditions: conditions(options),
      // What the source's store vouches for beside the proof; `stat` vouches for it from here on.
      ...(md5 && { blobHTTPHeaders: { blobContentMD5: md5 } }),
    }),
  );
  return objectInfo(target.url, target.key, { etag, lastModified, metadata, md5 }, info.sizeBytes);
}

async function sending<T>(
  { target, options }: Job,
  send: (abort: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { signal, condition } = options;
  try {
    signal?.throwIfAborted();
    return await send(signal ? { abortSignal: signal } : {});
  } catch (error) {
    const whenRefused = refusalOf(condition);
    throw translatePullError(error, { verb: 'pull to', url: target.url, signal, whenRefused });
  }
}

function conditions({ condition }: PullOptions): { ifNoneMatch?: string; ifMatch?: string } {
  if (condition === undefined) return {};
  return condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: quoted(condition.etag) };
}

function crcOf(azure: Uint8Array): string {
  return hexOf(reversedBytes(hexOf(azure)));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bytesOf(hex = ''): Uint8Array {
  return Buffer.from(hex, 'hex');
}
