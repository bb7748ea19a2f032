import type { Clock } from '../model/clock.ts';
import type { WorkMessage, WorkQueue } from './work-queue.ts';

export interface InProcessQueue extends WorkQueue {
  /**
   * Hands over one message after the other, those that are sent meanwhile too, until none is due;
   * what is delayed stays for a later draining.
   * @param handler is told how many others wait; what it throws ends the draining
   */
  drain(handler: (message: WorkMessage, waiting: number) => Promise<void>): Promise<void>;
}

/** A queue for one process: nothing of it outlives that. */
export function inProcessQueue(clock: Pick<Clock, 'now'>): InProcessQueue {
  const entries: { readonly message: WorkMessage; readonly dueMs: number }[] = [];
  const takeDue = (): WorkMessage | undefined => {
    const nowMs = clock.now().getTime();
    const at = entries.findIndex(({ dueMs }) => dueMs <= nowMs);
    return at < 0 ? undefined : entries.splice(at, 1)[0]?.message;
  };
  return {
    url: 'in-process:',
    send: async (message, { signal, delayMs = 0 } = {}) => {
      signal?.throwIfAborted();
      entries.push({ message, dueMs: clock.now().getTime() + delayMs });
    },
    drain: async (handler) => {
      for (let next = takeDue(); next !== undefined; next = takeDue()) {
        await handler(next, entries.length);
      }
    },
  };
}
