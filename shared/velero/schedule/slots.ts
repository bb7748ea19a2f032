import { type Progress, progressOf, type ServerLoad } from './backup-progress.ts';
import { parseCron } from './cron.ts';
import { dialectOf } from './dialect.ts';
import { type ExpectedSlot, expectedSlots, type TakenBackup } from './expected-slots.ts';
import { nextAfter } from './next.ts';
import type { ScheduleFacts } from './schedule-resource.ts';
import { SCHEDULE_LABEL, scheduleLabelValue, takenAt } from './scheduled-name.ts';
import {
  type FoundBackup,
  type JudgedSchedule,
  type JudgedSchedules,
  type JudgedSlot,
  type OutsideBackup,
  SLOT_LIMITS,
  type SlotLimits,
  type SlotQuestion,
  type SlotVerdict,
} from './slot-types.ts';

/** A backup made later than the schedule's `lastBackup` was not made by the schedule. */
const SAME_RUN_MS = 5_000;
/** How far the schedule's resource may be older than the list of backups. */
const READ_APART_MS = 60_000;

/**
 * Sets the slots of all schedules against the backups that were found. Each backup answers one
 * slot at most; all others are listed as outside, and are recovery points all the same.
 */
export function judgeSlots(question: SlotQuestion): JudgedSchedules {
  const limits: SlotLimits = { ...SLOT_LIMITS, ...question.limits };
  const byName = new Map<string, FoundBackup>(question.found.map((each) => [each.name, each]));
  const names = (phase: string): Set<string> =>
    new Set(question.found.filter((each) => each.phase === phase).map(({ name }) => name));
  const load: ServerLoad = {
    inProgress: names('InProgress'),
    readyToStart: names('ReadyToStart'),
    hasQueue: hasQueue(question.serverVersion),
  };
  const facts = new Map<string, ScheduleFacts>();
  for (const each of question.schedules) if (!facts.has(each.name)) facts.set(each.name, each);
  const schedules: JudgedSchedule[] = [];
  const outside: OutsideBackup[] = [];
  const claimed = new Set<string>();
  for (const each of facts.values()) {
    const own = [...byName.values()].filter((backup) => belongsTo(backup, each.name));
    for (const { name } of own) claimed.add(name);
    const judged = judgeSchedule(each, own, byName, load, limits, question);
    schedules.push(judged);
    const answering = new Set(judged.slots.map(({ backup }) => backup));
    const first = judged.slots[0]?.due;
    for (const { name, created, started } of own) {
      if (answering.has(name)) continue;
      const taken = takenAt(name, each.name, question.serverZone, created) ?? created ?? started;
      const isEarlier = taken === undefined || first === undefined || taken < first;
      const reason = isEarlier ? 'earlier' : 'between-slots';
      outside.push({ backup: name, schedule: each.name, reason });
    }
  }
  for (const { name, labels } of byName.values()) {
    if (claimed.has(name)) continue;
    const schedule = labels === undefined ? undefined : labelOf(labels);
    if (schedule === undefined) outside.push({ backup: name, reason: 'manual' });
    else outside.push({ backup: name, schedule, reason: 'unknown-schedule' });
  }
  return { schedules, outside };
}

/** Whether this server queues backups; one that nobody knows is taken for an old one. */
export function hasQueue(serverVersion: string | undefined): boolean {
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})/.exec(serverVersion ?? '') ?? [];
  return Number(major ?? 0) > 1 || Number(minor ?? 0) >= 18;
}

function labelOf(labels: Readonly<Record<string, string>>): string | undefined {
  return Object.hasOwn(labels, SCHEDULE_LABEL) ? labels[SCHEDULE_LABEL] : undefined;
}

function belongsTo({ name, labels }: FoundBackup, schedule: string): boolean {
  if (labels !== undefined) return labelOf(labels) === scheduleLabelValue(schedule);
  return name.startsWith(`${schedule}-`) && /^-\d{14}$/.test(name.slice(schedule.length));
}

function judgeSchedule(
  facts: ScheduleFacts,
  own: readonly FoundBackup[],
  byName: ReadonlyMap<string, FoundBackup>,
  load: ServerLoad,
  limits: SlotLimits,
  question: SlotQuestion,
): JudgedSchedule {
  const { serverZone, now, windowStart } = question;
  const dialect = dialectOf(question.serverVersion);
  const taken = takenBackups(facts, own, question);
  const { slots, isTruncated } = expectedSlots(
    facts,
    taken,
    dialect,
    serverZone,
    windowStart,
    now,
    limits.slotsMax,
  );
  const schedule = parseCron(facts.expression, dialect, serverZone);
  const next = schedule.kind === 'problem' ? undefined : nextDue(facts, schedule, taken, now);
  const problem =
    schedule.kind === 'problem'
      ? `Velero refuses "${facts.expression.slice(0, 200)}": ${schedule.reason}`
      : facts.phase === 'FailedValidation'
        ? `Velero refuses it: ${facts.validationErrors.join('; ') || 'it gives no reason'}`
        : next === undefined && !facts.isPaused
          ? 'no time ever matches, which Velero takes for overdue: a backup at every poll'
          : undefined;
  const skippedUpTo = facts.willSkip ? now : facts.lastSkipped;
  const skipped =
    skippedUpTo === undefined ? undefined : slots.filter(({ due }) => due <= skippedUpTo).at(-1);
  const lastTaken = taken.at(-1)?.taken;
  const times = new Map(taken.map((each) => [each.name, each.taken]));
  const judged = slots.map((slot, index): JudgedSlot => {
    const following = slots[index + 1]?.due;
    const backup = slot.backup === undefined ? undefined : byName.get(slot.backup);
    const at = slot.backup === undefined ? undefined : times.get(slot.backup);
    if (backup !== undefined && at !== undefined) {
      return judgeAnswered(slot.due, backup, at, progressOf(backup, at, load, limits, now), limits);
    }
    if (slot === skipped) return unanswered(slot, 'skipped', 'skipImmediately dropped it');
    const hasLater = following !== undefined && lastTaken !== undefined && lastTaken >= following;
    const held = heldBackBy(slot.due, following ?? now, taken, byName);
    return {
      ...judgeUnanswered(slot, following, hasLater, held, facts, limits, question),
      ...(held === undefined ? {} : { heldBackBy: held }),
    };
  });
  return {
    name: facts.name,
    dialect,
    isPaused: facts.isPaused,
    ...(problem === undefined ? {} : { problem }),
    slots: judged,
    isTruncated,
    ...(next === undefined || facts.isPaused ? {} : { nextDue: next }),
  };
}

/** Its backups by the server's clock, without those that a person made from it. */
function takenBackups(
  facts: ScheduleFacts,
  own: readonly FoundBackup[],
  { serverZone, now }: SlotQuestion,
): TakenBackup[] {
  const lastRunMs = facts.lastBackup?.getTime() ?? Number.POSITIVE_INFINITY;
  return own
    .flatMap(({ name, created }) => {
      const taken = takenAt(name, facts.name, serverZone, created);
      const takenMs = taken?.getTime() ?? Number.NaN;
      const isByHand = takenMs > lastRunMs + SAME_RUN_MS && takenMs < now.getTime() - READ_APART_MS;
      return taken === undefined || taken > now || isByHand ? [] : [{ name, taken }];
    })
    .sort((a, b) => a.taken.getTime() - b.taken.getTime() || (a.name < b.name ? -1 : 1));
}

function nextDue(
  facts: ScheduleFacts,
  schedule: Parameters<typeof nextAfter>[0],
  taken: readonly TakenBackup[],
  now: Date,
): Date | undefined {
  if (schedule.kind !== 'interval') return nextAfter(schedule, now);
  const times = [facts.created, facts.lastBackup, facts.lastSkipped, taken.at(-1)?.taken];
  const known = times.filter((time) => time !== undefined).map((time) => time.getTime());
  return nextAfter(schedule, known.length === 0 ? now : new Date(Math.max(...known)));
}

function unanswered(slot: ExpectedSlot, verdict: SlotVerdict, reason: string): JudgedSlot {
  return { due: slot.due, verdict, reason };
}

function judgeAnswered(
  due: Date,
  backup: FoundBackup,
  taken: Date,
  progress: Progress,
  limits: SlotLimits,
): JudgedSlot {
  const takenAfterMs = taken.getTime() - due.getTime();
  const startedAfterMs = backup.started && backup.started.getTime() - due.getTime();
  const lateReason =
    takenAfterMs > limits.takenWithinMs
      ? 'the server made it late'
      : (startedAfterMs ?? 0) > limits.startedWithinMs
        ? 'it waited before it began'
        : '';
  const ended: SlotVerdict = lateReason === '' ? 'met' : 'late';
  const isEnded = progress.kind === 'ended';
  return {
    due,
    verdict: isEnded ? ended : progress.kind === 'failed' ? 'lost' : (progress.kind as SlotVerdict),
    reason: isEnded ? lateReason : progress.reason,
    backup: backup.name,
    phase: backup.phase,
    takenAfterMs,
    ...(startedAfterMs === undefined ? {} : { startedAfterMs }),
  };
}

function judgeUnanswered(
  slot: ExpectedSlot,
  following: Date | undefined,
  hasLater: boolean,
  held: string | undefined,
  facts: ScheduleFacts,
  limits: SlotLimits,
  { now, clusterSeen }: SlotQuestion,
): JudgedSlot {
  const { lastBackup } = facts;
  const isTaken =
    lastBackup !== undefined &&
    lastBackup >= slot.due &&
    (following === undefined || lastBackup < following);
  const sinceDueMs = now.getTime() - slot.due.getTime();
  if (isTaken) {
    const sinceTakenMs = now.getTime() - lastBackup.getTime();
    if (clusterSeen && sinceTakenMs <= READ_APART_MS) {
      return unanswered(slot, 'pending', 'it was taken up just now');
    }
    if (!clusterSeen && sinceTakenMs <= limits.inProgressMs) {
      return unanswered(slot, 'running', 'it was taken up, and is not in the store yet');
    }
    return unanswered(slot, 'lost', 'it was taken up, and no backup is left of it');
  }
  if (sinceDueMs <= limits.takenWithinMs) return unanswered(slot, 'pending', 'it is due just now');
  if (following === undefined && held !== undefined && !hasLater) {
    return unanswered(slot, 'pending', 'the backup before it is still being made');
  }
  const mayBeRunning = !clusterSeen && !hasLater && lastBackup === undefined;
  if (mayBeRunning && sinceDueMs <= limits.takenWithinMs + limits.inProgressMs) {
    return unanswered(slot, 'pending', 'a backup that still runs is not in the store');
  }
  return unanswered(
    slot,
    'missed',
    held === undefined ? 'no backup' : 'the one before took too long',
  );
}

/** The backup before a slot, if it was being made from then until the next slot was due. */
function heldBackBy(
  due: Date,
  until: Date,
  taken: readonly TakenBackup[],
  byName: ReadonlyMap<string, FoundBackup>,
): string | undefined {
  const name = taken.filter((each) => each.taken < due).at(-1)?.name;
  const backup = name === undefined ? undefined : byName.get(name);
  if (backup === undefined) return undefined;
  const isBeingMade = ['', 'New', 'InProgress'].includes(backup.phase);
  const wasBeingMade = backup.completed !== undefined && backup.completed >= until;
  return isBeingMade || wasBeingMade ? name : undefined;
}
