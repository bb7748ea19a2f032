import { DrydockError } from '../model/errors.ts';
import type { UncheckedSnapshot } from './snapshot-witness.ts';

/** What can go wrong when a cloud is asked about snapshots. None of it ever means "absent" (S7). */
export type SnapshotErrorCode =
  /** The identity may not ask, its credentials are not accepted, or it may not see this snapshot. */
  | 'denied'
  /** The reference or the credentials are of another account or subscription. */
  | 'other_account'
  /** The reference is of another region than the one that was asked. */
  | 'other_region'
  /** The cloud asks for a slower pace. */
  | 'throttled'
  /** No usable answer: no connection, a fault of the service, an answer that is not the cloud's. */
  | 'unreachable'
  /** The reference, or the request, is not one that the cloud takes. */
  | 'invalid';

const HINTS: Readonly<Record<SnapshotErrorCode, string>> = {
  denied: 'Grant the identity the right to read snapshots, or check its credentials',
  other_account: 'Use an identity of the account or subscription that the snapshots are in',
  other_region: 'Name the region of the snapshot in the configuration of its location',
  throttled: 'Run again later',
  unreachable: 'Check the endpoint, the network and the state of the service, then run again',
  invalid: 'Check the reference and the region',
};

const SHOWN_LENGTH_MAX = 300;

export interface SnapshotErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** How long the cloud asks to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

export class SnapshotError extends DrydockError {
  declare readonly code: SnapshotErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: SnapshotErrorCode, message: string, options: SnapshotErrorOptions = {}) {
    super('operation', code, message, { hint: options.hint ?? HINTS[code], cause: options.cause });
    this.name = 'SnapshotError';
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * What a failed request leaves of the references that it asked for.
 * @throws the error itself when it is none of the cloud's: a cancellation, or a defect.
 */
export function unchecked(error: unknown): UncheckedSnapshot {
  if (!(error instanceof SnapshotError)) throw error;
  const { code: reason, message, hint } = error;
  return { outcome: 'unchecked', reason, message, hint };
}

/** A reference in a message: it is a stranger's text of any length. */
export function shownReference(reference: string): string {
  const isLong = reference.length > SHOWN_LENGTH_MAX;
  return JSON.stringify(isLong ? `${reference.slice(0, SHOWN_LENGTH_MAX)}...` : reference);
}
