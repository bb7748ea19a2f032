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
  checksumElements,
  checksumHeaders,
  checksumOf,
  parseAlgorithm,
  type StoredChecksum,
  verifyBody,
} from './checksums.ts';
import { s3Error } from './errors.ts';
import { isoSeconds } from './listing.ts';
import { decode, type S3Request } from './request.ts';
import {
  isArchived,
  md5,
  type ObjectAttributes,
  preconditionFailed,
  type StoredObject,
} from './storage.ts';
import { xmlDocument } from './xml.ts';

/** GET and HEAD. */
export function getObject({ request, bucket }: Call): Reply {
  const object = bucket().get(request.key);
  const status = checkRead(request, object);
  if (status === 304) return { status, headers: { etag: `"${object.etag}"` } };
  if (request.method === 'GET' && isArchived(object)) {
    throw s3Error('InvalidObjectState', { StorageClass: object.storageClass });
  }
  const range = parseRange(request.header('range'), object.bytes.length);
  const body = range ? object.bytes.subarray(range.start, range.end) : object.bytes;
  const wanted = request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  const headers = {
    ...objectHeaders(object),
    // The stored value covers the whole object, which a range is not.
    ...(wanted && range === undefined && checksumHeaders(object.checksum)),
    ...(range && {
      'content-range': `bytes ${range.start}-${range.end - 1}/${object.bytes.length}`,
    }),
  };
  return { status: range ? 206 : 200, headers, body };
}

function objectHeaders(object: StoredObject): Record<string, string> {
  const metadata = Object.entries(object.metadata);
  return {
    'accept-ranges': 'bytes',
    'content-type': 'binary/octet-stream',
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': object.lastModified.toUTCString(),
    ...Object.fromEntries(metadata.map(([name, value]) => [`x-amz-meta-${name}`, value])),
    ...(object.storageClass !== 'STANDARD' && { 'x-amz-storage-class': object.storageClass }),
  };
}

function checkRead(request: S3Request, object: StoredObject): 200 | 304 {
  const { ifMatch, ifNoneMatch } = conditionsOf(request);
  const modified = Math.floor(object.lastModified.getTime() / 1000) * 1000;
  const since = (name: string): number => Date.parse(request.header(name) ?? '');
  if (ifMatch !== undefined) {
    if (ifMatch !== '*' && ifMatch !== object.etag) throw preconditionFailed('If-Match');
  } else if (modified > since('if-unmodified-since')) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    return ifNoneMatch === '*' || ifNoneMatch === object.etag ? 304 : 200;
  }
  return modified <= since('if-modified-since') ? 304 : 200;
}

/** One range, end exclusive. S3 answers the whole object to anything that it cannot parse. */
function parseRange(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || header === 'bytes=-') return undefined;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  if (start < end) return { start, end };
  throw s3Error('InvalidRange', {
    RangeRequested: header ?? '',
    ActualObjectSize: `${sizeBytes}`,
  });
}

export async function putObject(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const conditions = conditionsOf(request);
  bucket().checkWrite(request.key, conditions);
  const attributes = attributesOf(request);
  const body = await call.body();
  const announced = await verifyBody(body.bytes, headerOrTrailer(request, body));
  const object = await newObject(request.key, body.bytes, attributes, call.now(), announced);
  bucket().put(object, conditions);
  call.changed({ key: object.key, object, reason: 'PutObject' });
  const headers = { etag: `"${object.etag}"`, ...checksumHeaders(object.checksum) };
  return { status: 200, headers };
}

/** Without a checksum of the client S3 keeps CRC64NVME. */
export async function newObject(
  key: string,
  bytes: Buffer,
  attributes: ObjectAttributes,
  lastModified: Date,
  announced: Pick<StoredChecksum, 'algorithm' | 'value'> | undefined,
): Promise<StoredObject> {
  const algorithm = announced?.algorithm ?? 'CRC64NVME';
  const value = announced?.value ?? (await checksumOf(algorithm, bytes));
  const checksum = { algorithm, value, type: 'FULL_OBJECT' } as const;
  return { key, bytes, ...attributes, etag: md5(bytes), lastModified, checksum };
}

export async function copyObject(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const source = copySource(call);
  const replaces = request.header('x-amz-metadata-directive') === 'REPLACE';
  const own = attributesOf(request);
  const storageClass = request.header('x-amz-storage-class') ?? 'STANDARD';
  const target = bucket();
  if (target.find(request.key) === source && !replaces && storageClass === source.storageClass) {
    const message =
      'This copy request is illegal because it is trying to copy an object to itself without ' +
      "changing the object's metadata, storage class, website redirect location or encryption " +
      'attributes.';
    throw s3Error('InvalidRequest', {}, message);
  }
  const { metadata, headers } = replaces ? own : source;
  const attributes = { metadata, headers, storageClass };
  const asked = request.header('x-amz-checksum-algorithm');
  const algorithm = asked === undefined ? source.checksum.algorithm : parseAlgorithm(asked);
  const value = await checksumOf(algorithm, source.bytes);
  const object = await newObject(request.key, source.bytes, attributes, call.now(), {
    algorithm,
    value,
  });
  target.put(object, conditionsOf(request));
  call.changed({ key: object.key, object, reason: 'CopyObject' });
  return xmlReply(
    xmlDocument('CopyObjectResult', {
      ETag: `"${object.etag}"`,
      LastModified: isoSeconds(object.lastModified),
      ...checksumElements(object.checksum),
    }),
  );
}

export function copySource({ request, buckets }: Call): StoredObject {
  const header = decode(request.header('x-amz-copy-source') ?? '').replace(/^\//, '');
  const [name = '', ...rest] = header.split('/');
  const bucket = buckets.get(name);
  if (bucket === undefined) throw s3Error('NoSuchBucket', { BucketName: name });
  const source = bucket.get(rest.join('/'));
  const ifMatch = unquoted(request.header('x-amz-copy-source-if-match'));
  if (ifMatch !== undefined && ifMatch !== source.etag) {
    throw preconditionFailed('x-amz-copy-source-If-Match');
  }
  const ifNoneMatch = unquoted(request.header('x-amz-copy-source-if-none-match'));
  if (ifNoneMatch === source.etag) throw preconditionFailed('x-amz-copy-source-If-None-Match');
  if (isArchived(source)) {
    throw s3Error('InvalidObjectState', { StorageClass: source.storageClass });
  }
  return source;
}

export function deleteObject(call: Call): Reply {
  const { request, bucket } = call;
  if (bucket().remove(request.key, conditionsOf(request).ifMatch)) {
    call.changed({ key: request.key, reason: 'DeleteObject' });
  }
  return { status: 204 };
}
