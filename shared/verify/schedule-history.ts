import type { SeenSchedule } from '../ledger/location-look.ts';
import type { EarlierSchedule, ScheduleFacts } from '../velero/schedule/schedule-resource.ts';
import {
  type JudgedSchedule,
  type JudgedSlot,
  SLOT_LIMITS,
} from '../velero/schedule/slot-types.ts';

/** Stretches that are kept of one schedule: newest first where there are more. */
const STRETCHES_MAX = 20;
/** What ended before this is judged by nobody. */
const KEPT_MS = 400 * 86_400_000;

/**
 * What a schedule was before its last change, from what earlier runs saw of it. Of the time between
 * two runs that saw it differently nobody knows when it changed: nothing is expected then, except
 * after a change that the cluster dates.
 */
export function withHistory(
  facts: ScheduleFacts,
  seen: readonly SeenSchedule[],
  now: Date,
): ScheduleFacts {
  const own = ofSchedule(seen, facts.name);
  const last = own.at(-1);
  if (last === undefined) return facts;
  const changed = facts.changed ?? firstSeenLikeThis(facts, own, now);
  if (changed === undefined) return facts;
  const earlier = own.flatMap(({ from, until, expression, isPaused }): EarlierSchedule[] => {
    const start = new Date(from);
    const end = new Date(Math.min(Date.parse(until), changed.getTime()));
    return start < end ? [{ from: start, until: end, expression, isPaused }] : [];
  });
  return { ...facts, changed, earlier };
}

/** `undefined` when it was never seen otherwise. */
function firstSeenLikeThis(
  facts: ScheduleFacts,
  own: readonly SeenSchedule[],
  now: Date,
): Date | undefined {
  const last = own.at(-1);
  if (last === undefined || !isLike(facts, last)) return now;
  return own.length === 1 ? undefined : new Date(last.from);
}

/**
 * Without the slots that were due right before a change and made after it, if at all: the server
 * polls once a minute, and by then had another schedule before it.
 */
export function withoutChanges(
  schedule: JudgedSchedule,
  earlier: readonly EarlierSchedule[],
): JudgedSchedule {
  const isAtChange = ({ due, backup }: JudgedSlot): boolean =>
    backup === undefined &&
    earlier.some(({ until }) => {
      const leftMs = until.getTime() - due.getTime();
      return leftMs >= 0 && leftMs <= SLOT_LIMITS.takenWithinMs;
    });
  return { ...schedule, slots: schedule.slots.filter((slot) => !isAtChange(slot)) };
}

/** The history to keep, this run included: ascending by name, then by time. */
export function rememberSchedules(
  schedules: readonly ScheduleFacts[],
  seen: readonly SeenSchedule[],
  now: Date,
): readonly SeenSchedule[] {
  const names = new Set([...seen, ...schedules].map(({ name }) => name));
  const current = new Map(schedules.map((facts) => [facts.name, facts]));
  return [...names].sort().flatMap((name) => {
    const facts = current.get(name);
    const own = ofSchedule(seen, name);
    const stretches = facts === undefined ? own : extended(facts, own, now);
    return stretches
      .filter(({ until }) => now.getTime() - Date.parse(until) < KEPT_MS)
      .slice(-STRETCHES_MAX);
  });
}

function extended(
  facts: ScheduleFacts,
  own: readonly SeenSchedule[],
  now: Date,
): readonly SeenSchedule[] {
  const { name, expression, isPaused } = facts;
  const at = now.toISOString();
  const last = own.at(-1);
  // Changed and changed back, for all that is known: what it was in between nobody saw.
  const isRewritten = last !== undefined && facts.changed && facts.changed > new Date(last.until);
  if (last === undefined || !isLike(facts, last) || isRewritten) {
    return [...own, { name, expression, isPaused, from: at, until: at }];
  }
  // A run whose clock was behind takes nothing back.
  const until = Date.parse(last.until) > now.getTime() ? last.until : at;
  return [...own.slice(0, -1), { ...last, until }];
}

function ofSchedule(seen: readonly SeenSchedule[], name: string): readonly SeenSchedule[] {
  const own = seen.filter((each) => each.name === name);
  return own.sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
}

function isLike(facts: ScheduleFacts, { expression, isPaused }: SeenSchedule): boolean {
  return facts.expression === expression && facts.isPaused === isPaused;
}
