import { DrydockError } from '../model/errors.ts';

/** What can go wrong when a message is handed to a queue. */
export type QueueErrorCode =
  /** The queue is proven absent. */
  | 'not_found'
  /** The caller may not send to it, or its credentials are not accepted. */
  | 'denied'
  /** The service asks for a slower pace. */
  | 'throttled'
  /** No usable answer: the message may have been kept all the same. */
  | 'unreachable'
  /** The service does not take the request. */
  | 'invalid';

const REASONS: Readonly<Record<QueueErrorCode, string>> = {
  not_found: 'there is no such queue',
  denied: 'access denied',
  throttled: 'the service asks for a slower pace',
  unreachable: 'no usable answer',
  invalid: 'the service does not accept the request',
};

const HINTS: Readonly<Record<QueueErrorCode, string>> = {
  not_found: 'Create the queue, or correct DRYDOCK_QUEUE_URL',
  denied:
    'Grant this identity sqs:SendMessage, or "Storage Queue Data Message Sender", on the queue',
  throttled: 'Wait for the next run',
  unreachable: 'Check the endpoint, the network and the state of the service, then run again',
  invalid: 'Check DRYDOCK_QUEUE_URL',
};

export class QueueError extends DrydockError {
  declare readonly code: QueueErrorCode;

  constructor(code: QueueErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super('operation', code, message, { hint: HINTS[code], cause: options.cause });
    this.name = 'QueueError';
  }
}

/** The parts of an SDK's error that decide what it means. */
export interface QueueFailure {
  /** The service's own code for it, or the name of the SDK's or Node's error. */
  readonly name: string;
  /** Of the answer, where there was one. */
  readonly status: number | undefined;
}

/** Names of both services, and of both SDKs where nobody could sign. */
const BY_NAME: ReadonlyMap<string, QueueErrorCode> = new Map([
  ['QueueDoesNotExist', 'not_found'],
  ['AWS.SimpleQueueService.NonExistentQueue', 'not_found'],
  ['QueueNotFound', 'not_found'],
  ['QueueBeingDeleted', 'not_found'],
  ['CredentialsProviderError', 'denied'],
  ['CredentialUnavailableError', 'denied'],
  ['AuthenticationError', 'denied'],
  ['AggregateAuthenticationError', 'denied'],
  ['AuthenticationRequiredError', 'denied'],
  ['InvalidClientTokenId', 'denied'],
  ['ExpiredToken', 'denied'],
  ['KmsAccessDenied', 'denied'],
  ['InvalidAuthenticationInfo', 'denied'],
  ['RequestThrottled', 'throttled'],
  ['ThrottlingException', 'throttled'],
  ['OverLimit', 'throttled'],
  ['ServerBusy', 'throttled'],
]);

/** The one translation of what an SDK throws. The cause leaves out the request, which is signed (S9). */
export function queueError(url: string, { name, status }: QueueFailure): QueueError {
  const code = BY_NAME.get(name) ?? codeOf(status);
  const told = [status, name].filter(Boolean).join(' ');
  const message = `Cannot send to the queue "${url}": ${REASONS[code]} (${told})`;
  return new QueueError(code, message, { cause: Object.assign(new Error(name), { status }) });
}

/** No 404 here: without a code that says so, it may be the answer of a proxy. */
function codeOf(status: number | undefined): QueueErrorCode {
  if (status === 401 || status === 403) return 'denied';
  if (status === 429 || status === 503) return 'throttled';
  const isRefusal = status !== undefined && status >= 400 && status < 500;
  return isRefusal && status !== 404 && status !== 408 ? 'invalid' : 'unreachable';
}
