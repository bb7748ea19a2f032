import { StoreError, type StoreErrorCode } from './store-error.ts';

/** What was tried, for the message. */
export interface FileAttempt {
  /** As it follows "Cannot": `read`, `write`, `list`. */
  readonly verb: string;
  readonly url: string;
  readonly signal?: AbortSignal | undefined;
}

/** Codes of the operating system that callers in this room decide by, not by this table. */
export type SystemCode = string | undefined;

/**
 * What the operating system's codes mean. A full disk is none of the port's codes; it is `invalid`,
 * since like a parameter that cannot be served it will fail again until somebody does something.
 */
const BY_SYSTEM_CODE: Readonly<Record<string, StoreErrorCode>> = {
  ENOENT: 'not_found',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  // Too many open files, here or on the machine: a slower pace helps.
  EMFILE: 'throttled',
  ENFILE: 'throttled',
  EAGAIN: 'throttled',
  EBUSY: 'throttled',
  // A disk or a network file system that does not answer.
  EIO: 'unreachable',
  ESTALE: 'unreachable',
  ETIMEDOUT: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENOTCONN: 'unreachable',
  ENOSPC: 'invalid',
  EDQUOT: 'invalid',
  EFBIG: 'invalid',
  ENAMETOOLONG: 'invalid',
  EISDIR: 'invalid',
  ENOTDIR: 'invalid',
  ELOOP: 'invalid',
  ENOSYS: 'unsupported',
  ENOTSUP: 'unsupported',
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such object',
  EACCES: 'access denied',
  EPERM: 'access denied',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENAMETOOLONG: 'its path is too long for the file system',
  EISDIR: 'a folder has that name',
  ENOTDIR: 'a file stands where a folder would have to be',
  ELOOP: 'it is a symbolic link',
};

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Grant the user of this process access to the folder',
  EPERM: 'Grant the user of this process access to the folder',
  EROFS: 'Mount the file system for writing, or use another folder',
  EMFILE: 'Raise the limit of open files (ulimit -n), or lower the concurrency',
  ENOSPC: 'Free space on the disk, or use another folder',
  EDQUOT: 'Raise the quota, or use another folder',
  ENAMETOOLONG: 'Use a folder with a shorter path',
  EISDIR:
    'A folder cannot hold an object beside keys that begin with its name and "/"; use S3 or Blob',
  ENOTDIR:
    'A folder cannot hold an object beside keys that begin with its name and "/"; use S3 or Blob',
  ELOOP: 'Replace the symbolic link by what it points to',
};

/** The operating system's code of an error that one of its calls gave. */
export function systemCode(error: unknown): SystemCode {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The one translation of what the file system throws. What did not come from it (a failing body, a
 * `StoreError`) passes; a cancelled call rethrows the reason of its signal.
 */
export function translateFileError(error: unknown, attempt: FileAttempt): unknown {
  if (attempt.signal?.aborted) return attempt.signal.reason;
  const code = systemCode(error);
  return code === undefined ? error : fileError(code, attempt, error);
}

/** A failure by its code in the operating system's words. */
export function fileError(code: string, attempt: FileAttempt, cause?: unknown): StoreError {
  const { verb, url } = attempt;
  const message = `Cannot ${verb} "${url}": ${REASONS[code] ?? 'the file system refuses'} (${code})`;
  const hint = HINTS[code];
  return new StoreError(BY_SYSTEM_CODE[code] ?? 'invalid', message, {
    cause,
    ...(hint !== undefined && { hint }),
  });
}

/** Runs one call of the file system in the words of `attempt`. */
export async function inFile<T>(attempt: FileAttempt, call: () => Promise<T>): Promise<T> {
  try {
    attempt.signal?.throwIfAborted();
    return await call();
  } catch (error) {
    throw translateFileError(error, attempt);
  }
}

/** The value of `call`, or `undefined` where it fails by one of `codes`. */
export async function unless<T>(
  codes: readonly string[],
  call: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (codes.includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
