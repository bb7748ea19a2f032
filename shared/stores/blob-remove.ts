import { BlobBatch, type ContainerClient } from '@azure/storage-blob';
import { blobKeyError, translateBlobError } from './blob-errors.ts';
import type { CallOptions, RemoveFailure, RemoveOptions } from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';

/** The service takes no more in one batch. */
const KEYS_PER_BATCH_MAX = 256;
/** Where there are no batches. */
const REMOVALS_AT_ONCE = 16;

export interface BlobRemover {
  readonly container: ContainerClient;
  /** Of the container, for messages. */
  readonly url: string;
  urlOf(key: string): string;
  remove(key: string, options?: RemoveOptions): Promise<void>;
}

/**
 * Removes by batches of 256, and one by one at endpoints that know no batches, which is
 * remembered. Bound to one container.
 */
export function manyRemover(remover: BlobRemover) {
  let batches = true;

  async function removeSome(
    keys: readonly string[],
    options: CallOptions,
  ): Promise<RemoveFailure[]> {
    if (batches && keys.length > 1) {
      try {
        return await removeBatch(remover, keys, options);
      } catch (error) {
        if (!isStoreError(error, 'unsupported', 'invalid')) throw error;
        batches = false;
      }
    }
    return removeEach(remover, keys, options);
  }

  return async (
    keys: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> => {
    options.signal?.throwIfAborted();
    const failures: RemoveFailure[] = [];
    let answered = false;
    let first: unknown;
    for (let at = 0; at < keys.length; at += KEYS_PER_BATCH_MAX) {
      const some = keys.slice(at, at + KEYS_PER_BATCH_MAX);
      try {
        failures.push(...(await removeSome(some, options)));
        answered = true;
      } catch (error) {
        if (options.signal?.aborted || !(error instanceof StoreError)) throw error;
        first ??= error;
        failures.push(...some.map((key) => ({ key, error })));
      }
    }
    if (keys.length > 0 && !answered) throw first;
    return failures;
  };
}

async function removeBatch(
  { container, url, urlOf }: BlobRemover,
  keys: readonly string[],
  { signal }: CallOptions,
): Promise<RemoveFailure[]> {
  const attempt = { verb: 'remove', url, signal };
  try {
    signal?.throwIfAborted();
    const batch = new BlobBatch();
    for (const key of keys) await batch.deleteBlob(container.getBlobClient(key));
    const answer = await container
      .getBlobBatchClient()
      .submitBatch(batch, signal ? { abortSignal: signal } : {});
    return keys.flatMap((key, at) => {
      const single = { verb: 'remove', url: urlOf(key) };
      const part = answer.subResponses[at];
      if (part === undefined) return [{ key, error: blobKeyError(0, 'NoAnswer', single) }];
      const { status, errorCode = '' } = part;
      if (status < 300) return [];
      const error = blobKeyError(status, errorCode, single);
      return error.code === 'not_found' ? [] : [{ key, error }];
    });
  } catch (error) {
    throw translateBlobError(error, attempt);
  }
}

async function removeEach(
  { remove }: BlobRemover,
  keys: readonly string[],
  options: CallOptions,
): Promise<RemoveFailure[]> {
  const failures: RemoveFailure[] = [];
  const waiting = [...keys];
  const work = async (): Promise<void> => {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      try {
        await remove(key, options);
      } catch (error) {
        if (options.signal?.aborted || !(error instanceof StoreError)) throw error;
        failures.push({ key, error });
      }
    }
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, work));
  return failures;
}
