import type { Clock } from '../../shared/model/clock.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { CliProgress } from './progress.ts';
import { type Colors, printable } from './terminal.ts';

/** Everything of the outside that a command touches: results go to stdout, the rest to stderr. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** For what goes to stdout. */
  readonly colors: Colors;
  /** For what goes to stderr. */
  readonly errorColors: Colors;
}

/** Log lines for people: what they should know while a command runs, without tearing its bar. */
export function cliLogger(progress: CliProgress, colors: Colors): Logger {
  return {
    log(level, message, fields = {}) {
      if (level !== 'warning' && level !== 'error') return;
      const paint = level === 'error' ? colors.red : colors.yellow;
      const told = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
      progress.line([paint(level), ...[message, ...told].map(printable)].join(' '));
    },
  };
}
