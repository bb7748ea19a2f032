import type { Clock } from '../model/clock.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
} from './store.ts';
import { isStoreError, type StoreError } from './store-error.ts';

export interface RetryPolicy {
  /** Calls in all, the first one included. */
  readonly attemptsMax: number;
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
  /** Uniform in [0, 1): spreads the retries of many callers. */
  readonly random: () => number;
  /** Told before each wait, so that a caller may slow down; not for decisions. */
  readonly onRetry?: (error: StoreError, delayMs: number) => void;
}

export const RETRY_DEFAULTS = { attemptsMax: 6, firstDelayMs: 100, delayMsMax: 15_000 } as const;

/**
 * The one place where store calls are repeated. A read that breaks in the middle goes on behind
 * the last byte received, of the same version; a listing goes on behind the last key. A
 * conditional write or removal whose outcome is unknown is never repeated: the first try may have
 * landed, and the second would then report our own success as somebody else's.
 */
export function retrying(store: ObjectStore, policy: RetryPolicy, clock: Clock): ObjectStore {
  const wait = waiting(policy, clock);
  const repeated = repeating(policy, clock);

  async function* list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    let startAfter = options.startAfter;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const from = startAfter === undefined ? options : { ...options, startAfter };
        for await (const info of store.list(prefix, from)) {
          startAfter = info.key;
          attempt = 1;
          yield info;
        }
        return;
      } catch (error) {
        await wait(error, attempt, options.signal);
      }
    }
  }

  async function* rest(key: string, options: ReadOptions, first: ObjectContent) {
    const startBytes = options.range?.offsetBytes ?? 0;
    const wantedBytes = options.range?.lengthBytes ?? first.info.sizeBytes;
    let body: AsyncIterable<Uint8Array> | undefined = first.body;
    let seenBytes = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        body ??= (await store.read(key, remainder())).body;
        for await (const chunk of body) {
          seenBytes += chunk.byteLength;
          attempt = 1;
          yield chunk;
        }
        return;
      } catch (error) {
        if (seenBytes >= wantedBytes && wantedBytes > 0 && isStoreError(error, 'unreachable'))
          return;
        body = undefined;
        await wait(error, attempt, options.signal);
      }
    }
    function remainder(): ReadOptions {
      const range = { offsetBytes: startBytes + seenBytes, lengthBytes: wantedBytes - seenBytes };
      return { ...options, ifMatch: first.info.etag, ...(wantedBytes > 0 && { range }) };
    }
  }

  return {
    url: store.url,
    capabilities: store.capabilities,
    list,
    async *listDirectories(prefix, options) {
      // Few names: taken whole, so that a repetition yields none of them twice.
      yield* await repeated(() => Array.fromAsync(store.listDirectories(prefix, options)), options);
    },
    stat: (key, options) => repeated(() => store.stat(key, options), options),
    async read(key, options = {}) {
      const content = await repeated(() => store.read(key, options), options);
      return { info: content.info, body: rest(key, options, content) };
    },
    write: (key, body, options) =>
      repeated(
        () => store.write(key, body, options),
        options,
        (error) => options.condition === undefined || certainlyNotDone(error),
      ),
    remove: (key, options) =>
      repeated(
        () => store.remove(key, options),
        options,
        (error) => options?.ifMatch === undefined || certainlyNotDone(error),
      ),
    removeMany: (keys, options) => repeated(() => store.removeMany(keys, options), options),
  };
}

/** A store that throttles or refuses a checksum has not carried the request out. */
function certainlyNotDone(error: unknown): boolean {
  return isStoreError(error, 'throttled', 'corrupt');
}

/** Makes a call, and again what failed for the moment, unless `mayRepeat` objects. */
export type Repeat = <T>(
  call: () => Promise<T>,
  options?: CallOptions,
  mayRepeat?: (error: unknown) => boolean,
) => Promise<T>;

/** For what is asked of a store beside its objects. */
export function repeating(policy: RetryPolicy, clock: Clock): Repeat {
  const wait = waiting(policy, clock);
  return async (call, options, mayRepeat = () => true) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        if (!mayRepeat(error)) throw error;
        await wait(error, attempt, options?.signal);
      }
    }
  };
}

/** Throws what is not to be repeated. */
function waiting(policy: RetryPolicy, clock: Clock) {
  return async (error: unknown, attempt: number, signal?: AbortSignal): Promise<void> => {
    const again = isStoreError(error) && error.retryable && attempt < policy.attemptsMax;
    if (!again || signal?.aborted) throw error;
    const ceilingMs = Math.min(policy.delayMsMax, policy.firstDelayMs * 2 ** (attempt - 1));
    const delayMs = Math.round(ceilingMs * (0.5 + policy.random() / 2));
    policy.onRetry?.(error, delayMs);
    await clock.sleep(delayMs, signal);
  };
}
