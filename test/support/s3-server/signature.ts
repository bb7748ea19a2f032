import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { s3Error } from './errors.ts';
import { decode, type S3Request, uriEncode } from './request.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SignatureRules {
  readonly credentials: Credentials;
  readonly region: string;
  readonly now: Date;
}

/** What a verified request promises about its body, and what its chunks are signed with. */
export interface Authentication {
  /** A SHA-256 in hex, `UNSIGNED-PAYLOAD`, or one of the `STREAMING-…` names. */
  readonly payload: string;
  readonly signature: string;
  /** Signs the next string of a chain of chunks. */
  sign(algorithm: string, ...lines: string[]): string;
}

interface Claim {
  readonly accessKeyId: string;
  readonly scope: readonly [date: string, region: string, service: string];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20250102T030405Z`. */
  readonly timestamp: string;
  readonly payload: string;
  readonly presigned: boolean;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS_MAX = 15 * 60 * 1000;
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;
export const EMPTY_SHA256 = createHash('sha256').digest('hex');

/**
 * Verifies Signature Version 4 in its header and its query form ("Authenticating Requests", S3 API
 * reference). Throws the error that S3 answers; a request without a signature is denied.
 */
export function authenticate(request: S3Request, rules: SignatureRules): Authentication {
  const claim = headerClaim(request) ?? queryClaim(request);
  if (claim === undefined) throw s3Error('AccessDenied');
  const { credentials } = rules;
  checkScope(claim, rules.region);
  checkTime(request, claim, rules.now);
  if (claim.accessKeyId !== credentials.accessKeyId) {
    throw s3Error('InvalidAccessKeyId', { AWSAccessKeyId: claim.accessKeyId });
  }
  const key = signingKey(credentials.secretAccessKey, claim.scope);
  const scope = [...claim.scope, 'aws4_request'].join('/');
  const sign = (algorithm: string, ...lines: string[]): string =>
    createHmac('sha256', key)
      .update([algorithm, claim.timestamp, scope, ...lines].join('\n'))
      .digest('hex');
  const canonical = canonicalRequest(request, claim);
  const expected = sign(ALGORITHM, sha256(canonical));
  if (!sameText(expected, claim.signature)) {
    throw s3Error('SignatureDoesNotMatch', {
      AWSAccessKeyId: claim.accessKeyId,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  return { payload: claim.payload, signature: claim.signature, sign };
}

function headerClaim(request: S3Request): Claim | undefined {
  const authorization = request.header('authorization');
  if (authorization === undefined) return undefined;
  const match =
    /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  const payload = request.header('x-amz-content-sha256');
  if (match === null) throw s3Error('AuthorizationHeaderMalformed');
  if (payload === undefined) {
    const message = 'Missing required header for this request: x-amz-content-sha256';
    throw s3Error('InvalidRequest', {}, message);
  }
  const [, credential = '', signedHeaders = '', signature = ''] = match;
  const timestamp = request.header('x-amz-date');
  if (timestamp === undefined) {
    const message = 'AWS authentication requires a valid Date or x-amz-date header';
    throw s3Error('AccessDenied', {}, message);
  }
  return {
    ...parseCredential(credential, 'AuthorizationHeaderMalformed'),
    signedHeaders: signedHeaders.split(';'),
    signature,
    timestamp,
    payload,
    presigned: false,
  };
}

function queryClaim(request: S3Request): Claim | undefined {
  if (request.param('X-Amz-Algorithm') !== ALGORITHM) return undefined;
  const parameter = (name: string): string => {
    const value = request.param(name);
    if (value === undefined) throw s3Error('AuthorizationQueryParametersError');
    return value;
  };
  return {
    ...parseCredential(parameter('X-Amz-Credential'), 'AuthorizationQueryParametersError'),
    signedHeaders: parameter('X-Amz-SignedHeaders').split(';'),
    signature: parameter('X-Amz-Signature'),
    timestamp: parameter('X-Amz-Date'),
    payload:
      request.header('x-amz-content-sha256') ??
      request.param('X-Amz-Content-Sha256') ??
      'UNSIGNED-PAYLOAD',
    presigned: true,
  };
}

function parseCredential(
  credential: string,
  code: 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError',
): Pick<Claim, 'accessKeyId' | 'scope'> {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(credential);
  if (match === null) throw s3Error(code);
  const [, accessKeyId = '', date = '', region = '', service = ''] = match;
  return { accessKeyId, scope: [date, region, service] };
}

function checkScope(claim: Claim, region: string): void {
  const [date, given, service] = claim.scope;
  if (given !== region) {
    const message =
      'The authorization header is malformed; ' +
      `the region '${given}' is wrong; expecting '${region}'`;
    throw s3Error('AuthorizationHeaderMalformed', { Region: region }, message);
  }
  if (service !== 's3' || !claim.timestamp.startsWith(date)) {
    throw s3Error('AuthorizationHeaderMalformed');
  }
}

function checkTime(request: S3Request, claim: Claim, now: Date): void {
  const signed = parseTimestamp(claim.timestamp);
  const ageMs = now.getTime() - signed.getTime();
  if (!claim.presigned) {
    if (Math.abs(ageMs) <= SKEW_MS_MAX) return;
    throw s3Error('RequestTimeTooSkewed', {
      RequestTime: claim.timestamp,
      ServerTime: now.toISOString(),
      MaxAllowedSkewMilliseconds: `${SKEW_MS_MAX}`,
    });
  }
  const expiresSeconds = Number(request.param('X-Amz-Expires'));
  if (!(expiresSeconds >= 1 && expiresSeconds <= EXPIRES_SECONDS_MAX)) {
    throw s3Error('AuthorizationQueryParametersError');
  }
  if (ageMs < -SKEW_MS_MAX) throw s3Error('AccessDenied', {}, 'Request is not valid yet');
  if (ageMs > expiresSeconds * 1000) throw s3Error('AccessDenied', {}, 'Request has expired');
}

function parseTimestamp(timestamp: string): Date {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (match === null) throw s3Error('AccessDenied', {}, 'The request has no valid date');
  const [, year, month, day, hour, minute, second] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function canonicalRequest(request: S3Request, claim: Claim): string {
  const path = request.rawPath
    .split('/')
    .map((segment) => uriEncode(decode(segment)))
    .join('/');
  const query = request.query
    .filter(([name]) => !(claim.presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = claim.signedHeaders.map((name) => {
    const value = request.header(name) ?? '';
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  checkSignedHeaders(request, claim);
  const names = claim.signedHeaders.join(';');
  return [request.method, path, query, headers.join(''), names, claim.payload].join('\n');
}

/** S3 demands that the host and every `x-amz-` header present take part in the signature. */
function checkSignedHeaders(request: S3Request, claim: Claim): void {
  const present = ['host', ...Object.keys(request.headersBelow('x-amz-')).map((n) => `x-amz-${n}`)];
  const unsigned = present.filter((name) => !claim.signedHeaders.includes(name));
  if (unsigned.length === 0) return;
  const message = 'There were headers present in the request which were not signed';
  throw s3Error('AccessDenied', { HeadersNotSigned: unsigned.join(', ') }, message);
}

function signingKey(secret: string, scope: readonly string[]): Buffer {
  return [...scope, 'aws4_request'].reduce(
    (key: Buffer, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
