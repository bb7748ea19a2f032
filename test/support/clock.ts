import type { Clock } from '../../shared/model/clock.ts';

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, milliseconds);
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    }),
};

/** A clock that moves only by sleeping on it or by `advance`. */
export function fakeClock(start = new Date('2026-01-01T00:00:00Z')) {
  let nowMs = start.getTime();
  const clock: Clock & { advance(ms: number): void } = {
    now: () => new Date(nowMs),
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      nowMs += milliseconds;
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
  return clock;
}
