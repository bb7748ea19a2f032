import { CopyObjectCommand, type S3Client, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { forEachLimited } from '../model/limited.ts';
import { compareChecksums } from './checksum.ts';
import { checkKey, shownKey } from './keys.ts';
import {
  decidePull,
  judgedBySource,
  type PullOptions,
  type PullSource,
  piecesOf,
  requiredProof,
  type ServerCopy,
} from './pull.ts';
import { hexOf, quoted, sourceMetadata, unquoted, vouchedChecksums } from './s3-objects.ts';
import {
  combinedCrc,
  completeUpload,
  endHopeless,
  inOrder,
  openUpload,
  PULL_PARTS_MAX,
  type PulledPart,
  type PullUpload,
  type S3PullTarget,
  sendingTo,
  uploadLabel,
  urlOf,
} from './s3-pull-upload.ts';
import type { ByteRange, Checksums, ObjectInfo, ObjectStore } from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';

const MEBIBYTE = 1024 * 1024;

/** S3 copies 5 GB by one request, and parts of 5 GiB; smaller ones are answered before anyone tires. */
export const S3_PULL_SIZES = { copyBytesMax: 5_000_000_000, partBytes: 512 * MEBIBYTE } as const;

export type S3PullSizes = { readonly [Name in keyof typeof S3_PULL_SIZES]: number };

/** Each keeps a connection waiting, not a buffer. */
const PARTS_AT_ONCE = { concurrency: 4, weightMax: 0 };

export interface S3PullOptions {
  /** Of the target; reads the source's bucket with the same credentials, see `sameS3Service`. */
  readonly client: S3Client;
  readonly bucket: string;
  /** The target as the store that reads it back, and removes what turned out to be wrong. */
  readonly store: Pick<ObjectStore, 'stat' | 'remove'>;
  readonly source: {
    readonly bucket: string;
    readonly reader: PullSource['reader'];
  };
  /** Tests have smaller ones. */
  readonly sizes?: S3PullSizes;
}

/**
 * Whether one service holds both buckets, so that it can copy between them: the same endpoint, or
 * regions of AWS itself. Copying also takes credentials of the target that may read the source.
 */
export async function sameS3Service(source: S3Client, target: S3Client): Promise<boolean> {
  const [one, other] = await Promise.all([endpointOf(source), endpointOf(target)]);
  return one === other;
}

async function endpointOf({ config }: S3Client): Promise<string> {
  const endpoint = await config.endpoint?.();
  if (endpoint !== undefined) {
    return `${endpoint.protocol}//${endpoint.hostname}:${endpoint.port ?? ''}${endpoint.path}`;
  }
  // AWS: its partitions (China, GovCloud) know nothing of each other.
  return /^(cn|us-gov|us-iso\w*|eu-isoe)-/.exec(await config.region())?.[1] ?? 'aws';
}

interface Job {
  readonly target: S3PullTarget;
  readonly info: ObjectInfo;
  readonly expected: Checksums;
  readonly options: PullOptions;
}

/** From S3 to S3 within one service: no byte passes through this process. */
export function s3ServerCopy(place: S3PullOptions): ServerCopy {
  const { client, bucket, source, sizes = S3_PULL_SIZES } = place;
  const limits = { crc64nvmeBytesMax: Number.MAX_SAFE_INTEGER, md5BytesMax: sizes.copyBytesMax };
  return {
    canPull: (info) => decidePull(info, limits),
    async pull(info, key, expected, options = {}) {
      options.signal?.throwIfAborted();
      checkKey(`s3://${bucket}`, key);
      const decision = decidePull({ ...info, checksums: expected }, limits);
      requiredProof(`${source.reader.url}/${shownKey(info.key)}`, decision);
      const job = { target: { client, bucket, key }, info, expected, options };
      try {
        return info.sizeBytes <= sizes.copyBytesMax
          ? await copyObject(place, job)
          : await copyParts(place, job, sizes.partBytes);
      } catch (error) {
        throw await judgedBySource(error, source.reader, info, options);
      }
    },
  };
}

function copySource({ source }: S3PullOptions, { info }: Job) {
  const path = info.key.split('/').map(encodeURIComponent).join('/');
  return { CopySource: `${source.bucket}/${path}`, CopySourceIfMatch: quoted(info.etag) };
}

/**
 * One request, in which S3 itself holds the bytes from the first to the last. Its answer is the proof
 * and comes with the object: should it ever be another one, the object is removed again.
 */
async function copyObject(place: S3PullOptions, job: Job): Promise<ObjectInfo> {
  const { target, info, expected, options } = job;
  const { condition } = options;
  const output = await sendingTo(target, options, (how) =>
    target.client.send(
      new CopyObjectCommand({
        ...{ Bucket: target.bucket, Key: target.key, ...copySource(place, job) },
        ...{ MetadataDirective: 'REPLACE', Metadata: sourceMetadata(options.source) },
        ...(expected.crc64nvme !== undefined && { ChecksumAlgorithm: 'CRC64NVME' }),
        ...(condition === 'absent' && { IfNoneMatch: '*' }),
        ...(typeof condition === 'object' && { IfMatch: quoted(condition.etag) }),
      }),
      how,
    ),
  );
  const { CopyObjectResult: result = {}, ServerSideEncryption } = output;
  const answered = vouchedChecksums({ ...result, ServerSideEncryption }) ?? {};
  const etag = unquoted(result.ETag ?? '');
  const { lastModified, checksums } = await proven(place, job, etag, {
    lastModified: result.LastModified,
    checksums: answered,
  });
  return {
    ...{ key: target.key, sizeBytes: info.sizeBytes, etag, lastModified, checksums },
    ...(options.source && { source: options.source }),
  };
}

interface Answered {
  readonly lastModified: Date | undefined;
  readonly checksums: Checksums;
}

/** Asks again only an endpoint that answers without what it should. */
async function proven(place: S3PullOptions, job: Job, etag: string, answered: Answered) {
  const { target, expected, options } = job;
  const url = urlOf(target);
  try {
    let { lastModified, checksums } = answered;
    if (compareChecksums(url, expected, checksums) === 0 || lastModified === undefined) {
      const stat = await place.store.stat(target.key, options);
      if (stat?.etag !== etag) {
        throw new StoreError(
          'changed',
          `Cannot pull to "${url}": somebody else wrote it meanwhile`,
        );
      }
      checksums = { ...checksums, ...stat.checksums };
      lastModified = stat.lastModified;
    }
    if (compareChecksums(url, expected, checksums) > 0) return { lastModified, checksums };
    throw new StoreError('unsupported', `Cannot pull to "${url}": nothing proves the copy`);
  } catch (error) {
    if (isStoreError(error, 'corrupt', 'unsupported')) {
      await place.store.remove(target.key, { ifMatch: etag });
    }
    throw error;
  }
}

async function copyParts(place: S3PullOptions, job: Job, partBytes: number): Promise<ObjectInfo> {
  const { target, info, expected, options } = job;
  const pieces = piecesOf(info.sizeBytes, partBytes, PULL_PARTS_MAX);
  const label = uploadLabel(place.source.reader.url, info, pieces, options);
  const upload = await openUpload(target, label, pieces, options);
  const parts = new Map(upload.parts);
  try {
    await forEachLimited(
      pieces.entries(),
      PARTS_AT_ONCE,
      () => 0,
      async ([index, piece]) => {
        if (!parts.has(index)) parts.set(index, await copyPart(place, job, upload, piece, index));
      },
    );
    const crc64nvme = combinedCrc(pieces, parts);
    compareChecksums(urlOf(target), { crc64nvme: expected.crc64nvme ?? '' }, { crc64nvme });
    const whole = { crc64nvme, sizeBytes: info.sizeBytes };
    return await completeUpload(target, upload, inOrder(pieces, parts), whole, options);
  } catch (error) {
    await endHopeless(target, upload, error);
    throw error;
  }
}

async function copyPart(
  place: S3PullOptions,
  job: Job,
  { uploadId }: PullUpload,
  { offsetBytes, lengthBytes }: ByteRange,
  index: number,
): Promise<PulledPart> {
  const { target, options } = job;
  const { CopyPartResult: result } = await sendingTo(target, options, (how) =>
    target.client.send(
      new UploadPartCopyCommand({
        ...{ Bucket: target.bucket, Key: target.key, UploadId: uploadId, PartNumber: index + 1 },
        ...copySource(place, job),
        CopySourceRange: `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`,
      }),
      how,
    ),
  );
  if (result?.ETag === undefined || result.ChecksumCRC64NVME === undefined) {
    const message = `Cannot pull to "${urlOf(target)}": the store tells no CRC64NVME of a part`;
    throw new StoreError('unsupported', message);
  }
  return { etag: unquoted(result.ETag), crc64nvme: hexOf(result.ChecksumCRC64NVME) };
}
