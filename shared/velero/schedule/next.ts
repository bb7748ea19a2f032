import type { CalendarSchedule, CronSchedule } from './cron.ts';
import { DIALECTS } from './dialect.ts';
import { instantOf, type WallTime, wallTime } from './zone.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The libraries give up after so many years. */
const SEARCH_YEARS = 5;
/** The last second of the year 9999: later times have no place in a resource. */
const TIME_MAX_MS = 253_402_300_799_000;

/**
 * The first time after `time` at which a schedule is due, as the server's library finds it, its
 * oddities around changes of the clocks included.
 * @returns `undefined` when there is none (30 February, `@none`). Velero takes that for a time in
 *   the past and makes a backup at every poll. Source: velero v1.18.2 and release-1.18,
 *   pkg/controller/schedule_controller.go, getNextRunTime.
 */
export function nextAfter(schedule: CronSchedule, time: Date): Date | undefined {
  const second = Math.floor(time.getTime() / SECOND_MS) * SECOND_MS;
  if (schedule.kind === 'untimed' || !(Math.abs(second) < TIME_MAX_MS)) return undefined;
  const next =
    schedule.kind === 'interval' ? second + schedule.periodMs : calendarNext(schedule, second);
  return next === undefined || next > TIME_MAX_MS ? undefined : new Date(next);
}

/** Times of a schedule, ascending. */
export interface SlotList {
  readonly slots: readonly Date[];
  /** There are more up to `until` than `slotsMax`: these are the first. */
  readonly truncated: boolean;
}

/** The times after `after` and up to `until` at which a schedule is due, each run on time. */
export function slotsBetween(
  schedule: CronSchedule,
  after: Date,
  until: Date,
  slotsMax: number,
): SlotList {
  const slots: Date[] = [];
  let next = nextAfter(schedule, after);
  while (next !== undefined && next.getTime() <= until.getTime()) {
    if (slots.length >= slotsMax) return { slots, truncated: true };
    slots.push(next);
    next = nextAfter(schedule, next);
  }
  return { slots, truncated: false };
}

/**
 * A walk over the clocks of the zone: month, day, hour, minute, second, each moved on until it
 * matches; whatever carries over begins anew. The order of the steps, and that only the first of
 * them goes back to the start of its unit, is what the libraries' answers around changes of the
 * clocks depend on.
 */
function calendarNext(schedule: CalendarSchedule, afterMs: number): number | undefined {
  const { zone, fields } = schedule;
  const rules = DIALECTS[schedule.dialect];
  // A field without values never matches; the walk would only find that out hour by hour.
  if (Object.values(fields).some((field) => field.values.size === 0)) return undefined;
  let at = afterMs + SECOND_MS;
  let wall = wallTime(zone, at);
  let hasMoved = false;
  const go = (instantMs: number): void => {
    at = instantMs;
    wall = wallTime(zone, at);
  };
  const startOf = (parts: Partial<WallTime>): void => {
    if (!hasMoved) go(instantOf(zone, { ...wall, hour: 0, minute: 0, second: 0, ...parts }));
    hasMoved = true;
  };
  const lastYear = wall.year + SEARCH_YEARS;
  walk: while (wall.year <= lastYear) {
    while (!fields.month.values.has(wall.month)) {
      startOf({ day: 1 });
      go(instantOf(zone, { ...wall, month: wall.month + 1 }));
      if (wall.month === 1) continue walk;
    }
    while (!dayMatches(schedule, wall)) {
      startOf({});
      go(instantOf(zone, { ...wall, day: wall.day + 1 }));
      if (rules.mendsMidnight && wall.hour !== 0) {
        go(at + (wall.hour > 12 ? 24 - wall.hour : -wall.hour) * HOUR_MS);
      }
      if (wall.day === 1) continue walk;
    }
    while (!fields.hour.values.has(wall.hour)) {
      startOf({ hour: wall.hour });
      const before = wall.hour;
      go(at + HOUR_MS);
      const skipped = wall.hour - before === 2 && fields.hour.values.has(wall.hour - 1);
      if (rules.runsAfterGap && skipped) break;
      if (wall.hour === 0) continue walk;
    }
    while (!fields.minute.values.has(wall.minute)) {
      go((Math.floor(at / MINUTE_MS) + 1) * MINUTE_MS);
      hasMoved = true;
      if (wall.minute === 0) continue walk;
    }
    if (wall.second === 0) return at;
    go((Math.floor(at / MINUTE_MS) + 1) * MINUTE_MS);
    hasMoved = true;
  }
  return undefined;
}

function dayMatches({ fields, dialect }: CalendarSchedule, wall: WallTime): boolean {
  const byDay = fields.day.values.has(wall.day);
  const byWeekday = fields.weekday.values.has(wall.weekday);
  const eitherDay = DIALECTS[dialect].eitherDay && !fields.day.free && !fields.weekday.free;
  return eitherDay ? byDay || byWeekday : byDay && byWeekday;
}
