import {
  attributesOf,
  type Call,
  conditionsOf,
  headerOrTrailer,
  type Reply,
  unquoted,
  xmlReply,
} from './call.ts';
import {
  announcedChecksum,
  badDigest,
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumElements,
  checksumOf,
  compositeChecksum,
  parseAlgorithm,
  type StoredChecksum,
  verifyBody,
} from './checksums.ts';
import { s3Error } from './errors.ts';
import { isoSeconds } from './listing.ts';
import { copySource } from './objects.ts';
import type { S3Request } from './request.ts';
import { type Bucket, md5, newUploadId, type StoredPart, type Upload } from './storage.ts';
import { xmlBlocks, xmlDocument, xmlText } from './xml.ts';

const PARTS_MAX = 10_000;

export function createUpload({ request, bucket, now }: Call): Reply {
  const checksum = declaredChecksum(request);
  const upload: Upload = {
    id: newUploadId(),
    key: request.key,
    initiated: now(),
    attributes: attributesOf(request),
    checksum,
    parts: new Map(),
  };
  bucket().uploads.set(upload.id, upload);
  const result = { Bucket: bucket().name, Key: upload.key, UploadId: upload.id };
  return xmlReply(xmlDocument('InitiateMultipartUploadResult', result), {
    ...(checksum && {
      'x-amz-checksum-algorithm': checksum.algorithm,
      'x-amz-checksum-type': checksum.type,
    }),
  });
}

/** CRC64NVME is always of the full object, SHA never; CRC32 and CRC32C may be either. */
function declaredChecksum(request: S3Request): Upload['checksum'] {
  const name = request.header('x-amz-checksum-algorithm');
  if (name === undefined) return undefined;
  const algorithm = parseAlgorithm(name);
  const byDefault: ChecksumType = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
  const type = request.header('x-amz-checksum-type') ?? byDefault;
  const never = algorithm.startsWith('SHA') ? 'FULL_OBJECT' : 'COMPOSITE';
  const bound = algorithm.startsWith('SHA') || algorithm === 'CRC64NVME';
  if ((type !== 'FULL_OBJECT' && type !== 'COMPOSITE') || (bound && type === never)) {
    const message = `The ${type} checksum type cannot be used with the ${name} algorithm.`;
    throw s3Error('InvalidRequest', {}, message);
  }
  return { algorithm, type };
}

export async function uploadPart(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const number = partNumber(request);
  const upload = bucket().upload(request.param('uploadId'), request.key);
  const body = await call.body();
  const announced = await verifyBody(body.bytes, headerOrTrailer(request, body));
  const wanted = upload.checksum?.algorithm;
  if (wanted !== undefined && announced !== undefined && announced.algorithm !== wanted) {
    const message =
      `Checksum Type mismatch occurred, expected checksum Type: ${wanted.toLowerCase()}, ` +
      `actual checksum Type: ${announced.algorithm.toLowerCase()}`;
    throw s3Error('InvalidRequest', {}, message);
  }
  const algorithm = announced?.algorithm ?? wanted ?? 'CRC64NVME';
  const value = announced?.value ?? (await checksumOf(algorithm, body.bytes));
  // The upload may have been completed or aborted while the body came in.
  bucket().upload(upload.id, request.key);
  const etag = keepPart(upload, number, body.bytes, call.now(), { algorithm, value });
  const checksum = { [`x-amz-checksum-${algorithm.toLowerCase()}`]: value };
  return { status: 200, headers: { etag: `"${etag}"`, ...checksum } };
}

export async function uploadPartCopy(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const number = partNumber(request);
  const upload = bucket().upload(request.param('uploadId'), request.key);
  const { bytes: whole } = copySource(call);
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.header('x-amz-copy-source-range') ?? '');
  const [start, end] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, whole.length];
  if (start >= end || end > whole.length) throw s3Error('InvalidRange');
  const bytes = whole.subarray(start, end);
  const algorithm = upload.checksum?.algorithm ?? 'CRC64NVME';
  const value = await checksumOf(algorithm, bytes);
  const etag = keepPart(upload, number, bytes, call.now(), { algorithm, value });
  const result = { ETag: `"${etag}"`, LastModified: isoSeconds(call.now()) };
  const checksum = upload.checksum && { [`Checksum${algorithm}`]: value };
  return xmlReply(xmlDocument('CopyPartResult', { ...result, ...checksum }));
}

function partNumber(request: S3Request): number {
  const number = Number(request.param('partNumber'));
  if (Number.isInteger(number) && number >= 1 && number <= PARTS_MAX) return number;
  const message = 'Part number must be an integer between 1 and 10000, inclusive';
  throw s3Error('InvalidArgument', { ArgumentName: 'partNumber' }, message);
}

function keepPart(
  upload: Upload,
  number: number,
  bytes: Buffer,
  lastModified: Date,
  checksum: StoredPart['checksum'],
): string {
  const etag = md5(bytes);
  upload.parts.set(number, { bytes, etag, lastModified, checksum });
  return etag;
}

export async function completeUpload(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const already = bucket().completed.get(request.param('uploadId') ?? '');
  if (already !== undefined) return xmlReply(already);
  const upload = bucket().upload(request.param('uploadId'), request.key);
  const conditions = conditionsOf(request);
  bucket().checkWrite(request.key, conditions);
  const xml = (await call.body()).bytes.toString();
  const parts = chosenParts(upload, xml, call.partBytesMin);
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  checkObjectSize(request, bytes.length);
  const checksum = await objectChecksum(upload, parts, bytes);
  checkAnnounced(request, checksum);
  const digests = Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex')));
  const etag = `${md5(digests)}-${parts.length}`;
  const object = {
    key: upload.key,
    bytes,
    ...upload.attributes,
    etag,
    lastModified: call.now(),
    checksum,
  };
  // From here to the end nothing waits: of racing completions one sees its condition.
  bucket().upload(upload.id, request.key);
  bucket().put(object, conditions);
  bucket().uploads.delete(upload.id);
  call.changed({ key: object.key, object, reason: 'CompleteMultipartUpload' });
  const answer = xmlDocument('CompleteMultipartUploadResult', {
    Location: `/${bucket().name}/${object.key}`,
    Bucket: bucket().name,
    Key: object.key,
    ETag: `"${etag}"`,
    ...checksumElements(checksum),
  });
  bucket().completed.set(upload.id, answer);
  return xmlReply(answer);
}

function chosenParts(upload: Upload, xml: string, partBytesMin: number): StoredPart[] {
  const blocks = xmlBlocks(xml, 'Part');
  if (blocks.length === 0) throw s3Error('MalformedXML');
  let previous = 0;
  const parts = blocks.map((block) => {
    const number = Number(xmlText(block, 'PartNumber'));
    if (!(number > previous)) throw s3Error('InvalidPartOrder', { UploadId: upload.id });
    previous = number;
    const part = upload.parts.get(number);
    const etag = unquoted(xmlText(block, 'ETag'));
    const given = xmlText(block, `Checksum${part?.checksum.algorithm}`);
    const differs = given !== undefined && given !== part?.checksum.value;
    if (part === undefined || part.etag !== etag || differs) {
      const details = { UploadId: upload.id, PartNumber: `${number}`, ETag: etag ?? '' };
      throw s3Error('InvalidPart', details);
    }
    if (given === undefined && upload.checksum?.type === 'COMPOSITE') {
      const name = upload.checksum.algorithm.toLowerCase();
      const message =
        `The upload was created using a ${name} checksum. ` +
        `The complete request must include the checksum for each part. It was missing for part ` +
        `${number} in the request.`;
      throw s3Error('InvalidRequest', {}, message);
    }
    return part;
  });
  for (const part of parts.slice(0, -1)) {
    if (part.bytes.length >= partBytesMin) continue;
    throw s3Error('EntityTooSmall', {
      ProposedSize: `${part.bytes.length}`,
      MinSizeAllowed: `${partBytesMin}`,
    });
  }
  return parts;
}

function checkObjectSize(request: S3Request, sizeBytes: number): void {
  const announced = request.header('x-amz-mp-object-size');
  if (announced === undefined || Number(announced) === sizeBytes) return;
  const message =
    `The provided 'x-amz-mp-object-size' header does not match what was computed. ` +
    `Expected: ${announced}, actual: ${sizeBytes}`;
  throw s3Error('InvalidRequest', {}, message);
}

async function objectChecksum(
  upload: Upload,
  parts: readonly StoredPart[],
  bytes: Buffer,
): Promise<StoredChecksum> {
  const algorithm: ChecksumAlgorithm = upload.checksum?.algorithm ?? 'CRC64NVME';
  if (upload.checksum?.type === 'COMPOSITE') {
    const values = parts.map((part) => part.checksum.value);
    return compositeChecksum(algorithm, values);
  }
  return { algorithm, type: 'FULL_OBJECT', value: await checksumOf(algorithm, bytes) };
}

function checkAnnounced(request: S3Request, computed: StoredChecksum): void {
  const value = request.header(`x-amz-checksum-${computed.algorithm.toLowerCase()}`);
  if (computed.type === 'COMPOSITE') {
    if (value !== undefined && value !== computed.value) throw badDigest(computed);
    return;
  }
  const announced = announcedChecksum(request.header);
  if (announced === undefined) return;
  if (announced.algorithm !== computed.algorithm || announced.value !== computed.value) {
    throw badDigest(announced);
  }
}

export function abortUpload({ request, bucket }: Call): Reply {
  const upload = bucket().upload(request.param('uploadId'), request.key);
  bucket().uploads.delete(upload.id);
  return { status: 204 };
}

export function listParts({ request, bucket }: Call): Reply {
  const upload = bucket().upload(request.param('uploadId'), request.key);
  const marker = Number(request.param('part-number-marker') ?? 0);
  const maxParts = Math.min(Number(request.param('max-parts') ?? 1000), 1000);
  const all = [...upload.parts].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
  const shown = all.slice(0, maxParts);
  const truncated = all.length > shown.length;
  return xmlReply(
    xmlDocument('ListPartsResult', {
      Bucket: bucket().name,
      Key: upload.key,
      UploadId: upload.id,
      StorageClass: upload.attributes.storageClass,
      PartNumberMarker: marker,
      NextPartNumberMarker: truncated ? shown.at(-1)?.[0] : undefined,
      MaxParts: maxParts,
      IsTruncated: truncated,
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
      Part: shown.map(([number, part]) => ({
        PartNumber: number,
        LastModified: isoSeconds(part.lastModified),
        ETag: `"${part.etag}"`,
        Size: part.bytes.length,
        [`Checksum${part.checksum.algorithm}`]: part.checksum.value,
      })),
    }),
  );
}

/** All of them in one page: a test bucket holds few. */
export function listUploads(bucket: Bucket, request: S3Request): string {
  const prefix = request.param('prefix') ?? '';
  const uploads = [...bucket.uploads.values()].filter((upload) => upload.key.startsWith(prefix));
  return xmlDocument('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    Prefix: prefix,
    MaxUploads: 1000,
    IsTruncated: false,
    Upload: uploads.map((upload) => ({
      Key: upload.key,
      UploadId: upload.id,
      StorageClass: upload.attributes.storageClass,
      Initiated: isoSeconds(upload.initiated),
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
    })),
  });
}
