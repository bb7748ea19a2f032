import { s3Error } from './errors.ts';
import { type S3Request, uriEncode } from './request.ts';
import type { Bucket, StoredObject } from './storage.ts';
import { type XmlElements, type XmlNode, xmlDocument } from './xml.ts';

interface Page {
  readonly objects: readonly StoredObject[];
  readonly commonPrefixes: readonly string[];
  /** Where the next page begins: behind this key, or behind all keys below this prefix. */
  readonly next: string | undefined;
}

const KEYS_MAX = 1000;

/** Version 2 with `list-type=2`, else version 1. */
export function listObjects(bucket: Bucket, request: S3Request): string {
  return request.param('list-type') === '2' ? listV2(bucket, request) : listV1(bucket, request);
}

function listV2(bucket: Bucket, request: S3Request): string {
  const { prefix, delimiter, maxKeys, encode, encodingType } = listParameters(request);
  const token = request.param('continuation-token');
  const startAfter = request.param('start-after');
  const after = token === undefined ? (startAfter ?? '') : parseToken(token);
  const found = page(bucket, prefix, delimiter, after, maxKeys);
  const owner = request.param('fetch-owner') === 'true' ? OWNER : undefined;
  return xmlDocument('ListBucketResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: delimiter && encode(delimiter),
    StartAfter: startAfter && encode(startAfter),
    ContinuationToken: token,
    NextContinuationToken: found.next && makeToken(found.next),
    KeyCount: found.objects.length + found.commonPrefixes.length,
    MaxKeys: maxKeys,
    EncodingType: encodingType,
    IsTruncated: found.next !== undefined,
    Contents: found.objects.map((object) => contents(object, encode, owner)),
    CommonPrefixes: found.commonPrefixes.map((name) => ({ Prefix: encode(name) })),
  });
}

function listV1(bucket: Bucket, request: S3Request): string {
  const { prefix, delimiter, maxKeys, encode, encodingType } = listParameters(request);
  const marker = request.param('marker') ?? '';
  const found = page(bucket, prefix, delimiter, marker, maxKeys);
  return xmlDocument('ListBucketResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    Marker: encode(marker),
    NextMarker: delimiter && found.next && encode(found.next),
    Delimiter: delimiter && encode(delimiter),
    MaxKeys: maxKeys,
    EncodingType: encodingType,
    IsTruncated: found.next !== undefined,
    Contents: found.objects.map((object) => contents(object, encode, OWNER)),
    CommonPrefixes: found.commonPrefixes.map((name) => ({ Prefix: encode(name) })),
  });
}

function listParameters(request: S3Request) {
  const encodingType = request.param('encoding-type');
  if (encodingType !== undefined && encodingType !== 'url') {
    throw s3Error('InvalidArgument', {}, 'Invalid Encoding Method specified in Request');
  }
  const asked = request.param('max-keys') ?? `${KEYS_MAX}`;
  if (!/^\d+$/.test(asked)) throw s3Error('InvalidArgument', { ArgumentName: 'max-keys' });
  return {
    prefix: request.param('prefix') ?? '',
    delimiter: request.param('delimiter') || undefined,
    maxKeys: Math.min(Number(asked), KEYS_MAX),
    encodingType,
    encode: encodingType === 'url' ? listEncode : (value: string) => value,
  };
}

/** The form of S3's listings: `/` stays, a space becomes `+`. */
export function listEncode(value: string): string {
  return uriEncode(value).replaceAll('%2F', '/').replaceAll('%20', '+').replaceAll('%2A', '*');
}

/** Objects and rolled-up prefixes count alike against `maxKeys`. */
function page(
  bucket: Bucket,
  prefix: string,
  delimiter: string | undefined,
  after: string,
  maxKeys: number,
): Page {
  const objects: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  const skipped = delimiter !== undefined && after.endsWith(delimiter) ? after : undefined;
  let last: string | undefined;
  for (const object of bucket.objectsAfter(after, prefix)) {
    const { key } = object;
    const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    const rolled = end < 0 ? undefined : key.slice(0, end + (delimiter?.length ?? 0));
    if (rolled !== undefined && (rolled === skipped || rolled === commonPrefixes.at(-1))) continue;
    if (objects.length + commonPrefixes.length === maxKeys) {
      return { objects, commonPrefixes, next: maxKeys === 0 ? undefined : last };
    }
    if (rolled === undefined) objects.push(object);
    else commonPrefixes.push(rolled);
    last = rolled ?? key;
  }
  return { objects, commonPrefixes, next: undefined };
}

const OWNER: XmlElements = { ID: 'drydock-test', DisplayName: 'drydock-test' };

function contents(
  object: StoredObject,
  encode: (value: string) => string,
  owner: XmlNode,
): XmlElements {
  return {
    Key: encode(object.key),
    LastModified: isoSeconds(object.lastModified),
    ETag: `"${object.etag}"`,
    ChecksumAlgorithm: object.checksum.algorithm,
    ChecksumType: object.checksum.type,
    Size: object.bytes.length,
    Owner: owner,
    StorageClass: object.storageClass,
  };
}

/** S3 keeps times to the second, and writes the milliseconds all the same. */
export function isoSeconds(time: Date): string {
  return new Date(Math.floor(time.getTime() / 1000) * 1000).toISOString();
}

function makeToken(position: string): string {
  return Buffer.from(`1:${position}`).toString('base64');
}

function parseToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString();
  if (text.startsWith('1:')) return text.slice(2);
  throw s3Error('InvalidArgument', {}, 'The continuation token provided is incorrect');
}
