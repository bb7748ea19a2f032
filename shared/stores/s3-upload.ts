import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { checksumNames, collect, compareChecksums, createHasher, inParts } from './checksum.ts';
import { translateS3Error } from './s3-errors.ts';
import {
  base64Of,
  quoted,
  type S3Checksums,
  type SendOptions,
  sendOptions,
  sourceMetadata,
  unquoted,
  vouchedChecksums,
} from './s3-objects.ts';
import {
  type Checksums,
  type ObjectInfo,
  PART_SIZE_BYTES,
  type ReplayableBody,
  type WriteOptions,
} from './store.ts';
import { checkedBody, partSize, refusalOf } from './transfer.ts';

/** Which checksum guards the transfer: S3's own, or Content-MD5 where an endpoint knows no other. */
export type S3ChecksumMode = 'crc64nvme' | 'none';

export interface S3Target {
  readonly client: S3Client;
  readonly bucket: string;
  readonly checksums: S3ChecksumMode;
  /** Of the object, for messages. */
  readonly url: string;
}

/** S3 takes no more parts in one upload. */
export const PARTS_MAX = 10_000;

/** Writes an object by one request, or above 8 MiB by a multipart upload. */
export async function writeS3Object(
  target: S3Target,
  key: string,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const answer =
    options.sizeBytes <= PART_SIZE_BYTES
      ? await putObject(target, key, body, options)
      : await upload(target, key, body, options);
  const checksums = vouchedChecksums(answer.output);
  return {
    key,
    sizeBytes: options.sizeBytes,
    etag: unquoted(answer.output.ETag ?? ''),
    lastModified: answer.date,
    ...(options.source && { source: options.source }),
    ...(checksums && { checksums }),
  };
}

interface Answer {
  readonly output: S3Checksums;
  /** When the store answered, by its own clock: what it keeps itself is at most the transfer older. */
  readonly date: Date;
}

async function putObject(
  target: S3Target,
  key: string,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Answer> {
  const { sizeBytes, expect = {} } = options;
  const bytes = asBuffer(await collect(checkedBody(target.url, body(), options)));
  const computed = await digest(bytes, checksumNames([ownChecksum(target)], expect));
  compareChecksums(target.url, expect, computed);
  const command = new PutObjectCommand({
    Bucket: target.bucket,
    Key: key,
    Body: bytes,
    ContentLength: sizeBytes,
    Metadata: sourceMetadata(options.source),
    ...guard(target, computed),
    ...conditionInput(options),
  });
  const date = dateOf(command);
  const output = await sending(target, options, (how) => target.client.send(command, how));
  return { output, date: date() };
}

async function upload(
  target: S3Target,
  key: string,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Answer> {
  const { client, bucket } = target;
  const place = { Bucket: bucket, Key: key };
  const { UploadId } = await sending(target, options, (how) =>
    client.send(
      new CreateMultipartUploadCommand({
        ...place,
        Metadata: sourceMetadata(options.source),
        ...(target.checksums === 'crc64nvme' && {
          ChecksumAlgorithm: 'CRC64NVME',
          ChecksumType: 'FULL_OBJECT',
        }),
      }),
      how,
    ),
  );
  const begun = { ...place, UploadId };
  try {
    return await uploadParts(target, begun, body, options);
  } catch (error) {
    // Whatever went wrong, the parts must not stay behind; the first error is the one that counts.
    await client.send(new AbortMultipartUploadCommand(begun)).catch(() => {});
    throw error;
  }
}

interface BegunUpload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

async function uploadParts(
  target: S3Target,
  begun: BegunUpload,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<Answer> {
  const { expect = {}, sizeBytes } = options;
  const own = ownChecksum(target);
  const whole = await createHasher(checksumNames([own], expect));
  try {
    const parts: CompletedPart[] = [];
    for await (const piece of inParts(
      checkedBody(target.url, body(), options),
      partSize(sizeBytes, PARTS_MAX),
    )) {
      whole.update(piece);
      parts.push(await uploadPart(target, begun, parts.length + 1, asBuffer(piece), options));
    }
    const computed = whole.digest();
    compareChecksums(target.url, expect, computed);
    return await complete(target, begun, parts, computed, options);
  } finally {
    whole.release();
  }
}

async function uploadPart(
  target: S3Target,
  begun: BegunUpload,
  PartNumber: number,
  bytes: Buffer,
  options: WriteOptions,
): Promise<CompletedPart> {
  const computed = await digest(bytes, new Set([ownChecksum(target)]));
  const command = new UploadPartCommand({
    ...begun,
    PartNumber,
    Body: bytes,
    ContentLength: bytes.byteLength,
    ...guard(target, computed),
  });
  const { ETag, ChecksumCRC64NVME } = await sending(target, options, (how) =>
    target.client.send(command, how),
  );
  return { PartNumber, ETag, ...(ChecksumCRC64NVME !== undefined && { ChecksumCRC64NVME }) };
}

async function complete(
  target: S3Target,
  begun: BegunUpload,
  Parts: CompletedPart[],
  computed: Checksums,
  options: WriteOptions,
): Promise<Answer> {
  options.signal?.throwIfAborted();
  const command = new CompleteMultipartUploadCommand({
    ...begun,
    MultipartUpload: { Parts },
    ...(target.checksums === 'crc64nvme' && {
      ...guard(target, computed),
      ChecksumType: 'FULL_OBJECT',
      MpuObjectSize: options.sizeBytes,
    }),
    ...conditionInput(options),
  });
  const date = dateOf(command);
  const output = await sending(target, options, (how) => target.client.send(command, how));
  compareChecksums(target.url, computed, vouchedChecksums(output) ?? {});
  return { output, date: date() };
}

async function sending<T>(
  target: S3Target,
  options: WriteOptions,
  send: (options: SendOptions) => Promise<T>,
): Promise<T> {
  const { signal, condition } = options;
  const whenRefused = refusalOf(condition);
  try {
    return await send(sendOptions(signal));
  } catch (error) {
    throw translateS3Error(error, {
      verb: 'write',
      url: target.url,
      signal,
      ...(whenRefused && { whenRefused }),
    });
  }
}

function conditionInput({ condition }: WriteOptions) {
  if (condition === undefined) return {};
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: quoted(condition.etag) };
}

function ownChecksum({ checksums }: S3Target): 'crc64nvme' | 'md5' {
  return checksums === 'none' ? 'md5' : 'crc64nvme';
}

/** The header by which the store itself refuses bytes that were altered on the way. */
function guard(target: S3Target, { crc64nvme = '', md5 = '' }: Checksums) {
  return target.checksums === 'none'
    ? { ContentMD5: base64Of(md5) }
    : { ChecksumCRC64NVME: base64Of(crc64nvme) };
}

async function digest(bytes: Uint8Array, names: ReturnType<typeof checksumNames>) {
  const hasher = await createHasher(names);
  hasher.update(bytes);
  return hasher.digest();
}

/** A view; the SDK takes the length of Buffers alone without looking at them. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** S3 answers writes without the time that it keeps; its `Date` header is the nearest there is. */
function dateOf(command: PutObjectCommand | CompleteMultipartUploadCommand): () => Date {
  let date = new Date(Number.NaN);
  // Both stacks are alike in what is used of them; only their types cannot be called as one.
  const stack = command.middlewareStack as PutObjectCommand['middlewareStack'];
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { headers?: Record<string, string> };
      date = new Date(response.headers?.['date'] ?? Number.NaN);
      return result;
    },
    { step: 'deserialize', priority: 'low' },
  );
  return () => date;
}
