import { DrydockError } from '../model/errors.ts';

/** One thing wrong with a configuration file. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** Where in the document, e.g. `locations.prod.url`; empty for the whole. */
  readonly path: string;
  /** What was found and what is needed. Never quotes what could be a secret (S9). */
  readonly message: string;
  readonly hint?: string;
}

/** What does not fit together within one entry, such as a location; `path` begins below it. */
export interface EntryProblem {
  readonly path: readonly string[];
  readonly message: string;
  readonly hint?: string;
}

export type ConfigErrorCode = 'CONFIG_SYNTAX' | 'CONFIG_VERSION' | 'CONFIG_INVALID';

/** Everything that is wrong with one file, at once. */
export class ConfigError extends DrydockError {
  declare readonly code: ConfigErrorCode;
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(code: ConfigErrorCode, file: string, problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    super('usage', code, text(file, sorted), { hint: hintOf(sorted) });
    this.name = 'ConfigError';
    this.file = file;
    this.problems = sorted;
  }
}

function text(file: string, problems: readonly ConfigProblem[]): string {
  const lines = problems.map(({ line, column, path, message, hint }) => {
    const place = path === '' ? '' : `${path}: `;
    const advice = hint === undefined || problems.length === 1 ? '' : ` (${hint})`;
    return `${file}:${line}:${column}: ${place}${message}${advice}`;
  });
  if (lines.length === 1) return lines[0] ?? '';
  return [`Cannot use "${file}": it has ${lines.length} errors`, ...lines].join('\n  ');
}

function hintOf(problems: readonly ConfigProblem[]): string {
  const only = problems.length === 1 ? problems[0]?.hint : undefined;
  return only ?? 'Run "drydock config schema" for the schema that editors complete the file by';
}
