import { isTlsCode } from '../stores/transfer.ts';
import { SnapshotError, type SnapshotErrorCode } from './snapshot-error.ts';

/**
 * Codes of "Error codes for the Amazon EC2 API" and of the SDK. `InvalidSnapshot.NotFound` is not
 * among them: it is an answer, and whoever asked by id takes it before an error is made of it.
 */
const BY_NAME = new Map(
  Object.entries<SnapshotErrorCode>({
    AccessDenied: 'denied',
    AccessDeniedException: 'denied',
    AuthFailure: 'denied',
    Blocked: 'denied',
    CredentialsProviderError: 'denied',
    ExpiredToken: 'denied',
    ExpiredTokenException: 'denied',
    IncompleteSignature: 'denied',
    InvalidClientTokenId: 'denied',
    MissingAuthenticationToken: 'denied',
    OptInRequired: 'denied',
    PendingVerification: 'denied',
    RequestExpired: 'denied',
    SignatureDoesNotMatch: 'denied',
    TokenProviderError: 'denied',
    UnauthorizedOperation: 'denied',
    UnrecognizedClientException: 'denied',
    EC2ThrottledException: 'throttled',
    RequestLimitExceeded: 'throttled',
    RequestThrottled: 'throttled',
    Throttling: 'throttled',
    ThrottlingException: 'throttled',
    TooManyRequestsException: 'throttled',
    InternalError: 'unreachable',
    InternalFailure: 'unreachable',
    ServiceUnavailable: 'unreachable',
    Unavailable: 'unreachable',
    TimeoutError: 'unreachable',
  }),
);

const BY_STATUS: Readonly<Record<number, SnapshotErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  429: 'throttled',
};

const HINTS_BY_NAME = new Map(
  Object.entries({
    UnauthorizedOperation:
      'Grant ec2:DescribeSnapshots to the identity (it knows no resources: "*")',
    OptInRequired: 'Enable the region for the account, or check its name',
    RequestExpired: 'Set the clock of this machine by NTP, then run again',
    CredentialsProviderError:
      'Give this process AWS credentials: a role, a profile, or AWS_ACCESS_KEY_ID',
  }),
);

const REASONS: Readonly<Record<SnapshotErrorCode, string>> = {
  denied: 'access denied',
  other_account: 'the credentials are of another account',
  other_region: 'it is in another region',
  throttled: 'EC2 asks for a slower pace',
  unreachable: 'no usable answer',
  invalid: 'EC2 does not accept the request',
};

/**
 * The one translation of what the SDK, Node or EC2 throws. A cancelled call rethrows the reason of
 * its signal, and a `SnapshotError` stays what it is.
 */
export function translateEc2Error(error: unknown, place: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof SnapshotError) return error;
  const { name, systemCode, status } = ec2Facts(error);
  const code = codeOf(name, systemCode, status);
  const names = [status, systemCode || name].filter(Boolean).join(' ');
  return new SnapshotError(
    code,
    `Cannot ask ${place} about snapshots: ${REASONS[code]} (${names})`,
    {
      hint: isTlsCode(systemCode)
        ? 'Check the certificate of the endpoint; trust a private CA by NODE_EXTRA_CA_CERTS'
        : HINTS_BY_NAME.get(name),
      cause: error,
    },
  );
}

function codeOf(name: string, systemCode: string, status: number | undefined): SnapshotErrorCode {
  const known = BY_NAME.get(name);
  if (known !== undefined) return known;
  // Who gets the credentials of a role says in the stores' words what it was refused.
  if (systemCode === 'denied') return 'denied';
  if (status === undefined || systemCode !== '') return 'unreachable';
  return BY_STATUS[status] ?? 'unreachable';
}

/** The parts of an SDK or socket error that decide what it means. Read from `unknown`. */
export function ec2Facts(error: unknown) {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<
    string,
    unknown
  >;
  const metadata = (fields['$metadata'] ?? {}) as { httpStatusCode?: unknown };
  const status = metadata.httpStatusCode;
  return {
    name: text(fields['name']),
    message: text(fields['message']),
    systemCode: fields['Code'] === undefined ? text(fields['code']) : '',
    status: typeof status === 'number' ? status : undefined,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
