import { parseGoDuration } from './duration.ts';

/** What is known of a schedule: from its resource in the cluster, or from the configuration. */
export interface ScheduleFacts {
  readonly name: string;
  /** The cron expression, as written. */
  readonly expression: string;
  readonly isPaused: boolean;
  /** The server has not obeyed `spec.skipImmediately` yet: it will drop a run that is overdue. */
  readonly willSkip: boolean;
  /** How long its backups are kept. */
  readonly ttlMs: number;
  /** Since when it exists; absent when only the configuration knows it. */
  readonly created?: Date;
  /**
   * When the writer of `spec.schedule` or `spec.paused` last changed anything. Before that, the
   * schedule may have been another one, unless `earlier` tells.
   */
  readonly changed?: Date;
  readonly lastBackup?: Date;
  readonly lastSkipped?: Date;
  /** `New`, `Enabled` or `FailedValidation`; empty when not told. */
  readonly phase: string;
  readonly validationErrors: readonly string[];
  /** Absent: the server's default location. */
  readonly storageLocation?: string;
  /** Deleting the Schedule deletes its Backup resources too; what is in the store stays. */
  readonly ownsBackups: boolean;
  /** The BackupSpec of its backups, unread. */
  readonly template: unknown;
  /** What the schedule was before `changed`, as somebody remembers it. */
  readonly earlier: readonly EarlierSchedule[];
}

/** A stretch of a schedule's past, its end excluded. */
export interface EarlierSchedule {
  readonly from: Date;
  readonly until: Date;
  readonly expression: string;
  readonly isPaused: boolean;
}

/** Velero's default for `ttl`. */
export const TTL_MS_DEFAULT = 720 * 3_600_000;

/** A name of the API server is no longer. */
const NAME_LENGTH_MAX = 253;
const EXPRESSION_LENGTH_MAX = 4_096;
const TEXT_LENGTH_MAX = 500;
const ERRORS_MAX = 20;
const MANAGERS_MAX = 200;

/** What the configuration says of a schedule, where no cluster can be asked. */
export function configuredSchedule(
  name: string,
  expression: string,
  more: Partial<Pick<ScheduleFacts, 'ttlMs' | 'created' | 'storageLocation'>> = {},
): ScheduleFacts {
  return {
    name,
    expression,
    isPaused: false,
    willSkip: false,
    ttlMs: TTL_MS_DEFAULT,
    phase: '',
    validationErrors: [],
    ownsBackups: false,
    template: {},
    earlier: [],
    ...more,
  };
}

/**
 * Reads a Schedule resource as the API server gives it. Tolerant of everything but what it needs:
 * a field of the wrong type counts as absent.
 * Source: velero v1.18.2, pkg/apis/velero/v1/schedule_types.go.
 * @returns a text that says what is wrong when it is no Schedule.
 */
export function parseScheduleResource(resource: unknown): ScheduleFacts | string {
  const name = at(resource, 'metadata', 'name');
  const spec = at(resource, 'spec');
  const status = at(resource, 'status');
  if (at(resource, 'kind') !== 'Schedule') return 'it is no Schedule resource';
  if (typeof name !== 'string' || name === '' || name.length > NAME_LENGTH_MAX) {
    return 'its metadata.name is missing or too long';
  }
  const expression = at(spec, 'schedule');
  if (typeof expression === 'string' && expression.length > EXPRESSION_LENGTH_MAX) {
    return `spec.schedule of "${name}" is longer than ${EXPRESSION_LENGTH_MAX} characters`;
  }
  const storageLocation = at(spec, 'template', 'storageLocation');
  const errors = at(status, 'validationErrors');
  return {
    name,
    expression: typeof expression === 'string' ? expression : '',
    isPaused: at(spec, 'paused') === true,
    willSkip: at(spec, 'skipImmediately') === true,
    ttlMs: ttlFrom(at(spec, 'template', 'ttl')),
    ...dated('created', at(resource, 'metadata', 'creationTimestamp')),
    ...dated('changed', changedAt(at(resource, 'metadata', 'managedFields'))),
    ...dated('lastBackup', at(status, 'lastBackup')),
    ...dated('lastSkipped', at(status, 'lastSkipped')),
    phase: shortText(at(status, 'phase')),
    validationErrors: Array.isArray(errors) ? errors.slice(0, ERRORS_MAX).map(shortText) : [],
    ...(typeof storageLocation === 'string' && storageLocation !== ''
      ? { storageLocation: storageLocation.slice(0, NAME_LENGTH_MAX) }
      : {}),
    ownsBackups: at(spec, 'useOwnerReferencesInBackup') === true,
    template: at(spec, 'template') ?? {},
    earlier: [],
  };
}

function ttlFrom(value: unknown): number {
  const nanoseconds = typeof value === 'string' ? parseGoDuration(value) : undefined;
  if (nanoseconds === undefined || nanoseconds <= 0n) return TTL_MS_DEFAULT;
  return Number(nanoseconds / 1_000_000n);
}

/**
 * Of the managers that own what decides when a schedule runs, the latest change. The server itself
 * writes `skipImmediately` and the status, which changes no slot.
 */
function changedAt(managers: unknown): string | undefined {
  if (!Array.isArray(managers)) return undefined;
  const times = managers.slice(0, MANAGERS_MAX).flatMap((manager: unknown) => {
    const owned = at(manager, 'fieldsV1', 'f:spec');
    const decides = at(owned, 'f:schedule') !== undefined || at(owned, 'f:paused') !== undefined;
    const time = at(manager, 'time');
    return decides && parseTime(time) !== undefined ? [String(time)] : [];
  });
  return times.sort().at(-1);
}

function dated<Name extends string>(name: Name, value: unknown): Partial<Record<Name, Date>> {
  const time = parseTime(value);
  return time === undefined ? {} : ({ [name]: time } as Record<Name, Date>);
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** A time of the API server; `undefined` for anything else. */
export function parseTime(value: unknown): Date | undefined {
  if (typeof value !== 'string' || value.length > 40 || !RFC_3339.test(value)) return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function shortText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, TEXT_LENGTH_MAX) : '';
}

function at(value: unknown, ...path: string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) {
      return undefined;
    }
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}
