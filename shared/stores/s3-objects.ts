import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { Checksums, ObjectInfo, SourceStamp } from './store.ts';
import { StoreError } from './store-error.ts';

/** Names of user metadata, without S3's `x-amz-meta-`. */
const SOURCE_ETAG = 'drydock-source-etag';
const SOURCE_LAST_MODIFIED = 'drydock-source-last-modified';

/** Percent-encoded, since a header holds ASCII and an ETag of another store might be anything. */
export function sourceMetadata(source: SourceStamp | undefined): Record<string, string> {
  if (source === undefined) return {};
  return {
    [SOURCE_LAST_MODIFIED]: source.lastModified.toISOString(),
    ...(source.etag !== undefined && { [SOURCE_ETAG]: encodeURIComponent(source.etag) }),
  };
}

/** `undefined` for what is no copy of ours, and for a stamp that cannot be read. */
export function sourceStamp(
  metadata: Readonly<Record<string, string>> | undefined,
): SourceStamp | undefined {
  const lastModified = new Date(metadata?.[SOURCE_LAST_MODIFIED] ?? '');
  if (Number.isNaN(lastModified.getTime())) return undefined;
  const etag = metadata?.[SOURCE_ETAG];
  try {
    return { lastModified, ...(etag !== undefined && { etag: decodeURIComponent(etag) }) };
  } catch {
    return undefined;
  }
}

/** What HEAD, or GET with its own size, says about an object. */
export function objectInfo(
  url: string,
  key: string,
  output: HeadObjectCommandOutput | GetObjectCommandOutput,
  sizeBytes: number | undefined,
): ObjectInfo {
  const { ETag, LastModified, StorageClass } = output;
  if (sizeBytes === undefined || ETag === undefined || LastModified === undefined) {
    const message = `Cannot use the answer about "${url}": it lacks size, ETag or time`;
    throw new StoreError('unsupported', message);
  }
  const source = sourceStamp(output.Metadata);
  const checksums = vouchedChecksums(output);
  return {
    key,
    sizeBytes,
    etag: unquoted(ETag),
    lastModified: LastModified,
    ...(isOtherClass(StorageClass) && { storageClass: StorageClass }),
    ...(source && { source }),
    ...(checksums && { checksums }),
  };
}

export function isOtherClass(storageClass: string | undefined): storageClass is string {
  return storageClass !== undefined && storageClass !== 'STANDARD';
}

/** What an answer of S3 may say about the content of an object. */
export interface S3Checksums {
  readonly ETag?: string | undefined;
  readonly ChecksumType?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
  readonly ChecksumCRC64NVME?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/**
 * Checksums of the whole object. A composite one, a checksum of the parts' checksums, says nothing
 * about the bytes without the borders of the parts. The ETag is the MD5 of an object uploaded in
 * one request, unless it is encrypted by KMS or a customer's key.
 */
export function vouchedChecksums(output: S3Checksums): Checksums | undefined {
  const full = output.ChecksumType !== 'COMPOSITE';
  // Some servers call a composite checksum, or that of one part, by the name of a full one.
  const hex = (value: string | undefined, sizeBytes: number): string | undefined => {
    const digits = full && !value?.includes('-') ? hexOf(value ?? '') : '';
    return digits.length === sizeBytes * 2 ? digits : undefined;
  };
  const etag = unquoted(output.ETag ?? '');
  const plain =
    output.SSECustomerAlgorithm === undefined &&
    (output.ServerSideEncryption === undefined || output.ServerSideEncryption === 'AES256');
  const crc64nvme = hex(output.ChecksumCRC64NVME, 8);
  const crc32 = hex(output.ChecksumCRC32, 4);
  const sha256 = hex(output.ChecksumSHA256, 32);
  const checksums: Checksums = {
    ...(plain && /^[0-9a-f]{32}$/.test(etag) && { md5: etag }),
    ...(crc64nvme !== undefined && { crc64nvme }),
    ...(crc32 !== undefined && { crc32 }),
    ...(sha256 !== undefined && { sha256 }),
  };
  return Object.keys(checksums).length > 0 ? checksums : undefined;
}

export function hexOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

export function base64Of(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

export function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** What every request of the SDK is sent with. */
export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

export function sendOptions(signal: AbortSignal | undefined): SendOptions {
  return signal === undefined ? {} : { abortSignal: signal };
}
