import { type Finding, finding } from '../model/finding.ts';
import { shownKey } from '../stores/keys.ts';
import { shown } from '../velero/artefacts/json.ts';
import { counted, examplesOf } from '../velero/checks/plain.ts';
import { millisecondsText } from './figures.ts';
import { exactHint } from './hints.ts';

/** A recovery point of one application, with what decides whether it stays. Times are RFC 3339. */
export interface RetentionPoint {
  readonly application: string;
  /** Name of the location. */
  readonly location: string;
  /** Name of the backup, or id of the Kopia snapshot. */
  readonly point: string;
  readonly takenAt: string;
  readonly expiresAt?: string;
  readonly isProven: boolean;
  /** Value of the label `velero.io/schedule-name`. */
  readonly schedule?: string;
}

/** When a schedule will next have made a recovery point. */
export interface NextBackup {
  /** As the label `velero.io/schedule-name` says it. */
  readonly schedule: string;
  /** Due, and its usual duration; absent when it makes none: paused, refused. */
  readonly readyAt?: Date;
}

export interface RetentionQuestion {
  readonly url: string;
  readonly points: readonly RetentionPoint[];
  readonly next: readonly NextBackup[];
  readonly keepPoints: number;
  /** Velero removes nothing here: what has expired stays by design. */
  readonly isReplica?: boolean;
  readonly now: Date;
}

const HOUR_MS = 3_600_000;
/** Where no next backup is due, the loss of the last good ones is announced so early. */
const AHEAD_MS = 72 * HOUR_MS;
/** Velero collects once an hour, and tries again after a failure. */
const KEPT_AFTER_MS = 48 * HOUR_MS;

/** What garbage collection will take too early (V14), and what it has left. */
export function retentionFindings(question: RetentionQuestion): readonly Finding[] {
  if (question.isReplica) return [];
  const byApplication = Map.groupBy(question.points, ({ application }) => application);
  const gaps = [...byApplication].flatMap(([name, points]) => gap(name, points, question));
  return [...gaps, ...keptFindings(question)];
}

function gap(
  application: string,
  points: readonly RetentionPoint[],
  { url, next, keepPoints, now }: RetentionQuestion,
): readonly Finding[] {
  const horizon = horizonOf(points, next, now);
  if (horizon === undefined) return [];
  const proven = points.filter(({ isProven }) => isProven);
  const [leaving, staying] = [true, false].map((leaves) =>
    proven.filter((point) => expiry(point) <= horizon.at.getTime() === leaves),
  );
  if (leaving === undefined || staying === undefined) return [];
  if (leaving.length === 0 || staying.length >= keepPoints) return [];
  const last = leaving.reduce((a, b) => (expiry(b) > expiry(a) ? b : a));
  const inMs = expiry(last) - now.getTime();
  const expires = inMs > 0 ? `expires in ${millisecondsText(inMs)}` : 'has expired';
  const when = `${shown(last.point)} ${expires}`;
  const message = `${when}, which leaves ${shown(application)} with ${staying.length} of ${keepPoints} proven recovery points; ${horizon.reason}`;
  const evidence = {
    expiring: examplesOf(leaving.map(({ point }) => point)),
    staying: staying.length,
    keepPoints,
    until: horizon.at.toISOString(),
  };
  return [
    finding('RETENTION_GAP', `${url} application ${shownKey(application)}`, message, {
      ...exactHint('RETENTION_GAP', { backup: last.point }),
      evidence,
    }),
  ];
}

function expiry({ expiresAt }: RetentionPoint): number {
  const ms = expiresAt === undefined ? Number.NaN : Date.parse(expiresAt);
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}

/**
 * Until when the points that are there must last: until the next backup of any schedule that made
 * one of them. `undefined` when a schedule that nobody knows may be at work.
 */
function horizonOf(
  points: readonly RetentionPoint[],
  next: readonly NextBackup[],
  now: Date,
): { readonly at: Date; readonly reason: string } | undefined {
  const made = new Set(points.flatMap(({ schedule }) => schedule ?? []));
  const known = next.filter(({ schedule }) => made.has(schedule));
  const ready = known.flatMap(({ readyAt }) => readyAt ?? []);
  if (ready.length > 0) {
    const at = ready.reduce((a, b) => (b < a ? b : a));
    return { at, reason: `the next backup is done at ${at.toISOString()}` };
  }
  if (known.length < made.size) return undefined;
  return { at: new Date(now.getTime() + AHEAD_MS), reason: 'no next backup is due' };
}

/** One finding for the location: they have one cause. */
function keptFindings({ url, points, now }: RetentionQuestion): readonly Finding[] {
  const kept = new Map<string, number>();
  for (const point of points) {
    const sinceMs = now.getTime() - expiry(point);
    if (sinceMs > KEPT_AFTER_MS) kept.set(point.point, sinceMs);
  }
  if (kept.size === 0) return [];
  const oldestFirst = [...kept].sort(([a, aMs], [b, bMs]) => bMs - aMs || (a < b ? -1 : 1));
  const [[oldest, oldestMs] = ['', 0]] = oldestFirst;
  const message = `${counted(kept.size, 'expired backup')} still in the store; ${shown(oldest)} expired ${millisecondsText(oldestMs)} ago`;
  const evidence = {
    count: kept.size,
    backups: examplesOf(oldestFirst.map(([name]) => name)),
  };
  return [finding('POINT_EXPIRED_KEPT', url, message, { evidence })];
}
