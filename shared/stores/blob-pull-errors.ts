import { type BlobAttempt, translateBlobError } from './blob-errors.ts';
import { StoreError, type StoreErrorCode } from './store-error.ts';

/**
 * What the service says when it could not read the source (`CannotVerifyCopySource`): its own status
 * or, in newer versions, the source's in `x-ms-copy-source-status-code`. Never "absent": that is for
 * the source's own store to say.
 */
const BY_SOURCE_STATUS: Readonly<Record<number, StoreErrorCode>> = {
  401: 'denied',
  403: 'denied',
  412: 'changed',
  429: 'throttled',
  503: 'throttled',
};

const HINT_DENIED =
  'Let the storage account read the source: no bucket policy or firewall may bind its readers to a ' +
  'network, and the credentials that sign for it must be allowed to read';

/** The one translation of what a pull throws. The SDK's error holds the source's URL: it goes (S9). */
export function translatePullError(error: unknown, attempt: BlobAttempt): unknown {
  if (attempt.signal?.aborted) return attempt.signal.reason;
  const { code, status, sourceStatus } = factsOf(error);
  if (code === 'SourceConditionNotMet' || code === 'CannotVerifyCopySource') {
    const meant = code === 'SourceConditionNotMet' ? 412 : (sourceStatus ?? status ?? 0);
    const storeCode = BY_SOURCE_STATUS[meant] ?? 'unreachable';
    const message = `Cannot pull to "${attempt.url}": the source answers ${meant} (${code})`;
    return new StoreError(storeCode, message, storeCode === 'denied' ? { hint: HINT_DENIED } : {});
  }
  return translateBlobError(error, attempt);
}

function factsOf(error: unknown) {
  const fields = record(error);
  const details = record(fields['details']);
  const sourceStatus = Number(details['copySourceStatusCode'] ?? Number.NaN);
  const status = fields['statusCode'];
  return {
    code: text(fields['code']) || text(details['errorCode']),
    status: typeof status === 'number' ? status : undefined,
    sourceStatus: Number.isInteger(sourceStatus) ? sourceStatus : undefined,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
