import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { compareChecksums, createHasher } from './checksum.ts';
import { shownKey } from './keys.ts';
import type { PullOptions } from './pull.ts';
import { combineCrc64 } from './pull-crc64.ts';
import { translateS3Error } from './s3-errors.ts';
import {
  base64Of,
  hexOf,
  quoted,
  type SendOptions,
  sendOptions,
  sourceMetadata,
  unquoted,
  vouchedChecksums,
} from './s3-objects.ts';
import { PARTS_MAX } from './s3-upload.ts';
import type { ByteRange, CallOptions, Checksums, ObjectInfo } from './store.ts';
import { isStoreError } from './store-error.ts';
import { refusalOf } from './transfer.ts';

/** An object to be, in a bucket of S3. */
export interface S3PullTarget {
  /** Built with `S3_CLIENT_SETTINGS`. */
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}

/** A multipart upload under way, this run's or one that an earlier run began for the same thing. */
export interface PullUpload {
  readonly uploadId: string;
  /** Parts that are there, by index of their piece, with the checksum that proves their bytes. */
  readonly parts: ReadonlyMap<number, PulledPart>;
}

export interface PulledPart {
  readonly etag: string;
  /** CRC64NVME in hex, as the store computed it. */
  readonly crc64nvme: string;
}

/**
 * The upload's last part number, which is never among those that it is completed with: S3 drops parts
 * that the list leaves out. Its bytes say what the upload is of, since no listing tells an upload's
 * metadata, and those cannot be given at its end.
 */
const LABEL_PART = PARTS_MAX;
/** What is left for the object. */
export const PULL_PARTS_MAX = PARTS_MAX - 1;

/** Which pull an upload belongs to: the version of its source, its division, and its stamp. */
export function uploadLabel(
  url: string,
  source: ObjectInfo,
  pieces: readonly ByteRange[],
  options: PullOptions,
): Buffer {
  const { key, etag, sizeBytes } = source;
  const stamp = sourceMetadata(options.source);
  return Buffer.from(JSON.stringify([url, key, etag, sizeBytes, pieces[0]?.lengthBytes, stamp]));
}

/** The upload that was begun for this label, with what it holds, else a new one. */
export async function openUpload(
  target: S3PullTarget,
  label: Buffer,
  pieces: readonly ByteRange[],
  options: PullOptions,
): Promise<PullUpload> {
  const { crc64nvme = '', md5 = '' } = await labelChecksums(label);
  for await (const { Key, UploadId } of uploads(target, target.key, options)) {
    if (Key !== target.key || UploadId === undefined) continue;
    const parts = await partsOf(target, UploadId, options);
    const found = parts.find(({ PartNumber }) => PartNumber === LABEL_PART);
    const { ChecksumCRC64NVME, ETag = '' } = found ?? {};
    // The ETag is an MD5 only where no customer's key encrypts; not every server lists checksums.
    const isOurs =
      ChecksumCRC64NVME === undefined
        ? unquoted(ETag) === md5
        : hexOf(ChecksumCRC64NVME) === crc64nvme;
    if (isOurs) return { uploadId: UploadId, parts: usableParts(parts, pieces) };
  }
  return { uploadId: await beginUpload(target, label, crc64nvme, options), parts: new Map() };
}

async function labelChecksums(label: Buffer): Promise<Checksums> {
  const hasher = await createHasher(new Set(['crc64nvme', 'md5'] as const));
  hasher.update(label);
  return hasher.digest();
}

async function beginUpload(
  target: S3PullTarget,
  label: Buffer,
  crc64nvme: string,
  options: PullOptions,
): Promise<string> {
  const place = { Bucket: target.bucket, Key: target.key };
  const { UploadId = '' } = await sendingTo(target, options, (how) =>
    target.client.send(
      new CreateMultipartUploadCommand({
        ...place,
        Metadata: sourceMetadata(options.source),
        ...{ ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' },
      }),
      how,
    ),
  );
  const command = new UploadPartCommand({
    ...{ ...place, UploadId, PartNumber: LABEL_PART, Body: label },
    ChecksumCRC64NVME: base64Of(crc64nvme),
  });
  await sendingTo(target, options, (how) => target.client.send(command, how));
  return UploadId;
}

function usableParts(
  parts: readonly Part[],
  pieces: readonly ByteRange[],
): Map<number, PulledPart> {
  const usable = new Map<number, PulledPart>();
  for (const { PartNumber = 0, ETag, ChecksumCRC64NVME } of parts) {
    if (pieces[PartNumber - 1] === undefined) continue;
    if (ETag === undefined || ChecksumCRC64NVME === undefined) continue;
    usable.set(PartNumber - 1, { etag: unquoted(ETag), crc64nvme: hexOf(ChecksumCRC64NVME) });
  }
  return usable;
}

export function inOrder(
  pieces: readonly ByteRange[],
  parts: ReadonlyMap<number, PulledPart>,
): PulledPart[] {
  return pieces.flatMap((_, at) => parts.get(at) ?? []);
}

/** The checksum of the whole, from those that the store computed of the parts. */
export function combinedCrc(
  pieces: readonly ByteRange[],
  parts: ReadonlyMap<number, PulledPart>,
): string {
  return combineCrc64(
    pieces.map(({ lengthBytes }, at) => ({
      crc64nvme: parts.get(at)?.crc64nvme ?? '0',
      lengthBytes,
    })),
  );
}

/** What an upload is to become. */
export interface WholeObject {
  readonly sizeBytes: number;
  readonly crc64nvme: string;
}

/** Makes the object visible, if its bytes are those of the checksum and the condition holds. */
export async function completeUpload(
  target: S3PullTarget,
  { uploadId }: PullUpload,
  parts: readonly PulledPart[],
  { sizeBytes, crc64nvme }: WholeObject,
  options: PullOptions,
): Promise<ObjectInfo> {
  const { condition, source } = options;
  const place = { Bucket: target.bucket, Key: target.key };
  const Parts = parts.map(
    (part, at): CompletedPart => ({
      PartNumber: at + 1,
      ETag: quoted(part.etag),
      ChecksumCRC64NVME: base64Of(part.crc64nvme),
    }),
  );
  const output = await sendingTo(target, options, (how) =>
    target.client.send(
      new CompleteMultipartUploadCommand({
        ...{ ...place, UploadId: uploadId, MultipartUpload: { Parts } },
        ...{ ChecksumType: 'FULL_OBJECT', ChecksumCRC64NVME: base64Of(crc64nvme) },
        MpuObjectSize: sizeBytes,
        ...(condition === 'absent' && { IfNoneMatch: '*' }),
        ...(typeof condition === 'object' && { IfMatch: quoted(condition.etag) }),
      }),
      how,
    ),
  );
  compareChecksums(urlOf(target), { crc64nvme }, vouchedChecksums(output) ?? {});
  // The answer does not tell the time.
  const head = await sendingTo(target, options, (how) =>
    target.client.send(new HeadObjectCommand(place), how),
  );
  const etag = unquoted(output.ETag ?? '');
  const lastModified = head.LastModified ?? new Date(0);
  const written = { key: target.key, sizeBytes, etag, lastModified, checksums: { crc64nvme } };
  return source ? { ...written, source } : written;
}

/**
 * After a failure: an upload that may still become the object stays for the next run; one whose bytes
 * are wrong, or whose key or source is another one by now, ends here. That this fails changes nothing,
 * see `removeStaleUploads`.
 */
export async function endHopeless(
  target: S3PullTarget,
  { uploadId }: PullUpload,
  error: unknown,
): Promise<void> {
  if (!isStoreError(error) || (error.retryable && error.code !== 'corrupt')) return;
  const command = new AbortMultipartUploadCommand({
    ...{ Bucket: target.bucket, Key: target.key, UploadId: uploadId },
  });
  await target.client.send(command).catch(() => {});
}

/**
 * Ends uploads below `prefix` that were begun before `begunBefore`: their parts cost what objects
 * cost, and nobody comes back for them.
 * @returns the keys that they were for.
 */
export async function removeStaleUploads(
  place: Pick<S3PullTarget, 'client' | 'bucket'>,
  prefix: string,
  begunBefore: Date,
  options: CallOptions = {},
): Promise<string[]> {
  const stale: { readonly key: string; readonly uploadId: string }[] = [];
  for await (const { Key, UploadId, Initiated } of uploads(
    { ...place, key: prefix },
    prefix,
    options,
  )) {
    const isStale = Initiated !== undefined && Initiated < begunBefore;
    if (isStale && Key !== undefined && UploadId !== undefined) {
      stale.push({ key: Key, uploadId: UploadId });
    }
  }
  for (const { key, uploadId } of stale) {
    const target = { ...place, key };
    const command = new AbortMultipartUploadCommand({
      ...{ Bucket: place.bucket, Key: key, UploadId: uploadId },
    });
    await sendingTo(target, options, async (how) => {
      // Somebody, or a lifecycle rule, was faster.
      await place.client.send(command, how).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'NoSuchUpload') throw error;
      });
    });
  }
  return stale.map(({ key }) => key);
}

async function* uploads(target: S3PullTarget, Prefix: string, options: PullOptions) {
  let marks: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marks !== undefined) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
      ...{ Bucket: target.bucket, Prefix, ...marks },
    });
    const page = await sendingTo(target, options, (how) => target.client.send(command, how));
    yield* page.Uploads ?? [];
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    marks = undefined;
    if (IsTruncated === true && NextKeyMarker !== undefined) {
      marks = {
        KeyMarker: NextKeyMarker,
        ...(NextUploadIdMarker !== undefined && { UploadIdMarker: NextUploadIdMarker }),
      };
    }
  }
}

async function partsOf(
  target: S3PullTarget,
  UploadId: string,
  options: PullOptions,
): Promise<Part[]> {
  const parts: Part[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const command: ListPartsCommand = new ListPartsCommand({
      ...{ Bucket: target.bucket, Key: target.key, UploadId },
      ...(PartNumberMarker !== undefined && { PartNumberMarker }),
    });
    const page = await sendingTo(target, options, (how) => target.client.send(command, how));
    parts.push(...(page.Parts ?? []));
    PartNumberMarker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  return parts;
}

export async function sendingTo<T>(
  target: S3PullTarget,
  { signal, condition }: PullOptions,
  send: (how: SendOptions) => Promise<T>,
): Promise<T> {
  const whenRefused = refusalOf(condition);
  try {
    signal?.throwIfAborted();
    return await send(sendOptions(signal));
  } catch (error) {
    const attempt = { verb: 'pull to', url: urlOf(target), signal };
    throw translateS3Error(error, { ...attempt, ...(whenRefused && { whenRefused }) });
  }
}

export function urlOf({ bucket, key }: S3PullTarget): string {
  return `s3://${bucket}/${shownKey(key)}`;
}
