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

/** From here on a sleep is a background watch that ends by being aborted, not a wait in the way. */
const WATCH_MS_MIN = 10_000;

/**
 * A clock that moves only by sleeping on it or by `advance`. Short sleeps (between retries, between
 * listings) are over at once; long ones (the renewal of a lease) end when time is advanced past
 * them, or by their signal.
 */
export function fakeClock(start = new Date('2026-01-01T00:00:00Z')) {
  let nowMs = start.getTime();
  const watches = new Set<() => void>();
  const clock: Clock & { advance(ms: number): void } = {
    now: () => new Date(nowMs),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (milliseconds < WATCH_MS_MIN) {
          nowMs += milliseconds;
          return resolve();
        }
        const endMs = nowMs + milliseconds;
        const look = (): void => {
          if (nowMs < endMs) return;
          watches.delete(look);
          resolve();
        };
        watches.add(look);
        signal?.addEventListener(
          'abort',
          () => {
            watches.delete(look);
            reject(signal.reason);
          },
          { once: true },
        );
      }),
    advance: (ms) => {
      nowMs += ms;
      for (const look of [...watches]) look();
    },
  };
  return clock;
}
