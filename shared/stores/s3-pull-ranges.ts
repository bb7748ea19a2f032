import { type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { collect, compareChecksums, createHasher, type Hasher } from './checksum.ts';
import { checkKey, shownKey } from './keys.ts';
import {
  decidePull,
  judgedBySource,
  type PullDecision,
  type PullOptions,
  piecesOf,
  requiredProof,
  type ServerCopy,
} from './pull.ts';
import { base64Of, unquoted } from './s3-objects.ts';
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
import type { ByteRange, Checksums, ObjectInfo, ObjectReader } from './store.ts';

/** Two of them are in memory: one being read, one being sent. */
const PART_SIZE_BYTES = 16 * 1024 * 1024;

export interface S3RangesOptions {
  /** Of the target. */
  readonly client: S3Client;
  readonly bucket: string;
  readonly source: ObjectReader;
  /** Tests have smaller ones; at least S3's 5 MiB. */
  readonly partBytes?: number;
}

interface Job {
  readonly target: S3PullTarget;
  readonly info: ObjectInfo;
  readonly expected: Checksums;
  readonly options: PullOptions;
}

/**
 * From any store to S3, which cannot read by itself: ranges of one version become parts of an upload,
 * which a later run finds and goes on with. Worth it for what takes more than one request.
 */
export function s3RangedCopy(place: S3RangesOptions): ServerCopy {
  const { client, bucket, source, partBytes = PART_SIZE_BYTES } = place;
  const decide = (info: ObjectInfo): PullDecision => {
    const unlimited = Number.MAX_SAFE_INTEGER;
    const decision = decidePull(info, { crc64nvmeBytesMax: unlimited, md5BytesMax: unlimited });
    return decision.way === 'pull' && info.sizeBytes <= partBytes
      ? { way: 'stream', reason: 'it is one request for either way' }
      : decision;
  };
  return {
    canPull: decide,
    async pull(info, key, expected, options = {}) {
      options.signal?.throwIfAborted();
      checkKey(`s3://${bucket}`, key);
      const decision = decide({ ...info, checksums: expected });
      const proof = requiredProof(`${source.url}/${shownKey(info.key)}`, decision);
      const job = { target: { client, bucket, key }, info, expected, options };
      try {
        return await copyRanges(source, job, partBytes, proof);
      } catch (error) {
        throw await judgedBySource(error, source, info, options);
      }
    },
  };
}

async function copyRanges(
  source: ObjectReader,
  job: Job,
  partBytes: number,
  proof: 'crc64nvme' | 'md5',
): Promise<ObjectInfo> {
  const { target, info, expected, options } = job;
  const pieces = piecesOf(info.sizeBytes, partBytes, PULL_PARTS_MAX);
  const label = uploadLabel(source.url, info, pieces, options);
  const upload = await openUpload(target, label, pieces, options);
  try {
    const { parts, computed } = await sendRanges(source, job, upload, { pieces, proof });
    const crc64nvme = combinedCrc(pieces, parts);
    compareChecksums(urlOf(target), expected, { ...computed, crc64nvme });
    const whole = { crc64nvme, sizeBytes: info.sizeBytes };
    return await completeUpload(target, upload, inOrder(pieces, parts), whole, options);
  } catch (error) {
    await endHopeless(target, upload, error);
    throw error;
  }
}

interface Division {
  readonly pieces: readonly ByteRange[];
  readonly proof: 'crc64nvme' | 'md5';
}

/**
 * Reads in order, and sends the part before meanwhile. Parts that an earlier run has sent are proven
 * by the checksums that S3 lists of them; where the whole is proven by its MD5 alone they are read
 * again, which spares the sending.
 */
async function sendRanges(source: ObjectReader, job: Job, upload: PullUpload, division: Division) {
  const { pieces, proof } = division;
  const parts = new Map(upload.parts);
  const whole = await createHasher(new Set(proof === 'md5' ? (['md5'] as const) : []));
  let sending = Promise.resolve();
  try {
    for (const [index, piece] of pieces.entries()) {
      const kept = parts.get(index);
      if (kept !== undefined && proof === 'crc64nvme') continue;
      const { bytes, crc64nvme } = await readPiece(source, job, piece, whole);
      await sending;
      if (kept !== undefined) {
        compareChecksums(urlOf(job.target), { crc64nvme }, { crc64nvme: kept.crc64nvme });
      } else {
        sending = sendPart(job, upload, index, { bytes, crc64nvme }).then((part) => {
          parts.set(index, part);
        });
        // It is awaited below, perhaps after it failed.
        sending.catch(() => {});
      }
    }
    await sending;
    return { parts, computed: whole.digest() };
  } finally {
    await sending.catch(() => {});
    whole.release();
  }
}

interface PieceBytes {
  readonly bytes: Uint8Array;
  readonly crc64nvme: string;
}

async function readPiece(
  source: ObjectReader,
  { info, options }: Job,
  range: ByteRange,
  whole: Hasher,
): Promise<PieceBytes> {
  const { signal } = options;
  const { body } = await source.read(info.key, {
    ...{ range, ifMatch: info.etag },
    ...(signal && { signal }),
  });
  const bytes = await collect(body);
  whole.update(bytes);
  const own = await createHasher(new Set(['crc64nvme'] as const));
  own.update(bytes);
  return { bytes, crc64nvme: own.digest().crc64nvme ?? '' };
}

async function sendPart(
  { target, options }: Job,
  { uploadId }: PullUpload,
  index: number,
  { bytes, crc64nvme }: PieceBytes,
): Promise<PulledPart> {
  const { ETag } = await sendingTo(target, options, (how) =>
    target.client.send(
      new UploadPartCommand({
        ...{ Bucket: target.bucket, Key: target.key, UploadId: uploadId, PartNumber: index + 1 },
        // A view: the SDK takes the length of Buffers alone without looking at them.
        Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        ContentLength: bytes.byteLength,
        ChecksumCRC64NVME: base64Of(crc64nvme),
      }),
      how,
    ),
  );
  return { etag: unquoted(ETag ?? ''), crc64nvme };
}
