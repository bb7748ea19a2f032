import { StoreError, type StoreErrorCode } from './store-error.ts';
import { isTlsCode } from './transfer.ts';

/** What was tried, for the message and for what a status means. */
export interface BlobAttempt {
  /** As it follows "Cannot": `read`, `write`, `list`. */
  readonly verb: string;
  readonly url: string;
  /** What a failed condition says: of a creation that the key is taken, else that it changed. */
  readonly whenRefused?: 'exists' | 'changed' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The parts of an SDK or socket error that decide what it means. Read from `unknown`. */
interface Facts {
  readonly name: string;
  readonly message: string;
  /** Of the service's answer (`BlobNotFound`), or of a socket, DNS or TLS failure (`ECONNRESET`). */
  readonly code: string;
  readonly status: number | undefined;
  /** What the service adds to a refused signature: which header it did not like. */
  readonly detail: string;
}

/**
 * Codes of Blob storage ("Blob Storage error codes" and "Common REST API error codes" of its
 * reference). A code decides before the status does, since 400, 403, 404, 409 and 412 mean many
 * things; a bare status, as of a proxy between, proves nothing about an object.
 */
const BY_CODE: Readonly<Record<string, StoreErrorCode>> = {
  BlobNotFound: 'not_found',
  ContainerNotFound: 'bucket_not_found',
  ContainerBeingDeleted: 'bucket_not_found',
  ContainerDisabled: 'bucket_not_found',
  // The answer to whoever may not even know whether the container is there.
  ResourceNotFound: 'denied',
  PublicAccessNotPermitted: 'denied',
  InvalidAuthenticationInfo: 'denied',
  BlobAlreadyExists: 'exists',
  BlobArchived: 'archived',
  BlobBeingRehydrated: 'archived',
  InvalidRange: 'range',
  Md5Mismatch: 'corrupt',
  Crc64Mismatch: 'corrupt',
  ServerBusy: 'throttled',
  TooManyRequests: 'throttled',
  OperationTimedOut: 'unreachable',
  InternalError: 'unreachable',
  SnapshotsPresent: 'locked',
  SnapshotOperationRateExceeded: 'throttled',
  InvalidBlobType: 'invalid',
  UnsupportedHttpVerb: 'unsupported',
  UnsupportedHeader: 'unsupported',
  UnsupportedQueryParameter: 'unsupported',
};

/** Immutability policies, legal holds, and leases that somebody else took. */
const LOCK_CODES = /^(BlobImmutable|ContainerImmutable|Lease)|LegalHold/;

const BY_STATUS: Readonly<Record<number, StoreErrorCode>> = {
  401: 'denied',
  403: 'denied',
  404: 'unreachable',
  405: 'unsupported',
  408: 'unreachable',
  409: 'changed',
  416: 'range',
  429: 'throttled',
  501: 'unsupported',
  503: 'throttled',
};

/** Of `@azure/identity`: nobody who could sign was found, or Entra ID did not accept them. */
const CREDENTIAL_NAMES =
  /^(CredentialUnavailableError|(Aggregate)?AuthenticationError|AuthenticationRequiredError)$/;
/** "Request date header too old: ...", part of `AuthenticationErrorDetail`. */
const CLOCK_WORDS = /\bdate header\b/i;

const REASONS: Readonly<Record<StoreErrorCode, string>> = {
  not_found: 'there is no such object',
  bucket_not_found: 'there is no such container',
  denied: 'access denied',
  throttled: 'the store asks for a slower pace',
  unreachable: 'no usable answer',
  tls_failed: 'the TLS handshake failed',
  clock_skewed: "this machine's clock is too far from the store's",
  exists: 'it exists already',
  changed: 'it is another version by now, or is gone',
  locked: 'a policy, legal hold, lease or snapshot forbids it',
  archived: 'it lies in the archive tier',
  range: 'the range is not inside the object',
  corrupt: 'the store received other bytes than were sent',
  unsupported: 'this endpoint cannot do that',
  invalid: 'the store does not accept the request',
};

/**
 * The one translation of what the SDK, Node or the service throws. A cancelled call rethrows the
 * reason of its signal, and a `StoreError` stays what it is.
 */
export function translateBlobError(error: unknown, attempt: BlobAttempt): unknown {
  if (attempt.signal?.aborted) return attempt.signal.reason;
  if (error instanceof StoreError) return error;
  return storeError(factsOf(error), attempt);
}

/** A per-key failure inside an answer that succeeded as a whole (a batch). */
export function blobKeyError(status: number, code: string, attempt: BlobAttempt): StoreError {
  return storeError({ name: '', message: '', code, status, detail: '' }, attempt);
}

function storeError(facts: Facts, attempt: BlobAttempt): StoreError {
  const code = codeOf(facts, attempt);
  const names = [facts.status, facts.code || facts.name].filter(Boolean).join(' ');
  const message = `Cannot ${attempt.verb} "${attempt.url}": ${REASONS[code]} (${names})`;
  const hint = hintOf(facts);
  return new StoreError(code, message, {
    cause: withoutRequest(facts),
    ...(hint !== undefined && { hint }),
  });
}

function codeOf({ name, code, status, detail }: Facts, attempt: BlobAttempt): StoreErrorCode {
  if (CLOCK_WORDS.test(detail)) return 'clock_skewed';
  if (LOCK_CODES.test(code)) return 'locked';
  // Committing a block list throws away what others had staged: somebody else was faster.
  if (code === 'InvalidBlockList') return attempt.whenRefused ?? 'unreachable';
  const known = BY_CODE[code];
  // The condition "this version" on an absent object.
  if (known === 'not_found' && attempt.whenRefused !== undefined) return 'changed';
  if (known !== undefined) return known;
  if (status === 412) return attempt.whenRefused ?? 'changed';
  if (CREDENTIAL_NAMES.test(name)) return 'denied';
  if (isTlsCode(code)) return 'tls_failed';
  // What cannot be parsed as the service's answer was not said by the service.
  if (status === undefined || status < 300) return 'unreachable';
  return BY_STATUS[status] ?? (status >= 500 ? 'unreachable' : 'invalid');
}

function hintOf({ name, code, status }: Facts): string | undefined {
  if (CREDENTIAL_NAMES.test(name)) {
    return 'Give this process an Azure identity: a managed one, a federated one, or "az login"';
  }
  if (code === 'SnapshotsPresent') return 'Remove the snapshots of the blob first';
  if (code === 'ResourceNotFound') {
    return 'Check the account and container, and that the request carries credentials';
  }
  if (code === 'AuthorizationPermissionMismatch') {
    return 'Grant the identity "Storage Blob Data Reader" or "Contributor" on the container';
  }
  if (status === 404 && code === '') return 'Check that the endpoint is one of Blob storage';
  return undefined;
}

function factsOf(error: unknown): Facts {
  const fields = record(error);
  const details = record(fields['details']);
  const status = fields['statusCode'];
  return {
    name: text(fields['name']),
    message: text(fields['message']),
    // The answer to HEAD has no body, so that its code is in a header alone.
    code: text(fields['code']) || text(details['errorCode']) || text(details['code']),
    status: typeof status === 'number' ? status : undefined,
    detail: text(details['authenticationErrorDetail']),
  };
}

/**
 * The SDK's error holds the request, and with it the signature: its URL is a secret where it is a
 * SAS, its headers are where a key or a token signs (S9).
 */
function withoutRequest({ name, message, code, status }: Facts): Error {
  const cause = new Error(message.replace(/\?\S*/g, '?...'));
  return Object.assign(cause, { name, code, ...(status !== undefined && { status }) });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
