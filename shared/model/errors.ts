/**
 * How a failure ends a run on the command line (DESIGN section 6): `usage` exits 2, `operation` 3
 * (denied, unreachable), `refused` 4 (refused for safety).
 */
export type Failure = 'usage' | 'operation' | 'refused';

export interface DrydockErrorOptions {
  /** What the operator does next: a command, a setting, a permission. */
  readonly hint: string;
  readonly cause?: unknown;
}

/**
 * The one shape of an error that a user may read. The message names the action first, quotes the
 * values, states what is and what was needed, and carries no secret (S9) and no full stop.
 */
export class DrydockError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly failure: Failure;

  constructor(failure: Failure, code: string, message: string, options: DrydockErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DrydockError';
    this.failure = failure;
    this.code = code;
    this.hint = options.hint;
  }
}
