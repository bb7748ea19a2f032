import type { IncomingMessage } from 'node:http';
import { s3Error } from './errors.ts';

/** A request as the handlers see it, path style: `/bucket/key?query`. */
export interface S3Request {
  readonly method: string;
  /** As sent, still encoded, without the query. */
  readonly rawPath: string;
  /** Empty when the request is about the service. */
  readonly bucket: string;
  /** Empty when the request is about the bucket. */
  readonly key: string;
  /** Decoded, in the order sent. */
  readonly query: readonly (readonly [string, string])[];
  /** The first value of a query parameter; an empty string when it has none. */
  param(name: string): string | undefined;
  /** All values of a header, joined as signatures join them. */
  header(name: string): string | undefined;
  /** Names and values of the headers that begin with `prefix`, without it. */
  headersBelow(prefix: string): Record<string, string>;
}

export function parseRequest(message: IncomingMessage): S3Request {
  const url = message.url ?? '/';
  const queryStart = url.indexOf('?');
  const rawPath = queryStart < 0 ? url : url.slice(0, queryStart);
  const query = parseQuery(queryStart < 0 ? '' : url.slice(queryStart + 1));
  const keyStart = rawPath.indexOf('/', 1);
  const headers = headerMap(message.rawHeaders);
  return {
    method: message.method ?? 'GET',
    rawPath,
    bucket: decode(rawPath.slice(1, keyStart < 0 ? undefined : keyStart)),
    key: keyStart < 0 ? '' : decode(rawPath.slice(keyStart + 1)),
    query,
    param: (name) => query.find(([found]) => found === name)?.[1],
    header: (name) => headers.get(name),
    headersBelow: (prefix) =>
      Object.fromEntries(
        [...headers].flatMap(([name, value]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
        ),
      ),
  };
}

function headerMap(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = (raw[at + 1] ?? '').trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

function parseQuery(raw: string): [string, string][] {
  if (raw === '') return [];
  return raw.split('&').map((pair) => {
    const end = pair.indexOf('=');
    const name = end < 0 ? pair : pair.slice(0, end);
    const value = end < 0 ? '' : pair.slice(end + 1);
    return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))];
  });
}

export function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    const error = s3Error('InvalidArgument', { Resource: value }, "Couldn't parse the URI");
    error.cause = cause;
    throw error;
  }
}

/** RFC 3986 as signatures demand it: everything but the unreserved characters. */
export function uriEncode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
