import type { Rung } from './rung.ts';

/** A recovery point as the ladder shows it. Times are RFC 3339. */
export interface LadderPoint {
  /** Name of the backup, or id of the Kopia snapshot. */
  readonly point: string;
  /** The moment that a restore leads back to. */
  readonly takenAt: string;
  readonly rung: Rung;
  /** When it was last shown to stand there; absent on `reported`. */
  readonly provenAt?: string;
  readonly expiresAt?: string;
}

/** One application at one location: what `drydock status` has a line for. */
export interface LadderRow {
  readonly application: string;
  readonly location: string;
  readonly class?: string;
  readonly namespaces: readonly string[];
  /** How old the newest proven point may get, and when that counts as a breach. */
  readonly rpoHours: number;
  readonly breachAfterHours: number;
  /** Recovery points of the application here, whatever their rung. */
  readonly points: number;
  readonly newest?: LadderPoint;
  /** The newest point on or above each rung. */
  readonly byRung: Readonly<Partial<Record<Rung, LadderPoint>>>;
  /**
   * The newest point that counts as proven: `present` where its volumes are cloud snapshots,
   * `intact` where they are Kopia data, with a proof that is young enough.
   */
  readonly proven?: LadderPoint;
  /** Why the newest point is not proven, a clause each; empty when it is. */
  readonly why: readonly string[];
}

/** What the last run knew of a location. */
export interface Ladder {
  readonly location: string;
  readonly url: string;
  readonly checkedAt: string;
  readonly runId: string;
  readonly rows: readonly LadderRow[];
  /** Witnesses that could not be asked, a clause each. */
  readonly unchecked: readonly string[];
}

/** Hours between a recovery point and `now`; `undefined` without a point. */
export function ageHours(point: LadderPoint | undefined, now: Date): number | undefined {
  if (point === undefined) return undefined;
  return (now.getTime() - Date.parse(point.takenAt)) / 3_600_000;
}
