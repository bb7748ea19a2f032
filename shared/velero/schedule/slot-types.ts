import type { CronDialect } from './dialect.ts';
import type { ScheduleFacts } from './schedule-resource.ts';
import type { Zone } from './zone.ts';

/** A backup that the store or the cluster knows. */
export interface FoundBackup {
  readonly name: string;
  /** Absent when nobody could read them: then the name alone tells its schedule. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `metadata.creationTimestamp` of the stored resource; of the cluster's where none is stored. */
  readonly created?: Date;
  /** `status.startTimestamp` and `status.completionTimestamp`. */
  readonly started?: Date;
  readonly completed?: Date;
  readonly phase: string;
  /** Since when it has its phase, if known: the age of the stored `velero-backup.json`. */
  readonly phaseSince?: Date;
  /** `spec.itemOperationTimeout`, where it is not Velero's default of 4 hours. */
  readonly itemOperationTimeoutMs?: number;
}

/** What a slot came to. */
export type SlotVerdict =
  /** Too early to tell. */
  | 'pending'
  | 'met'
  /** Made or begun later than it should, however it ended. */
  | 'late'
  /** Made, and waiting for other backups. */
  | 'queued'
  | 'running'
  /** Taken up, and no longer getting on. */
  | 'stuck'
  /** Never taken up. */
  | 'missed'
  /** Taken up, and no recovery point came of it. */
  | 'lost'
  /** `skipImmediately` dropped it. */
  | 'skipped';

export interface JudgedSlot {
  readonly due: Date;
  readonly verdict: SlotVerdict;
  /** One clause: why not `met`. Empty for `met`. */
  readonly reason: string;
  readonly backup?: string;
  readonly phase?: string;
  /** From due until the server made the backup. */
  readonly takenAfterMs?: number;
  /** From due until the backup began. */
  readonly startedAfterMs?: number;
  /** The earlier backup of the schedule that was still being collected: Velero waits for it. */
  readonly heldBackBy?: string;
}

/** Why a backup counts as a recovery point and in no slot. */
export type OutsideReason =
  /** It belongs to no schedule. */
  | 'manual'
  /** Its schedule is not among those that are known: deleted, or renamed. */
  | 'unknown-schedule'
  /** From the time before what is judged: before the schedule, its last change or the window. */
  | 'earlier'
  /** Of the schedule, but not by its clock: made from it by hand, or at once after a pause. */
  | 'between-slots';

export interface OutsideBackup {
  readonly backup: string;
  readonly schedule?: string;
  readonly reason: OutsideReason;
}

export interface JudgedSchedule {
  readonly name: string;
  readonly dialect: CronDialect;
  readonly isPaused: boolean;
  /** Why it makes no backups, or other ones than it seems to. */
  readonly problem?: string;
  /** Ascending. */
  readonly slots: readonly JudgedSlot[];
  /** There were more slots than `slotsMax`: only the newest part of the window is judged. */
  readonly isTruncated: boolean;
  /** When the next backup is due; absent when none is expected. */
  readonly nextDue?: Date;
}

export interface JudgedSchedules {
  readonly schedules: readonly JudgedSchedule[];
  readonly outside: readonly OutsideBackup[];
}

export interface SlotQuestion {
  /** Of one Velero installation; of two with the same name the first counts. */
  readonly schedules: readonly ScheduleFacts[];
  /** e.g. `v1.18.2`; absent when nobody could tell. */
  readonly serverVersion: string | undefined;
  /** UTC in Velero's own image. */
  readonly serverZone: Zone;
  /**
   * All backups of the location and, if it was seen, of the cluster, one entry for each name.
   * Judging an incomplete list would turn what was denied into what is missed (S7).
   */
  readonly found: readonly FoundBackup[];
  /** The cluster's Backup resources are in `found`. Else what still runs cannot be seen. */
  readonly clusterSeen: boolean;
  /** Slots up to this are not judged. */
  readonly windowStart: Date;
  readonly now: Date;
  readonly limits?: Partial<SlotLimits>;
}

export interface SlotLimits {
  /** The poll comes once a minute, and lasts. */
  readonly takenWithinMs: number;
  /** From due until the backup begins. */
  readonly startedWithinMs: number;
  /** How long a backup may stay as the API server got it. */
  readonly pickedUpWithinMs: number;
  /** Velero's `--fs-backup-timeout` and a margin. */
  readonly inProgressMs: number;
  /** Beyond a backup's `itemOperationTimeout`. */
  readonly operationsMarginMs: number;
  readonly finalizingMs: number;
  /** Slots judged per schedule. */
  readonly slotsMax: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Reference `velero.md` 2.1 and 2.4. */
export const SLOT_LIMITS: SlotLimits = {
  takenWithinMs: 2 * MINUTE_MS,
  startedWithinMs: 5 * MINUTE_MS,
  pickedUpWithinMs: 5 * MINUTE_MS,
  inProgressMs: 4 * HOUR_MS + 30 * MINUTE_MS,
  operationsMarginMs: 30 * MINUTE_MS,
  finalizingMs: 30 * MINUTE_MS,
  slotsMax: 10_000,
};

/** `spec.itemOperationTimeout` where a backup sets none. */
export const ITEM_OPERATION_TIMEOUT_MS = 4 * HOUR_MS;
