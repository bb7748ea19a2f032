import { isTlsCode } from '../stores/transfer.ts';
import { SnapshotError, type SnapshotErrorCode } from './snapshot-error.ts';

/**
 * Codes of ARM ("Resolve common Azure deployment errors", "Request limits and throttling" and
 * "Azure REST API error codes"). Only these 404s prove that a resource is absent; the last one is
 * the answer of a storage account without lifecycle rules.
 */
const ABSENT: ReadonlySet<string> = new Set([
  'ResourceNotFound',
  'ResourceGroupNotFound',
  'ManagementPolicyNotFound',
]);

const BY_CODE = new Map(
  Object.entries<SnapshotErrorCode>({
    AuthorizationFailed: 'denied',
    AuthenticationFailed: 'denied',
    ExpiredAuthenticationToken: 'denied',
    InvalidAuthenticationToken: 'denied',
    LinkedAuthorizationFailed: 'denied',
    // The tenant of the token does not know the subscription, whether there is one or not.
    InvalidAuthenticationTokenTenant: 'other_account',
    SubscriptionNotFound: 'other_account',
    InvalidSubscriptionId: 'other_account',
    TooManyRequests: 'throttled',
    SubscriptionRequestsThrottled: 'throttled',
    ResourceCollectionRequestsThrottled: 'throttled',
  }),
);

const BY_STATUS: Readonly<Record<number, SnapshotErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  429: 'throttled',
};

const REASONS: Readonly<Record<SnapshotErrorCode, string>> = {
  denied: 'access denied',
  other_account: 'the identity is of a tenant that does not know the subscription',
  other_region: 'it is in another region',
  throttled: 'Azure asks for a slower pace',
  unreachable: 'no usable answer',
  invalid: 'Azure does not accept the request',
};

const READER_HINT =
  'Grant the identity "Reader", or Microsoft.Compute/snapshots/read, on the resource group';

/**
 * What an answer other than 200 with JSON means.
 * @returns `undefined` when it proves that the resource or its group is absent.
 */
export function translateArmAnswer(
  status: number,
  headers: Headers,
  body: unknown,
  url: URL,
): SnapshotError | undefined {
  const armCode = codeIn(body);
  if (status === 404 && ABSENT.has(armCode)) return undefined;
  // A 404 without ARM's word for it, or a 200 that is no JSON, is of a proxy or another service.
  const code = BY_CODE.get(armCode) ?? BY_STATUS[status] ?? 'unreachable';
  const names = [status, armCode].filter(Boolean).join(' ');
  const seconds = /^\d{1,6}$/.exec(headers.get('retry-after') ?? '')?.[0];
  const message = `Cannot read "${url.origin}${url.pathname}": ${REASONS[code]} (${names})`;
  return new SnapshotError(code, message, {
    retryAfterMs: seconds === undefined ? undefined : Number(seconds) * 1000,
    hint: armCode === 'AuthorizationFailed' ? READER_HINT : undefined,
  });
}

/** Of `@azure/identity`: nobody who could sign was found, or Entra ID did not accept them. */
const CREDENTIAL_NAMES =
  /^(CredentialUnavailableError|(Aggregate)?AuthenticationError|AuthenticationRequiredError)$/;

/** What `fetch` or the credential throws, when there was no answer. Never holds the token. */
export function translateArmFailure(
  error: unknown,
  endpoint: string,
  signal?: AbortSignal,
): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof SnapshotError) return error;
  const { name, code } = facts(error);
  const isDenied = CREDENTIAL_NAMES.test(name) || code === 'denied';
  const reason = isDenied ? 'denied' : 'unreachable';
  const message = `Cannot ask ${endpoint}: ${REASONS[reason]} (${code || name || 'unknown'})`;
  return new SnapshotError(reason, message, { cause: error, hint: hintOf(isDenied, code) });
}

function hintOf(isDenied: boolean, code: string): string | undefined {
  if (isDenied) {
    return 'Give this process an Azure identity: a managed one, a federated one, or "az login"';
  }
  if (!isTlsCode(code)) return undefined;
  return 'Check the certificate of the endpoint; trust a private CA by NODE_EXTRA_CA_CERTS';
}

/** `fetch` hides the socket's failure in the cause of a `TypeError`. */
function facts(error: unknown): { name: string; code: string } {
  const fields = record(error);
  return {
    name: text(fields['name']),
    code: text(fields['code']) || text(record(fields['cause'])['code']),
  };
}

function codeIn(body: unknown): string {
  return text(record(record(body)['error'])['code']);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
