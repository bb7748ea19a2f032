import type { GoneBackup, SeenSchedule } from '../ledger/location-look.ts';
import type { Finding } from '../model/finding.ts';
import type { ClusterBackup } from '../velero/cluster/velero-cluster.ts';
import { parseCron } from '../velero/schedule/cron.ts';
import { dialectOf } from '../velero/schedule/dialect.ts';
import { nextAfter, slotsBetween } from '../velero/schedule/next.ts';
import type { ScheduleFacts } from '../velero/schedule/schedule-resource.ts';
import { scheduleLabelValue } from '../velero/schedule/scheduled-name.ts';
import {
  type JudgedSchedule,
  type JudgedSchedules,
  SLOT_LIMITS,
} from '../velero/schedule/slot-types.ts';
import { judgeSlots } from '../velero/schedule/slots.ts';
import type { Zone } from '../velero/schedule/zone.ts';
import { median } from './figures.ts';
import { foundBackups, type StoredBackup } from './found-backups.ts';
import type { NextBackup } from './retention.ts';
import { scheduleFindings } from './schedule-findings.ts';
import { rememberSchedules, withHistory, withoutChanges } from './schedule-history.ts';

export interface ScheduleQuestion {
  readonly url: string;
  /** Name of the location. */
  readonly location: string;
  /** Those that write to this location; none where they are only observed. */
  readonly schedules: readonly ScheduleFacts[];
  /** Who says what is expected; `observation`: nobody, only the backups show it. */
  readonly from: 'cluster' | 'configuration' | 'observation';
  /** Names of schedules of the cluster that write to other locations: they are not deleted. */
  readonly elsewhere?: readonly string[];
  readonly serverVersion?: string;
  readonly serverZone: Zone;
  /** Of all backups of the store. */
  readonly facts: readonly StoredBackup[];
  /** Of this storage location; absent when the cluster did not tell them. */
  readonly clusterBackups?: readonly ClusterBackup[];
  /** As `vanished` leaves them: what was made and is gone was not missed. */
  readonly gone?: readonly GoneBackup[];
  readonly seen: readonly SeenSchedule[];
  /** Slots up to this are not judged. */
  readonly windowStart: Date;
  readonly now: Date;
}

/** Keys of maps are values of the label `velero.io/schedule-name`, as backups carry them. */
export interface ScheduleJudgement {
  readonly judged: JudgedSchedules;
  readonly findings: readonly Finding[];
  /** The history to keep. */
  readonly seen: readonly SeenSchedule[];
  /** Median of the last backups that ended well. */
  readonly usualDurationMs: ReadonlyMap<string, number>;
  /** The longest distance of two slots about now. */
  readonly intervalMs: ReadonlyMap<string, number>;
  readonly nextDue: ReadonlyMap<string, Date>;
  /** For the judgement of retention: every schedule that somebody knows, or knows to be deleted. */
  readonly next: readonly NextBackup[];
}

const DAY_MS = 86_400_000;
const LAST_BACKUPS = 10;
/** Wide enough for a week and for both sides of a change of the clocks. */
const AROUND_MS = 8 * DAY_MS;
const SLOTS_MAX = 3_000;

/** Sets schedules against the backups that are there (V2), and says what is due next. */
export function judgeSchedules(question: ScheduleQuestion): ScheduleJudgement {
  const { facts, now, serverVersion, serverZone, windowStart, clusterBackups, from } = question;
  const expected = from === 'observation' ? [] : question.schedules;
  const { found, lost } = foundBackups(facts, clusterBackups ?? [], question.gone ?? [], now);
  const schedules = expected.map((each) =>
    withHistory(each.created === undefined ? begun(each, question) : each, question.seen, now),
  );
  const usualDurationMs = usualDurations(facts);
  const slots = judgeSlots({
    limits: { inProgressMs: inProgressMs(usualDurationMs) },
    schedules,
    serverVersion,
    serverZone,
    found,
    clusterSeen: clusterBackups !== undefined,
    windowStart,
    now,
  });
  const earlier = new Map([...schedules].reverse().map((each) => [each.name, each.earlier]));
  const judged = {
    ...slots,
    schedules: slots.schedules.map((each) =>
      withLost(withoutChanges(each, earlier.get(each.name) ?? []), lost),
    ),
  };
  const observed = observedSchedules(facts);
  const intervalMs =
    from === 'observation'
      ? new Map(observed.map((each) => [each.name, each.intervalMs]))
      : intervals(schedules, serverVersion, serverZone, now);
  const nextDue = new Map(
    judged.schedules.flatMap(({ name, nextDue: due }) =>
      due === undefined ? [] : [[scheduleLabelValue(name), due] as const],
    ),
  );
  const deleted = deletedSchedules(question);
  return {
    judged,
    findings: scheduleFindings({ question, judged, schedules, deleted, observed }),
    seen: rememberSchedules(expected, question.seen, now),
    usualDurationMs,
    intervalMs,
    nextDue,
    next: [
      ...judged.schedules.map((each) => nextBackup(each, usualDurationMs, now)),
      ...deleted.map((schedule) => ({ schedule })),
    ],
  };
}

/**
 * Schedules as their backups alone show them: the median distance of the last ones. A guess, for
 * the age of recovery points; never for what was missed.
 */
export function observedSchedules(
  facts: readonly StoredBackup[],
): readonly { readonly name: string; readonly intervalMs: number }[] {
  return [...bySchedule(facts)].flatMap(([name, own]) => {
    const times = own.flatMap(({ resource }) => {
      const ms = Date.parse(resource?.startedAt ?? resource?.createdAt ?? '');
      return Number.isNaN(ms) ? [] : [ms];
    });
    const last = times.sort((a, b) => a - b).slice(-LAST_BACKUPS);
    const intervalMs = median(last.slice(1).map((ms, index) => ms - (last[index] ?? ms)));
    return intervalMs === undefined ? [] : [{ name, intervalMs }];
  });
}

function bySchedule(facts: readonly StoredBackup[]): ReadonlyMap<string, StoredBackup[]> {
  const scheduled = facts.filter(({ resource }) => resource?.schedule !== undefined);
  return Map.groupBy(scheduled, ({ resource }) => resource?.schedule ?? '');
}

/**
 * A configuration does not say since when a schedule exists: since its first backup that is known.
 * One without any is expected from the beginning of the window on.
 */
function begun(schedule: ScheduleFacts, { facts, gone }: ScheduleQuestion): ScheduleFacts {
  const label = scheduleLabelValue(schedule.name);
  const stored = facts.filter(({ resource }) => resource?.schedule === label);
  const times = [
    ...stored.map(({ resource }) => resource?.createdAt ?? resource?.startedAt),
    ...(gone ?? []).filter((each) => each.schedule === label).map(({ startedAt }) => startedAt),
  ];
  const known = times.map((time) => Date.parse(time ?? '')).filter((ms) => !Number.isNaN(ms));
  if (known.length === 0) return schedule;
  return { ...schedule, created: new Date(known.reduce((a, b) => Math.min(a, b))) };
}

function withLost(schedule: JudgedSchedule, lost: ReadonlyMap<string, string>): JudgedSchedule {
  const slots = schedule.slots.map((slot) => {
    const reason = lost.get(slot.backup ?? '');
    return reason === undefined ? slot : { ...slot, verdict: 'lost' as const, reason };
  });
  return { ...schedule, slots };
}

/** Of each schedule the median of its last backups that ended well, by the value of its label. */
export function usualDurations(facts: readonly StoredBackup[]): ReadonlyMap<string, number> {
  const usual = new Map<string, number>();
  for (const [schedule, own] of bySchedule(facts)) {
    const ended = own.flatMap(({ resource }) => {
      const isGood = resource?.phase === 'Completed' || resource?.phase === 'PartiallyFailed';
      const startedMs = Date.parse(resource?.startedAt ?? '');
      const durationMs = Date.parse(resource?.completedAt ?? '') - startedMs;
      return isGood && durationMs >= 0 ? [{ startedMs, durationMs }] : [];
    });
    const last = ended.sort((a, b) => a.startedMs - b.startedMs).slice(-LAST_BACKUPS);
    const middle = median(last.map(({ durationMs }) => durationMs));
    if (middle !== undefined) usual.set(schedule, middle);
  }
  return usual;
}

/** Who raised the server's time limit has backups that take longer than its default. */
function inProgressMs(usualDurationMs: ReadonlyMap<string, number>): number {
  return Math.max(SLOT_LIMITS.inProgressMs, ...[...usualDurationMs.values()].map((ms) => 1.5 * ms));
}

function intervals(
  schedules: readonly ScheduleFacts[],
  serverVersion: string | undefined,
  serverZone: Zone,
  now: Date,
): ReadonlyMap<string, number> {
  const longest = new Map<string, number>();
  for (const { name, expression } of schedules) {
    const schedule = parseCron(expression, dialectOf(serverVersion), serverZone);
    if (schedule.kind === 'problem') continue;
    const [start, end] = [-AROUND_MS, AROUND_MS].map((ms) => new Date(now.getTime() + ms));
    const { slots } = slotsBetween(schedule, start ?? now, end ?? now, SLOTS_MAX);
    const first = slots[0] ?? nextAfter(schedule, now);
    const second = first && nextAfter(schedule, first);
    const times = slots.length > 1 ? slots : [first, second].filter((time) => time !== undefined);
    const gaps = times
      .slice(1)
      .map((time, index) => time.getTime() - (times[index] ?? time).getTime());
    if (gaps.length > 0)
      longest.set(
        scheduleLabelValue(name),
        gaps.reduce((a, b) => Math.max(a, b)),
      );
  }
  return longest;
}

/** Labels of backups whose schedule the cluster told not to have. */
function deletedSchedules(question: ScheduleQuestion): readonly string[] {
  if (question.from !== 'cluster') return [];
  const names = [...question.schedules.map(({ name }) => name), ...(question.elsewhere ?? [])];
  const known = new Set(names.map(scheduleLabelValue));
  return [...bySchedule(question.facts).keys()].filter((label) => !known.has(label)).sort();
}

function nextBackup(
  { name, slots, nextDue }: JudgedSchedule,
  usualDurationMs: ReadonlyMap<string, number>,
  now: Date,
): NextBackup {
  const schedule = scheduleLabelValue(name);
  const usualMs = usualDurationMs.get(schedule) ?? 0;
  const open = slots.at(-1);
  const isOpen = open !== undefined && ['pending', 'queued', 'running'].includes(open.verdict);
  const due = isOpen ? open.due : nextDue;
  if (due === undefined) return { schedule };
  return { schedule, readyAt: new Date(Math.max(now.getTime(), due.getTime() + usualMs)) };
}
