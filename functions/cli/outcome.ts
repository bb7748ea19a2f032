import { CommanderError } from 'commander';
import { ConfigError } from '../../shared/config/problem.ts';
import { DrydockError, type Failure } from '../../shared/model/errors.ts';
import { isAtLeast, type Severity } from '../../shared/model/finding.ts';
import type { Report } from '../../shared/model/report.ts';
import { type Colors, json, printable } from './terminal.ts';

/** Exit codes are an interface: DESIGN section 6. */
export const EXIT = {
  ok: 0,
  findings: 1,
  usage: 2,
  operation: 3,
  refused: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Why a run ended that somebody stopped by a signal. */
export class Interrupted extends DrydockError {
  constructor(hint = 'Run the same command again: it goes on where this one ended') {
    super('operation', 'INTERRUPTED', 'Stopped by a signal before the work was done', { hint });
    this.name = 'Interrupted';
  }
}

export function exitCodeOfReport(report: Report, failOn: Severity): ExitCode {
  const found = report.findings.some(({ severity }) => isAtLeast(severity, failOn));
  return highest([
    found ? EXIT.findings : EXIT.ok,
    report.unfinished === undefined ? EXIT.ok : EXIT.operation,
    ...(report.errors ?? []).map(({ failure }) => OF_FAILURE[failure]),
  ]);
}

const OF_FAILURE: Readonly<Record<Failure, ExitCode>> = {
  usage: EXIT.usage,
  operation: EXIT.operation,
  refused: EXIT.refused,
};

export function exitCodeOfError(error: DrydockError): ExitCode {
  return error instanceof Interrupted ? EXIT.interrupted : OF_FAILURE[error.failure];
}

/** An interruption above all, then refused, operation, usage, findings. */
export function highest(codes: readonly ExitCode[]): ExitCode {
  return [...codes].sort((left, right) => right - left)[0] ?? EXIT.ok;
}

/** Any thrown value as something that can be shown. */
export function toDrydockError(error: unknown): DrydockError {
  if (error instanceof DrydockError) return error;
  if (error instanceof CommanderError) return usageError(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new DrydockError('operation', 'UNEXPECTED', message, {
    hint: 'This is a defect; please report it with the command (DRYDOCK_DEBUG=1 shows where)',
    cause: error,
  });
}

/** `commander.unknownOption` as `UNKNOWN_OPTION`; its suggestion becomes the hint. */
function usageError(error: CommanderError): DrydockError {
  const code = error.code
    .replace(/^commander\./, '')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .join(' ')
    .trim()
    .replace(/^\(|\)$/g, '');
  const hint = suggestion === '' ? 'Run the command with --help' : suggestion;
  const message = first.charAt(0).toUpperCase() + first.slice(1);
  return new DrydockError('usage', code, message, { hint });
}

export function errorText(error: DrydockError, colors: Colors): string {
  const [first = '', ...rest] = error.message.split('\n').map(printable);
  const lines = [`${colors.red(`error ${error.code}`)}: ${first}`, ...rest];
  return `${lines.join('\n')}\n${colors.cyan('hint')}: ${printable(error.hint)}\n`;
}

/** The same facts in a stable shape; `problems` are those of a configuration file. */
export function errorRecord(error: DrydockError): Record<string, unknown> {
  const { code, failure, message, hint } = error;
  const more = error instanceof ConfigError ? { file: error.file, problems: error.problems } : {};
  return { code, failure, message, hint, ...more };
}

export function errorJson(error: DrydockError): string {
  return `${json({ schema: 'drydock/error/v1', error: errorRecord(error) })}\n`;
}
