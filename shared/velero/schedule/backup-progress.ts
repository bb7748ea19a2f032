import { type FoundBackup, ITEM_OPERATION_TIMEOUT_MS, type SlotLimits } from './slot-types.ts';

export interface Progress {
  readonly kind: 'ended' | 'failed' | 'queued' | 'running' | 'stuck';
  /** Empty for `ended`. */
  readonly reason: string;
}

/** What the server is doing with all backups, as far as one backup's waiting depends on it. */
export interface ServerLoad {
  readonly inProgress: ReadonlySet<string>;
  readonly readyToStart: ReadonlySet<string>;
  /** From 1.18 on a controller takes new backups into a queue at once; before, they stay New. */
  readonly hasQueue: boolean;
}

/**
 * Whether a backup has ended, waits, runs, or no longer gets on (reference `velero.md` 2.1).
 * @param taken when the server made it.
 */
export function progressOf(
  backup: FoundBackup,
  taken: Date,
  load: ServerLoad,
  limits: SlotLimits,
  now: Date,
): Progress {
  const { phase } = backup;
  const ageMs = now.getTime() - taken.getTime();
  const runningMs = now.getTime() - (backup.started ?? taken).getTime();
  const operationsMs =
    (backup.itemOperationTimeoutMs ?? ITEM_OPERATION_TIMEOUT_MS) + limits.operationsMarginMs;
  const others = (names: ReadonlySet<string>): boolean =>
    names.size > (names.has(backup.name) ? 1 : 0);
  const within = (passedMs: number, limitMs: number): Progress =>
    passedMs <= limitMs ? { kind: 'running', reason: `it is ${phase}` } : stuck(phase, passedMs);
  switch (phase) {
    case 'Completed':
    case 'PartiallyFailed':
    case 'Deleting':
      return { kind: 'ended', reason: '' };
    case 'Failed':
    case 'FailedValidation':
      return { kind: 'failed', reason: `the backup is ${phase}` };
    case '':
    case 'New':
      if (ageMs <= limits.pickedUpWithinMs) return { kind: 'queued', reason: 'it is new' };
      return !load.hasQueue && others(load.inProgress)
        ? { kind: 'queued', reason: 'another backup is in progress' }
        : stuck('New', ageMs);
    case 'Queued':
    case 'ReadyToStart': {
      const waitsForOthers =
        others(load.inProgress) || (phase === 'Queued' && others(load.readyToStart));
      return waitsForOthers || ageMs <= limits.pickedUpWithinMs
        ? { kind: 'queued', reason: `it is ${phase}` }
        : stuck(phase, ageMs);
    }
    case 'InProgress':
      return within(runningMs, limits.inProgressMs);
    case 'WaitingForPluginOperations':
    case 'WaitingForPluginOperationsPartiallyFailed':
      return within(runningMs, operationsMs);
    case 'Finalizing':
    case 'FinalizingPartiallyFailed':
      return backup.phaseSince === undefined
        ? within(runningMs, limits.inProgressMs + operationsMs + limits.finalizingMs)
        : within(now.getTime() - backup.phaseSince.getTime(), limits.finalizingMs);
    default:
      return { kind: 'failed', reason: `its phase "${phase.slice(0, 60)}" is none of Velero's` };
  }
}

function stuck(phase: string, passedMs: number): Progress {
  return { kind: 'stuck', reason: `it is ${phase} for ${Math.floor(passedMs / 60_000)} minutes` };
}
