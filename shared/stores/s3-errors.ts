import { StoreError, type StoreErrorCode } from './store-error.ts';
import { isTlsCode } from './transfer.ts';

/** What was tried, for the message and for what a status means. */
export interface S3Attempt {
  /** As it follows "Cannot": `read`, `write`, `list`. */
  readonly verb: string;
  readonly url: string;
  /** What a failed precondition says: of a creation that the key is taken, else that it changed. */
  readonly whenRefused?: 'exists' | 'changed';
  readonly signal?: AbortSignal | undefined;
}

/** The parts of an SDK or socket error that decide what it means. Read from `unknown`. */
interface Facts {
  /** The code of S3's XML error, or the name of the SDK's or Node's error. */
  readonly name: string;
  readonly message: string;
  /** Of a socket, DNS or TLS failure. */
  readonly systemCode: string;
  readonly status: number | undefined;
  /** Where the bucket lives, when S3 says that it is elsewhere. */
  readonly region: string | undefined;
}

/**
 * Codes of S3 and of servers that speak its protocol ("Error responses", S3 API reference). A code
 * decides before the status does, since 400, 403, 404 and 409 mean many things.
 */
const BY_NAME: Readonly<Record<string, StoreErrorCode>> = {
  NoSuchBucket: 'bucket_not_found',
  NoSuchKey: 'not_found',
  // What the SDK calls a 404 without a body, which is how HEAD answers.
  NotFound: 'not_found',
  // Somebody, or a lifecycle rule, removed the unfinished upload: a new one may succeed.
  NoSuchUpload: 'unreachable',
  InvalidObjectState: 'archived',
  InvalidRange: 'range',
  RequestTimeTooSkewed: 'clock_skewed',
  // A conditional write of somebody else is under way: what will be there is not known yet.
  ConditionalRequestConflict: 'changed',
  OperationAborted: 'changed',
  BadDigest: 'corrupt',
  InvalidDigest: 'corrupt',
  XAmzContentSHA256Mismatch: 'corrupt',
  XAmzContentChecksumMismatch: 'corrupt',
  IncompleteBody: 'unreachable',
  InternalError: 'unreachable',
  RequestTimeout: 'unreachable',
  TimeoutError: 'unreachable',
  SlowDown: 'throttled',
  SlowDownRead: 'throttled',
  SlowDownWrite: 'throttled',
  ServiceUnavailable: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  RequestLimitExceeded: 'throttled',
  BandwidthLimitExceeded: 'throttled',
  TooManyRequests: 'throttled',
  TooManyRequestsException: 'throttled',
  ExpiredToken: 'denied',
  InvalidToken: 'denied',
  TokenRefreshRequired: 'denied',
  RequestExpired: 'denied',
  CredentialsProviderError: 'denied',
  TokenProviderError: 'denied',
  // versitygw answers an unknown access key by 404 and this code.
  XAdminUserNotFound: 'denied',
  NotImplemented: 'unsupported',
  MethodNotAllowed: 'unsupported',
  ObjectLocked: 'locked',
};

/** No 404 here: without a code that says so, nothing is proven absent. */
const BY_STATUS: Readonly<Record<number, StoreErrorCode>> = {
  401: 'denied',
  403: 'denied',
  405: 'unsupported',
  408: 'unreachable',
  409: 'changed',
  416: 'range',
  429: 'throttled',
  501: 'unsupported',
  503: 'throttled',
};

/** S3 refuses the removal of a locked version by a plain 403 and says why only in words. */
const LOCK_WORDS = /object.?lock|legal hold|retention|\bworm\b/i;

const REASONS: Readonly<Partial<Record<StoreErrorCode, string>>> = {
  not_found: 'there is no such object',
  bucket_not_found: 'there is no such bucket',
  denied: 'access denied',
  throttled: 'the store asks for a slower pace',
  unreachable: 'no usable answer',
  tls_failed: 'the TLS handshake failed',
  clock_skewed: "this machine's clock is too far from the store's",
  exists: 'it exists already',
  changed: 'it is another version by now, or is gone, or somebody else is writing it',
  locked: 'a retention or legal hold forbids it',
  archived: 'it lies in an archive tier',
  range: 'the range is not inside the object',
  corrupt: 'the store received other bytes than were sent',
  unsupported: 'this endpoint cannot do that',
  invalid: 'the store does not accept the request',
};

/**
 * The one translation of what the SDK, Node or an S3-compatible server throws. A cancelled call
 * rethrows the reason of its signal, and a `StoreError` stays what it is.
 */
export function translateS3Error(error: unknown, attempt: S3Attempt): unknown {
  if (attempt.signal?.aborted) return attempt.signal.reason;
  if (error instanceof StoreError) return error;
  const facts = factsOf(error);
  const code = codeOf(facts, attempt);
  const names = [facts.status, facts.systemCode || facts.name].filter(Boolean).join(' ');
  const message = `Cannot ${attempt.verb} "${attempt.url}": ${REASONS[code]} (${names})`;
  const hint = hintOf(code, facts, attempt);
  return new StoreError(code, message, { cause: error, ...(hint !== undefined && { hint }) });
}

/** A per-key failure inside an answer that succeeded as a whole (`DeleteObjects`). */
export function s3KeyError(
  code: string | undefined,
  text: string | undefined,
  attempt: S3Attempt,
): StoreError {
  const error = Object.assign(new Error(text), { name: code ?? 'Unknown', $metadata: {} });
  return translateS3Error(error, { ...attempt, signal: undefined }) as StoreError;
}

function codeOf(facts: Facts, attempt: S3Attempt): StoreErrorCode {
  const { name, status } = facts;
  if (name === 'PreconditionFailed' || status === 412) return attempt.whenRefused ?? 'changed';
  if (name === 'AccessDenied' && LOCK_WORDS.test(facts.message)) return 'locked';
  const known = BY_NAME[name];
  // The condition "this version" on an absent object is answered by 404.
  if (known === 'not_found' && attempt.whenRefused !== undefined) return 'changed';
  if (known !== undefined) return known;
  if (name === 'AccessDenied' || name === 'SignatureDoesNotMatch') return 'denied';
  if (name === 'InvalidAccessKeyId') return 'denied';
  if (isTlsCode(facts.systemCode)) return 'tls_failed';
  if (status === undefined || facts.systemCode !== '') return 'unreachable';
  // HEAD tells neither an expired token nor another region by a code.
  if (status === 400 && attempt.verb === 'look at') return 'denied';
  // What cannot be parsed as S3's answer was not said by S3: a proxy, or another service.
  if (status < 300) return 'unreachable';
  return BY_STATUS[status] ?? (status >= 500 ? 'unreachable' : 'invalid');
}

function hintOf(code: StoreErrorCode, facts: Facts, attempt: S3Attempt): string | undefined {
  if (facts.region !== undefined) return `Add region=${facts.region} to the location`;
  if (facts.name === 'CredentialsProviderError') {
    return 'Give this process AWS credentials: a role, a profile, or AWS_ACCESS_KEY_ID';
  }
  if (code === 'denied' && attempt.verb === 'look at' && facts.status === 400) {
    return "Check that the credentials have not expired and that the region is the bucket's own";
  }
  if (code === 'denied' && attempt.verb === 'look at') {
    return 'Grant s3:GetObject and s3:ListBucket: without the latter S3 denies absent objects too';
  }
  return undefined;
}

function factsOf(error: unknown): Facts {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<
    string,
    unknown
  >;
  const metadata = (fields['$metadata'] ?? {}) as { httpStatusCode?: unknown };
  const response = (fields['$response'] ?? {}) as { headers?: Record<string, unknown> };
  const region = fields['Region'] ?? response.headers?.['x-amz-bucket-region'];
  const status = metadata.httpStatusCode;
  const misplaced = status === 301 || status === 307 || status === 400;
  return {
    name: text(fields['name']) ?? '',
    message: text(fields['message']) ?? '',
    systemCode: text(fields['code']) ?? '',
    status: typeof status === 'number' ? status : undefined,
    region: misplaced ? text(region) : undefined,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
