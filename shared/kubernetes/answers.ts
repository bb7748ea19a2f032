import { parseJson, readWhole } from './json-scan.ts';
import {
  isKubernetesError,
  KubernetesError,
  type KubernetesErrorCode,
} from './kubernetes-error.ts';
import type { Attempt, HttpAnswer } from './transport.ts';

/** What the server said of a failure: `metav1.Status`. Fields are untrusted and may be anything. */
export interface ServerStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** Of the object that the status is about. */
  readonly name: string;
  /** Fields that are at fault, without their values. */
  readonly fields: readonly string[];
}

const STATUS_SIZE_BYTES_MAX = 256 * 1024;
const QUOTED_LENGTH_MAX = 300;

/**
 * Codes of HTTP as the API server uses them ("HTTP Status codes" of its API conventions). A 404
 * counts as proof only where the server names what is not there: see `refusal`.
 */
const BY_STATUS: Readonly<Record<number, KubernetesErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not_found',
  405: 'invalid',
  406: 'invalid',
  409: 'conflict',
  410: 'gone',
  413: 'too_large',
  415: 'invalid',
  422: 'invalid',
  429: 'throttled',
};

const REASONS: Readonly<Record<KubernetesErrorCode, string>> = {
  not_found: 'there is no such object',
  api_not_found: 'the cluster does not know this resource',
  denied: 'access denied',
  conflict: 'somebody else writes it, or it is another one by now',
  gone: 'the server no longer has that version of the list',
  throttled: 'the server asks for a slower pace',
  unreachable: 'no usable answer',
  tls_failed: 'the TLS handshake failed',
  too_large: 'too large',
  invalid: 'the server does not accept the request',
};

/** What the server said of its failure; `undefined` when no API server speaks like that. */
export async function statusOf(
  answer: HttpAnswer,
  attempt: Attempt,
): Promise<ServerStatus | undefined> {
  try {
    return statusFrom(await readJson(answer.body, STATUS_SIZE_BYTES_MAX, attempt));
  } catch (error) {
    // No status is that long. The code of the answer stays what it is.
    if (isKubernetesError(error, 'too_large')) return undefined;
    throw error;
  }
}

/** A `metav1.Status` taken apart, or `undefined` when `value` is none. */
export function statusFrom(value: unknown): ServerStatus | undefined {
  const status = record(value);
  if (status?.['kind'] !== 'Status' || typeof status['code'] !== 'number') return undefined;
  const details = record(status['details']);
  const causes: unknown = details?.['causes'];
  const fields = (Array.isArray(causes) ? causes : []).map((cause) => text(record(cause), 'field'));
  return {
    code: status['code'],
    reason: text(status, 'reason'),
    message: text(status, 'message'),
    name: text(details, 'name'),
    fields: fields.filter((field) => field !== '').slice(0, 10),
  };
}

/** What a failure is. `status` is what the body said of it, if an API server wrote that. */
export function refusal(
  httpStatus: number,
  status: ServerStatus | undefined,
  attempt: Attempt,
  retryAfterMs?: number,
): KubernetesError {
  const unproven = httpStatus === 404 && !status?.name;
  const code = unproven ? 'unreachable' : (BY_STATUS[httpStatus] ?? 'unreachable');
  const message = `Cannot ${attempt.action} (${attempt.source}): ${REASONS[code]}`;
  const said = words(code, status);
  const named = [httpStatus, status?.reason].filter(Boolean).join(' ');
  return new KubernetesError(code, `${message} (${named}${said && `: ${said}`})`, { retryAfterMs });
}

/** A failure that was found out without the server's words. */
export function failure(code: KubernetesErrorCode, attempt: Attempt, why = ''): KubernetesError {
  const message = `Cannot ${attempt.action} (${attempt.source}): ${REASONS[code]}`;
  return new KubernetesError(code, why === '' ? message : `${message} (${why})`);
}

/**
 * The server's own words where they say who may not do what, or what is not there. Those about a
 * refused object may hold its values, which may be secrets: of it only the fields are named (S9).
 */
function words(code: KubernetesErrorCode, status: ServerStatus | undefined): string {
  if (status === undefined) return '';
  const speaks = code === 'denied' || code === 'not_found';
  const said = speaks ? status.message : status.fields.join(', ');
  // No control characters from a stranger.
  return said.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, QUOTED_LENGTH_MAX);
}

/** The JSON of a whole body; `undefined` when it is none. Throws `too_large`. */
export async function readJson(
  body: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
  attempt: Attempt,
): Promise<unknown> {
  return jsonOrNothing(await readWhole(body, sizeBytesMax, attempt));
}

export function jsonOrNothing(bytes: Buffer): unknown {
  try {
    return parseJson(bytes);
  } catch {
    return undefined;
  }
}

export function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

export function text(fields: Readonly<Record<string, unknown>> | undefined, name: string): string {
  const value = fields?.[name];
  return typeof value === 'string' ? value : '';
}
