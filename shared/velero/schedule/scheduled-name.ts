import { createHash } from 'node:crypto';
import { instantOf, type WallTime, wallTime, type Zone } from './zone.ts';

/** The label that every backup made from a schedule carries. */
export const SCHEDULE_LABEL = 'velero.io/schedule-name';

const LABEL_LENGTH_MAX = 63;
const HASH_LENGTH = 6;

/**
 * A schedule's name as a label's value: long ones are cut and end with a piece of their hash.
 * Source: velero v1.18.2, pkg/label/label.go, GetValidName.
 */
export function scheduleLabelValue(schedule: string): string {
  if (schedule.length <= LABEL_LENGTH_MAX) return schedule;
  const hash = createHash('sha256').update(schedule).digest('hex');
  return schedule.slice(0, LABEL_LENGTH_MAX - HASH_LENGTH) + hash.slice(0, HASH_LENGTH);
}

const SUFFIX = /^-(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/;
const DAY_MS = 86_400_000;

/**
 * When the server made a backup, as its name `<schedule>-YYYYMMDDhhmmss` says it, by the server's
 * clocks. Source: velero v1.18.2, pkg/apis/velero/v1/schedule_types.go, TimestampedName.
 * @param created tells the two apart where the clocks show an hour twice; else it is the first.
 * @returns `undefined` when the name has another form: somebody gave it.
 */
export function takenAt(
  backup: string,
  schedule: string,
  zone: Zone,
  created: Date | undefined,
): Date | undefined {
  if (!backup.startsWith(`${schedule}-`)) return undefined;
  const parts = SUFFIX.exec(backup.slice(schedule.length))?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const shown = { year, month, day, hour, minute, second };
  const near = instantOf(zone, shown);
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  const possible = [near - DAY_MS, near + DAY_MS]
    .map((instant) => asUtc - zone.offsetMs(instant))
    .filter((instant) => matches(wallTime(zone, instant), shown));
  const [first, other] = possible;
  if (first === undefined) return undefined;
  if (created === undefined || other === undefined) return new Date(first);
  const distance = (instant: number): number => Math.abs(instant - created.getTime());
  return new Date(distance(other) < distance(first) ? other : first);
}

function matches(found: WallTime, shown: Omit<WallTime, 'weekday'>): boolean {
  const parts = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const;
  return parts.every((part) => found[part] === shown[part]);
}
