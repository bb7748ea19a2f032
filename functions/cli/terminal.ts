import { createColors } from 'picocolors';

export type Colors = ReturnType<typeof createColors>;

/** As much of a stream as the command line writes to. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Colours for people at a terminal who did not refuse them (https://no-color.org). */
export function colorsOf(
  output: Output,
  env: Readonly<Record<string, string | undefined>>,
): Colors {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return createColors(output.isTTY === true && !refused);
}

/**
 * Text from a bucket or a cluster as it may be shown: what would move the cursor, change colours or
 * reverse the reading direction becomes a replacement character (S10).
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

// Controls (C0, DEL, C1), line and paragraph separators, marks that change the direction, BOM.
const UNPRINTABLE =
  /[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

/** JSON for a terminal or a pipe: the same, with such characters escaped. */
export function json(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return text
    .split('\n')
    .map((line) => line.replace(UNPRINTABLE, escaped))
    .join('\n');
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60] as const;
  const [hours, minutes, rest] = parts;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Of cli-table3: columns by spaces alone, so that output can be cut and searched. */
export const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
