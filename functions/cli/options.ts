import { DURATION, durationMs } from '../../shared/config/duration.ts';
import { didYouMean } from '../../shared/config/nearest.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { Severity } from '../../shared/model/finding.ts';
import { printable } from './terminal.ts';

/** Options that every command has. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: 'text' | 'json';
  readonly failOn: Exclude<Severity, 'info'>;
  readonly deadline?: number;
}

export const OUTPUTS = ['text', 'json'] as const;
export const FAIL_ON = ['warning', 'error', 'critical'] as const;
export const LAYOUTS = ['velero', 'kopia'] as const;

/** A parser for commander: one of `values`. */
export function oneOf<T extends string>(option: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    const all = `Write one of ${values.join(', ')}`;
    const near = didYouMean(text, values);
    throw invalid(option, text, 'no such value', near === undefined ? all : `${near} ${all}`);
  };
}

export function wholeNumber(option: string, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= most) return value;
    throw invalid(option, text, 'no whole number in range', `Write a number from 1 to ${most}`);
  };
}

/** `2/7`: the second of seven slices; `7`: one of seven, whichever is due. */
export function shareOption(option: string): (text: string) => { of: number; slice?: number } {
  return (text) => {
    const [, slice, of] = /^(?:(\d{1,4})\/)?(\d{1,4})$/.exec(text) ?? [];
    const share = { of: Number(of), ...(slice !== undefined && { slice: Number(slice) }) };
    const isSlice = share.slice === undefined || (share.slice >= 1 && share.slice <= share.of);
    if (share.of >= 1 && share.of <= 1000 && isSlice) return share;
    throw invalid(option, text, 'no share', 'Write 1/7 for the first of seven slices, or 7');
  };
}

/** `90s`, `15m`, `2h`, `1h30m` in milliseconds. */
export function parseDuration(option: string): (text: string) => number {
  return (text) => {
    if (DURATION.test(text)) return durationMs(text);
    throw invalid(option, text, 'no duration above zero', 'Write it like 90s, 15m, 2h or 1h30m');
  };
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** A duration in milliseconds, or the moment itself. */
export function timeOption(option: string): (text: string) => number | Date {
  return (text) => {
    if (DURATION.test(text)) return durationMs(text);
    const time = RFC_3339.test(text) ? new Date(text) : new Date(Number.NaN);
    if (!Number.isNaN(time.getTime())) return time;
    const hint = 'Write a duration like 36h or 7d, or a time like 2026-11-21T02:00:00Z';
    throw invalid(option, text, 'neither a duration nor an RFC 3339 time', hint);
  };
}

function invalid(option: string, text: string, reason: string, hint: string): DrydockError {
  const shown = printable(text.slice(0, 60));
  const message = `Cannot use ${option} "${shown}": ${reason}`;
  return new DrydockError('usage', 'OPTION_INVALID', message, { hint });
}
