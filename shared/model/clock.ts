/** The only door to time below `functions/`: production passes the system clock, tests their own. */
export interface Clock {
  now(): Date;
  /** Resolves after `milliseconds`; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/**
 * When a run has to stop by itself. A job asks before it begins another unit of work, saves a
 * checkpoint when there is no time left, and reports the rest as unfinished.
 */
export interface Deadline {
  readonly at: Date | undefined;
  /** Milliseconds left, never negative; `Infinity` without a deadline. */
  remainingMs(): number;
}

/** A deadline measured on `clock`; `undefined` means that nothing limits the run. */
export function deadlineAt(at: Date | undefined, clock: Clock): Deadline {
  return {
    at,
    remainingMs: () =>
      at === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, at.getTime() - clock.now().getTime()),
  };
}
