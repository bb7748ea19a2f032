import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../shared/model/clock.ts';

/** The real time: the one that production passes down. */
export const systemClock: Clock = {
  now: () => new Date(),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, { ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
