import { type CronField, type FieldName, parseField } from './cron-field.ts';
import { type CronDialect, DIALECTS } from './dialect.ts';
import { parseGoDuration } from './duration.ts';
import { openZone, type Zone } from './zone.ts';

/** A cron expression, read in the dialect of a Velero server. */
export type CronSchedule = CalendarSchedule | IntervalSchedule | UntimedSchedule;

export interface CalendarSchedule {
  readonly kind: 'calendar';
  readonly dialect: CronDialect;
  readonly zone: Zone;
  readonly fields: Readonly<Record<FieldName, CronField>>;
}

/** `@every`: so long after the run before, whole seconds. */
export interface IntervalSchedule {
  readonly kind: 'interval';
  readonly periodMs: number;
}

/** `@triggered`, `@manual`, `@none`: see `nextAfter`. */
export interface UntimedSchedule {
  readonly kind: 'untimed';
}

/** Why the server refuses an expression, in plain words. */
export interface CronProblem {
  readonly kind: 'problem';
  readonly reason: string;
}

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const UNTIMED: ReadonlySet<string> = new Set(['@triggered', '@manual', '@none']);
const EVERY = '@every ';

/** Longer ones are hostile, whatever the dialect allows (S10). */
const LENGTH_MAX = 4_096;
/** What Go takes for white space, which is not what JavaScript does. */
const SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${SPACE}+`);
const OUTER_SPACES = new RegExp(`^${SPACE}+|${SPACE}+$`, 'g');

/**
 * Reads a Schedule's `spec.schedule` as the server would that speaks this dialect.
 *
 * Our own reader because no npm package agrees with the Go libraries: they differ in what they
 * accept (`22-2`, `*-5`, day 7, `5/2`, `?`), in which of two day fields decides, and in the hours
 * around each change of the clocks. test/fixtures/cron/README.md has the figures.
 * @param serverZone what counts where the expression names no zone: UTC in Velero's own image.
 */
export function parseCron(
  expression: string,
  dialect: CronDialect,
  serverZone: Zone,
): CronSchedule | CronProblem {
  const rules = DIALECTS[dialect];
  if (expression === '') return problem('it is empty');
  if (expression.length > LENGTH_MAX || Buffer.byteLength(expression) > rules.lengthMax) {
    return problem('it is too long');
  }
  let text = expression;
  let zone = serverZone;
  const prefix = rules.zonePrefix ? /^(?:CRON_)?TZ=([^ ]*)( ?)/.exec(expression) : null;
  if (prefix !== null) {
    const [all, name = '', space] = prefix;
    if (space === '') return problem('nothing follows the time zone');
    const found = prefixZone(name, dialect, serverZone);
    if (found === undefined) return problem(`time zone "${name.slice(0, 100)}" is not known`);
    zone = found;
    text = expression.slice(all.length).replace(OUTER_SPACES, '');
  }
  if (text.startsWith(EVERY)) return every(text.slice(EVERY.length), rules.refusesSubSecond);
  if (rules.namesNever && UNTIMED.has(text)) return { kind: 'untimed' };
  if (text.startsWith('@')) {
    const meant = Object.hasOwn(DESCRIPTORS, text) ? DESCRIPTORS[text] : undefined;
    if (meant === undefined) return problem(`"${text.slice(0, 100)}" is no known descriptor`);
    text = meant;
  }
  return calendar(text, dialect, zone);
}

function prefixZone(name: string, dialect: CronDialect, serverZone: Zone): Zone | undefined {
  if (dialect !== 'go-cron') return name === 'Local' ? serverZone : openZone(name);
  const bare = /^(["'])(.*)\1$/s.exec(name)?.[2] ?? name;
  if (bare === 'Local') return serverZone;
  return bare === '' ? undefined : openZone(bare);
}

function every(text: string, refusesSubSecond: boolean): IntervalSchedule | CronProblem {
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds === undefined) return problem(`"${text.slice(0, 100)}" is no duration`);
  if (nanoseconds >= NANOSECONDS_PER_SECOND) {
    return { kind: 'interval', periodMs: Number(nanoseconds / NANOSECONDS_PER_SECOND) * 1_000 };
  }
  if (refusesSubSecond) return problem('@every is at least a second');
  return { kind: 'interval', periodMs: 1_000 };
}

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

function calendar(text: string, dialect: CronDialect, zone: Zone): CronSchedule | CronProblem {
  const words = text.split(SPACES).filter((word) => word !== '');
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = words;
  if (words.length !== 5) return problem(`it has ${words.length} fields where 5 are needed`);
  const rules = DIALECTS[dialect];
  const minute = parseField('minute', minutes, rules);
  const hour = parseField('hour', hours, rules);
  const day = parseField('day', days, rules);
  const month = parseField('month', months, rules);
  const weekday = parseField('weekday', weekdays, rules);
  for (const field of [minute, hour, day, month, weekday]) {
    if (typeof field === 'string') return problem(field);
  }
  return {
    kind: 'calendar',
    dialect,
    zone,
    fields: { minute, hour, day, month, weekday } as Record<FieldName, CronField>,
  };
}

function problem(reason: string): CronProblem {
  return { kind: 'problem', reason };
}
