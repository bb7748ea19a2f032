import type { DialectRules } from './dialect.ts';

/** The values at which one field of a cron expression matches. */
export interface CronField {
  readonly values: ReadonlySet<number>;
  /** The field names every value by `*` or `?`: it does not restrict. */
  readonly free: boolean;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['', ...'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')];
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');

/** In the order in which an expression names them. */
const BOUNDS = {
  minute: { min: 0, max: 59, names: [] },
  hour: { min: 0, max: 23, names: [] },
  day: { min: 1, max: 31, names: [] },
  month: { min: 1, max: 12, names: MONTHS },
  weekday: { min: 0, max: 6, names: DAYS },
} as const satisfies Readonly<Record<string, Bounds>>;

export type FieldName = keyof typeof BOUNDS;

/**
 * Reads one field: values, ranges and steps, parted by commas; empty parts count for nothing.
 * @returns a text that says what is wrong with it.
 */
export function parseField(name: FieldName, text: string, rules: DialectRules): CronField | string {
  const bounds: Bounds =
    name === 'weekday' && rules.sundaySeven ? { ...BOUNDS.weekday, max: 7 } : BOUNDS[name];
  const values = new Set<number>();
  let free = false;
  for (const part of text.split(',')) {
    if (part === '') continue;
    const range = parseRange(part, bounds, rules);
    if (typeof range === 'string') return `${name} "${text.slice(0, 100)}": ${range}`;
    for (const value of range.values) values.add(name === 'weekday' ? value % 7 : value);
    free ||= range.free;
  }
  return { values, free };
}

function parseRange(
  part: string,
  { min, max, names }: Bounds,
  rules: DialectRules,
): { readonly values: readonly number[]; readonly free: boolean } | string {
  const [ends = '', stepText, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreEnds] = ends.split('-');
  if (moreSteps.length > 0) return 'one step at most';
  // The libraries look no further than the star: "*-5" is "*".
  const isStar = low === '*' || low === '?';
  if (!isStar && moreEnds.length > 0) return 'a range has two ends';
  const start = isStar ? min : numberOrName(low, names);
  let end = isStar ? max : high === undefined ? start : numberOrName(high, names);
  const step = stepText === undefined ? 1 : wholeNumber(stepText);
  if (start === undefined || end === undefined || step === undefined) return 'a number is needed';
  if (stepText !== undefined && high === undefined) end = max;
  if (start < min || end > max) return `values go from ${min} to ${max}`;
  if (step === 0) return 'a step is at least 1';
  if (start > end && !rules.wrapsAround) return 'a range ends no earlier than it begins';
  const length = max - min + 1;
  const last = start > end ? end + length : end;
  // Below 0 when the start lies far beyond the field, which go-cron takes for a very long range.
  const size = last - start + 1;
  if (rules.refusesWideSteps && step > 1 && size >= 0 && step >= size) {
    return 'a step is smaller than its range';
  }
  const values: number[] = [];
  for (let at = start; at <= last; at += step)
    values.push(at > max ? ((at - min) % length) + min : at);
  return { values, free: isStar && (step === 1 || rules.steppedStarIsFree) };
}

function numberOrName(text: string, names: readonly string[]): number | undefined {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase());
  return named >= 0 ? named : wholeNumber(text);
}

/** As Go's strconv.Atoi, without negative ones. Numbers beyond 2^53 lose digits that decide nothing. */
function wholeNumber(text: string): number | undefined {
  if (!/^\+?\d{1,200}$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value > 2n ** 63n - 1n ? undefined : Number(value);
}
