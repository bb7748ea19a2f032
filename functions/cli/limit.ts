import { DrydockError } from '../../shared/model/errors.ts';

/** A signal that the user aborts, or the deadline; to be cleared when the work is done. */
export interface Limit {
  readonly signal: AbortSignal;
  readonly clear: () => void;
}

/** For commands that have nothing to keep when `--deadline` comes: they end by `DEADLINE`. */
export function limitOf(deadlineMs: number | undefined, signal: AbortSignal): Limit {
  if (deadlineMs === undefined) return { signal, clear: () => undefined };
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const message = 'Stopped at the deadline before the work was done';
    const hint = 'Give it more time with --deadline';
    controller.abort(new DrydockError('operation', 'DEADLINE', message, { hint }));
  }, deadlineMs);
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    clear: () => clearTimeout(timer),
  };
}
