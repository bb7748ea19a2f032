import type { Clock } from '../model/clock.ts';
import { SnapshotError } from './snapshot-error.ts';

export interface AskingPolicy {
  /** Requests in all, the first one included. */
  readonly attemptsMax: number;
  readonly firstDelayMs: number;
  /** The longest wait; a cloud that asks for a longer one is not waited for. */
  readonly delayMsMax: number;
  /** Uniform in [0, 1): spreads the requests of many callers. */
  readonly random: () => number;
  /** Told before each wait; for logs. */
  readonly onRetry?: (error: SnapshotError, delayMs: number) => void;
}

/**
 * EC2 refills its bucket of describing requests, Azure that of reads, within seconds; a wait of a
 * minute is the longest that Azure usually asks for.
 */
export const ASKING_DEFAULTS = {
  attemptsMax: 6,
  firstDelayMs: 500,
  delayMsMax: 60_000,
} as const;

/** Sends one request, and again what failed for the moment. */
export type Ask = <T>(request: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * The one place where questions about snapshots are repeated: each single request, so that pages
 * and batches that were answered are not asked for again. Once a request has failed to its last
 * attempt, the others have one attempt each until one succeeds: a cloud that is down is not waited
 * for a thousand times. So each witness has its own.
 */
export function asking(policy: AskingPolicy, clock: Clock): Ask {
  let isDown = false;
  return async (request, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        const answer = await request();
        isDown = false;
        return answer;
      } catch (error) {
        if (signal?.aborted || !mayPass(error)) throw error;
        const delayMs = isDown ? undefined : waitAfter(error, attempt, policy);
        if (delayMs === undefined) {
          isDown = true;
          throw error;
        }
        policy.onRetry?.(error, delayMs);
        await clock.sleep(delayMs, signal);
      }
    }
  };
}

function mayPass(error: unknown): error is SnapshotError {
  if (!(error instanceof SnapshotError)) return false;
  return error.code === 'throttled' || error.code === 'unreachable';
}

function waitAfter(
  { retryAfterMs = 0 }: SnapshotError,
  attempt: number,
  policy: AskingPolicy,
): number | undefined {
  if (attempt >= policy.attemptsMax) return undefined;
  const ceilingMs = Math.min(policy.delayMsMax, policy.firstDelayMs * 2 ** (attempt - 1));
  const ownMs = Math.round(ceilingMs * (0.5 + policy.random() / 2));
  const delayMs = Math.max(ownMs, retryAfterMs);
  return delayMs > policy.delayMsMax ? undefined : delayMs;
}
