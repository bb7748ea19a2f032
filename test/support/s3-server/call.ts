import type { Body } from './body.ts';
import { s3Error } from './errors.ts';
import type { Change } from './events.ts';
import type { S3Request } from './request.ts';
import type { Bucket, Conditions, ObjectAttributes } from './storage.ts';

/** One authenticated request and what its handler may use. */
export interface Call {
  readonly request: S3Request;
  readonly buckets: Map<string, Bucket>;
  readonly region: string;
  /** The bucket of the request; throws when there is none. */
  readonly bucket: () => Bucket;
  /** The verified body; asks a waiting client to go on (`Expect: 100-continue`). */
  readonly body: () => Promise<Body>;
  readonly now: () => Date;
  /** Of every part but the last. */
  readonly partBytesMin: number;
  /** Tells the event hook. */
  readonly changed: (change: Omit<Change, 'bucket'>) => void;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export type Handler = (call: Call) => Promise<Reply> | Reply;

export function xmlReply(body: string, headers: Record<string, string> = {}): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body };
}

/** A header of the request, or the trailer of its body, whichever came. */
export function headerOrTrailer(request: S3Request, body: Body) {
  return (name: string): string | undefined => request.header(name) ?? body.trailers.get(name);
}

export function conditionsOf(request: S3Request): Conditions {
  return {
    ifMatch: unquoted(request.header('if-match')),
    ifNoneMatch: unquoted(request.header('if-none-match')),
  };
}

export function unquoted(value: string | undefined): string | undefined {
  return value?.replace(/^"(.*)"$/, '$1');
}

const KEPT_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
];
const METADATA_SIZE_BYTES_MAX = 2048;

export function attributesOf(request: S3Request): ObjectAttributes {
  const metadata = request.headersBelow('x-amz-meta-');
  if (Object.entries(metadata).flat().join('').length > METADATA_SIZE_BYTES_MAX) {
    throw s3Error('MetadataTooLarge');
  }
  const encodings = (request.header('content-encoding') ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '' && value !== 'aws-chunked');
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = request.header(name);
    if (value !== undefined) headers[name] = value;
  }
  if (encodings.length > 0) headers['content-encoding'] = encodings.join(',');
  return { metadata, headers, storageClass: request.header('x-amz-storage-class') ?? 'STANDARD' };
}
