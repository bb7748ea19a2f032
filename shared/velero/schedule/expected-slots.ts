import { type CronSchedule, type IntervalSchedule, parseCron } from './cron.ts';
import type { CronDialect } from './dialect.ts';
import { slotsBetween } from './next.ts';
import type { ScheduleFacts } from './schedule-resource.ts';
import type { Zone } from './zone.ts';

/** A backup of a schedule with the time at which the server made it. */
export interface TakenBackup {
  readonly name: string;
  readonly taken: Date;
}

/** One time at which a schedule was due, and the backup that answers it. */
export interface ExpectedSlot {
  readonly due: Date;
  readonly backup?: string;
}

export interface ExpectedSlots {
  readonly slots: readonly ExpectedSlot[];
  readonly isTruncated: boolean;
}

interface Span {
  readonly from: Date;
  readonly until: Date;
  readonly expression: string;
}

/** The poll comes once a minute: what is due more often is made once a minute. */
const POLL_MS = 60_000;

/**
 * The slots of a schedule up to `now`, each with the backup that answers it: the first one made
 * after it and before the next slot (reference `velero.md` 2.3: a run that is overdue is made
 * once, at the next poll). Nothing is expected before the schedule existed, while it was paused,
 * before its last change (unless `earlier` tells), and of what its lifetime has removed since.
 * @param taken ascending.
 */
export function expectedSlots(
  facts: ScheduleFacts,
  taken: readonly TakenBackup[],
  dialect: CronDialect,
  serverZone: Zone,
  windowStart: Date,
  now: Date,
  slotsMax: number,
): ExpectedSlots {
  const slots: ExpectedSlot[] = [];
  let isTruncated = false;
  for (const span of spansOf(facts, taken, windowStart, now)) {
    const schedule = parseCron(span.expression, dialect, serverZone);
    if (schedule.kind === 'problem' || schedule.kind === 'untimed') continue;
    const inSpan = taken.filter((backup) => backup.taken > span.from && backup.taken <= span.until);
    if (schedule.kind === 'interval') {
      const made = intervalSlots(schedule, facts, taken, inSpan, span, slotsMax);
      slots.push(...made);
    } else {
      const dues = newestSlots(schedule, span, slotsMax);
      isTruncated ||= dues.isTruncated;
      slots.push(...answered(dues.slots, inSpan));
    }
  }
  return {
    slots: slots.slice(-slotsMax),
    isTruncated: isTruncated || slots.length > slotsMax,
  };
}

function spansOf(
  facts: ScheduleFacts,
  taken: readonly TakenBackup[],
  windowStart: Date,
  now: Date,
): Span[] {
  const floor = latest(windowStart, new Date(now.getTime() - facts.ttlMs), facts.created);
  // Paused, and nobody knows since when: what was made shows how long it was not.
  const until =
    facts.isPaused && facts.changed === undefined
      ? latest(new Date(0), facts.lastBackup, taken.at(-1)?.taken)
      : now;
  const known = [
    ...facts.earlier,
    {
      from: facts.changed ?? floor,
      until,
      expression: facts.expression,
      isPaused: facts.isPaused && facts.changed !== undefined,
    },
  ];
  return known
    .filter(({ isPaused }) => !isPaused)
    .map((span) => ({ ...span, from: latest(span.from, floor) }))
    .filter((span) => span.from < span.until && span.until <= now);
}

/** Halves the span, from its old end, until its slots are few enough. */
function newestSlots(schedule: CronSchedule, span: Span, slotsMax: number) {
  let from = span.from;
  let list = slotsBetween(schedule, from, span.until, slotsMax);
  const isTruncated = list.truncated;
  while (list.truncated) {
    from = new Date(Math.ceil((from.getTime() + span.until.getTime()) / 2));
    list = slotsBetween(schedule, from, span.until, slotsMax);
  }
  return { slots: list.slots, isTruncated };
}

function answered(dues: readonly Date[], taken: readonly TakenBackup[]): ExpectedSlot[] {
  let at = 0;
  return dues.map((due, index) => {
    const next = dues[index + 1];
    while ((taken[at]?.taken ?? due) < due) at += 1;
    const backup = taken[at];
    const isOurs = backup !== undefined && (next === undefined || backup.taken < next);
    return isOurs ? { due, backup: backup.name } : { due };
  });
}

/**
 * `@every` counts from the run before, so its slots hang on what was found: on the last backup
 * before the span, or else on the schedule's creation. Where neither is known the first backup
 * found begins the chain and answers no slot.
 */
function intervalSlots(
  schedule: IntervalSchedule,
  facts: ScheduleFacts,
  taken: readonly TakenBackup[],
  inSpan: readonly TakenBackup[],
  span: Span,
  slotsMax: number,
): ExpectedSlot[] {
  const periodMs = Math.max(schedule.periodMs, POLL_MS);
  const before = taken.filter((backup) => backup.taken <= span.from).at(-1)?.taken;
  const isAnchored = before !== undefined || facts.created?.getTime() === span.from.getTime();
  let anchorMs = (before ?? span.from).getTime();
  const slots: ExpectedSlot[] = [];
  const runUpTo = (endMs: number, backup?: string): void => {
    const count = Math.floor((endMs - anchorMs) / periodMs);
    // Older ones than these could not be kept anyway.
    for (let nth = Math.max(1, count - slotsMax); nth <= count; nth += 1) {
      const due = new Date(anchorMs + nth * periodMs);
      const isAnswered = backup !== undefined && nth === count;
      if (due > span.from) slots.push(isAnswered ? { due, backup } : { due });
    }
    // One more than may be judged is kept, which tells that there were more.
    if (slots.length > 2 * slotsMax) slots.splice(0, slots.length - slotsMax - 1);
  };
  const { lastSkipped } = facts;
  const skip = lastSkipped !== undefined && lastSkipped > span.from && lastSkipped <= span.until;
  const events: { readonly name?: string; readonly taken: Date }[] = [...inSpan];
  if (skip) events.push({ taken: lastSkipped });
  events.sort((a, b) => a.taken.getTime() - b.taken.getTime());
  events.forEach(({ name, taken: at }, index) => {
    const endMs = at.getTime();
    const startsChain = index === 0 && !isAnchored && name !== undefined;
    if (name !== undefined && !startsChain && endMs - anchorMs < periodMs) return;
    runUpTo(startsChain ? endMs - periodMs : endMs, startsChain ? undefined : name);
    anchorMs = endMs;
  });
  runUpTo(span.until.getTime());
  return slots;
}

function latest(first: Date, ...others: readonly (Date | undefined)[]): Date {
  return others.reduce<Date>((a, b) => (b !== undefined && b > a ? b : a), first);
}
