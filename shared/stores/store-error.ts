import { DrydockError } from '../model/errors.ts';

/**
 * The finite list of what can go wrong with an object store. Each is its own fact and none is ever
 * turned into another: "denied", "throttled" and "unreachable" never mean "absent" (S7).
 */
export type StoreErrorCode =
  /** The object is proven absent. */
  | 'not_found'
  /** The bucket or container is proven absent. */
  | 'bucket_not_found'
  /** The caller may not do this, or its credentials are not accepted. */
  | 'denied'
  /** The store asks for a slower pace (429, 503 SlowDown, ServerBusy). */
  | 'throttled'
  /** No answer, a broken connection, or a fault of the service (5xx): the outcome is unknown. */
  | 'unreachable'
  /** The TLS handshake failed: certificate, name or protocol. */
  | 'tls_failed'
  /** This machine's clock is too far from the store's for signed requests. */
  | 'clock_skewed'
  /** `condition: 'absent'`, and the object is there. */
  | 'exists'
  /** `ifMatch` or `condition: { etag }`, and the object is another one by now, or is gone. */
  | 'changed'
  /** Retention, legal hold or immutability policy forbids it. */
  | 'locked'
  /** The object lies in an archive tier and cannot be read before it is restored from there. */
  | 'archived'
  /** The range asked for is not inside the object. */
  | 'range'
  /** The bytes are not the ones that their checksum promises. */
  | 'corrupt'
  /** This store, or this endpoint, cannot do that. */
  | 'unsupported'
  /** The key or a parameter is not legal for this store. */
  | 'invalid';

/** Codes after which the same request may succeed later without anybody doing anything. */
const RETRYABLE: ReadonlySet<StoreErrorCode> = new Set(['throttled', 'unreachable', 'corrupt']);

const HINTS: Readonly<Record<StoreErrorCode, string>> = {
  not_found: 'List the location to see what it holds',
  bucket_not_found: 'Check the name of the bucket or container and its region, or create it',
  denied: 'Grant the identity this action on the location, or check its credentials',
  throttled: 'Run again later or with a lower concurrency',
  unreachable: 'Check the endpoint, the network and the state of the service, then run again',
  tls_failed: 'Check the certificate of the endpoint; trust a private CA by NODE_EXTRA_CA_CERTS',
  clock_skewed: 'Set the clock of this machine by NTP, then run again',
  exists: 'Somebody else wrote the object first; run again to look at what is there',
  changed: 'The object was changed meanwhile; run again to look at what is there',
  locked: 'Wait until the retention of the object ends',
  archived:
    'Restore the object from its archive tier first, and exempt the location from archiving',
  range: 'The object is shorter than its index says; verify the repository',
  corrupt: 'Run again; if it persists the object itself is damaged',
  unsupported: 'Use a store that declares this capability',
  invalid: 'Use a key that this store accepts',
};

export interface StoreErrorOptions {
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every failure of an `ObjectReader` or `ObjectStore` but cancellation, which rethrows its reason. */
export class StoreError extends DrydockError {
  declare readonly code: StoreErrorCode;
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    const failure =
      code === 'exists' || code === 'changed' || code === 'locked' ? 'refused' : 'operation';
    super(failure, code, message, { hint: options.hint ?? HINTS[code], cause: options.cause });
    this.name = 'StoreError';
    this.retryable = RETRYABLE.has(code);
  }
}

/** Narrows a caught value to a store failure of one of `codes` (any code without them). */
export function isStoreError(error: unknown, ...codes: StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code));
}
