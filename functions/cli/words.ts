import Table from 'cli-table3';
import { type Colors, count, NO_BORDERS, printable } from './terminal.ts';

/** `7 h`, `24.5 h`, `40 min`: hours as people say them, without days. */
export function hours(number: number): string {
  if (!Number.isFinite(number)) return 'unknown';
  if (number < 1) return `${Math.max(0, Math.round(number * 60))} min`;
  const digits = number < 100 ? 1 : 0;
  return `${Number(number.toFixed(digits))} h`;
}

/** The same for how long ago something was, in days when it is long. */
export function ago(number: number): string {
  const days = Math.round(number / 24);
  if (number < 1 / 120) return 'just now';
  return number < 48 ? `${hours(number)} ago` : `${count(days, 'day')} ago`;
}

/** Columns by spaces alone; `right` names the ones with numbers. */
export function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  colors: Colors,
  right: readonly string[] = [],
): string {
  const table = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colAligns: head.map((name) => (right.includes(name) ? 'right' : 'left')),
  });
  table.push(head.map((name) => colors.dim(name)));
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A time without what no clock of a backup knows: `2026-11-21T10:54:15Z`. */
export function instant(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}

/** An application may lack the same in hundreds of volumes. */
const REASONS_MAX = 3;

/** `shop: <why>`, a line each: the first of them, and how many more there are. */
export function reasonLines(of: string, why: readonly string[]): readonly string[] {
  const shown = why.slice(0, REASONS_MAX).map((each) => printable(`${of}: ${each}`));
  const more = why.length - shown.length;
  if (more === 0) return shown;
  return [...shown, `${printable(of)}: ${count(more, 'more reason')} (--output json has all)`];
}
