/** A time zone: how far its clocks are ahead of UTC at an instant, both in milliseconds. */
export interface Zone {
  readonly name: string;
  offsetMs(instantMs: number): number;
}

export const UTC: Zone = { name: 'UTC', offsetMs: () => 0 };

const DAY_MS = 86_400_000;
/** Clocks change at multiples of this, in every zone since 1970. */
const CHANGE_STEP_MS = 900_000;
/** Offsets that a zone keeps at hand; a year has 365 days. */
const KEPT_MAX = 20_000;

const zones = new Map<string, Zone | undefined>();
const ZONES_MAX = 1_000;

/**
 * The zone that Go's time.LoadLocation finds by this name; `undefined` where it finds none. "Local"
 * is not looked up here: it is the server's own.
 *
 * Intl knows more than the IANA database that Go reads, takes names in any case and answers with
 * another name for links, so what Go would refuse is told by form: exact for names that are no
 * links, by their capitals for the others.
 */
export function openZone(name: string): Zone | undefined {
  if (name === '' || name === 'UTC') return UTC;
  if (name.length > 64 || !looksLikeIana(name)) return undefined;
  if (!zones.has(name)) {
    if (zones.size >= ZONES_MAX) zones.clear();
    zones.set(name, loadZone(name));
  }
  return zones.get(name);
}

const REGIONS =
  /^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)(\/[A-Z][A-Za-z0-9_+-]*){1,2}$/;
const WITHOUT_REGION = new Set(
  (
    'CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST ' +
    'Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo ' +
    'PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT Universal W-SU WET Zulu'
  ).split(' '),
);
/** Parts of names that are written in small letters, as in America/Port-au-Prince. */
const SMALL_PARTS = new Set(['au', 'of', 'es', 'da', 'de']);

function looksLikeIana(name: string): boolean {
  if (WITHOUT_REGION.has(name)) return true;
  if (!REGIONS.test(name) || name === 'Etc/Unknown') return false;
  const parts = name.split(/[/_-]/);
  return parts.every((part) => !/^[a-z]/.test(part) || SMALL_PARTS.has(part));
}

function loadZone(name: string): Zone | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      year: 'numeric',
      timeZoneName: 'longOffset',
    });
  } catch {
    return undefined;
  }
  const canonical = format.resolvedOptions().timeZone;
  if (canonical !== name && canonical.toLowerCase() === name.toLowerCase()) return undefined;
  const ask = (instantMs: number): number => offsetFrom(format.format(instantMs));
  const days = new Map<number, number | undefined>();
  const steps = new Map<number, number>();
  return {
    name,
    offsetMs(instantMs) {
      const day = Math.floor(instantMs / DAY_MS);
      const ofDay = keep(days, day, () => {
        const start = ask(day * DAY_MS);
        return start === ask((day + 1) * DAY_MS - 1) ? start : undefined;
      });
      if (ofDay !== undefined) return ofDay;
      const step = Math.floor(instantMs / CHANGE_STEP_MS);
      return keep(steps, step, () => ask(step * CHANGE_STEP_MS));
    },
  };
}

/** Intl takes microseconds for each answer, and a search may ask thousands of times. */
function keep<T>(kept: Map<number, T>, key: number, make: () => T): T {
  const known = kept.get(key);
  if (known !== undefined || kept.has(key)) return known as T;
  if (kept.size >= KEPT_MAX) kept.clear();
  const made = make();
  kept.set(key, made);
  return made;
}

/** Out of "2026, GMT+05:30"; plain "GMT" is 0. */
function offsetFrom(text: string): number {
  const match = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
  const [, sign, hours, minutes, seconds] = match ?? [];
  const size = Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  return (sign === '-' ? -size : size) * 1_000;
}

/** What a clock on a wall of the zone shows: month 1 to 12, weekday 0 (Sunday) to 6. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export function wallTime(zone: Zone, instantMs: number): WallTime {
  const shifted = new Date(instantMs + zone.offsetMs(instantMs));
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    weekday: shifted.getUTCDay(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
  };
}

/**
 * The instant at which the clocks show this; fields beyond their range carry over. A time that
 * occurs twice or never is taken as Go's time.Date takes it.
 */
export function instantOf(
  zone: Zone,
  time: Pick<WallTime, 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second'>,
): number {
  const { year, month, day, hour, minute, second } = time;
  const shown = Date.UTC(year, month - 1, day, hour, minute, second);
  return shown - zone.offsetMs(shown - zone.offsetMs(shown));
}
