import type { Finding } from '../model/finding.ts';
import type { Ladder } from '../model/ladder.ts';
import type { Rung } from '../model/rung.ts';
import type { CallOptions, ObjectReader } from '../stores/store.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { locationLookKey, repositoryLookKey } from './keys.ts';
import { isLadder, isLocationLook, isRepositoryLook } from './look-shapes.ts';
import { damaged, type RecordKind, readRecord, type Stored } from './record.ts';

/** What the last run knew of a location, so that the next one reads only what has changed. */
export interface LocationLook {
  /** As `locationIdentity` writes it. */
  readonly location: string;
  readonly lookedAt: string;
  readonly runId: string;
  /** Ascending by name. */
  readonly backups: readonly BackupFacts[];
  /** Backups that were there once and are no longer, until long after their end. */
  readonly gone: readonly GoneBackup[];
  /** Schedules as they were seen, oldest first: what was expected before somebody changed one. */
  readonly schedules: readonly SeenSchedule[];
  /** Which proofs stand in the ledger, so that they are not written in each run. */
  readonly marks: readonly ProofMark[];
  /** Backups that are not what they were at first sight, until they are seen as they were. */
  readonly tampered: readonly Finding[];
}

export interface GoneBackup {
  readonly backup: string;
  readonly uid: string;
  readonly schedule?: string;
  readonly startedAt?: string;
  readonly expiresAt?: string;
  readonly lastSeenAt: string;
  /** When a run first found it missing. */
  readonly missedAt: string;
  /** Whether it was complete when it was last seen. */
  readonly wasComplete: boolean;
}

export interface SeenSchedule {
  readonly name: string;
  readonly expression: string;
  readonly isPaused: boolean;
  /** The first and the last run that saw it like this. */
  readonly from: string;
  readonly until: string;
}

export interface ProofMark {
  readonly application: string;
  readonly point: string;
  readonly rung: Rung;
  readonly outcome: 'proven' | 'refuted';
  readonly provenAt: string;
  /** Hash of the volumes that belonged to the point: of other ones the proof says nothing. */
  readonly covers?: string;
}

export const LOCATION_LOOK: RecordKind<LocationLook> = {
  kind: 'location-look',
  schemaVersion: 1,
  // A thousand backups of a hundred volumes each take some 60 MB.
  sizeBytesMax: 256 * 1024 * 1024,
  parse(value) {
    if (isLocationLook(value)) return value as LocationLook;
    throw new TypeError('Not a look at a location');
  },
};

/**
 * What the last run knew of a location.
 * @throws RECORD_DAMAGED, also for the record of another location; RECORD_NEWER
 */
export async function readLocationLook(
  state: ObjectReader,
  location: string,
  options: CallOptions = {},
): Promise<Stored<LocationLook> | undefined> {
  const key = locationLookKey(location);
  const stored = await readRecord(state, key, LOCATION_LOOK, options);
  if (stored !== undefined && stored.value.location !== location) {
    throw damaged(state, key, 'it is that of another location');
  }
  return stored;
}

/** What the last verification of a Kopia repository found, for the runs that judge by it. */
export interface RepositoryLook {
  /** Below the location: `kopia/<namespace>/`; empty for a location of layout `kopia`. */
  readonly prefix: string;
  readonly lookedAt: string;
  readonly runId: string;
  readonly level: 'structure' | 'content';
  readonly outcome: 'verified' | 'damaged' | 'unchecked';
  /** Why `unchecked`. */
  readonly reason?: string;
  readonly snapshots: readonly RepositorySnapshot[];
  /** When the pack that was read longest ago was read; absent while any was never read. */
  readonly contentProvenAt?: string;
  /** When a run last read contents, be it a slice of them; absent while none has. */
  readonly contentReadAt?: string;
  readonly findings: readonly Finding[];
}

export interface RepositorySnapshot {
  /** Manifest id: the handle in Velero's lists. */
  readonly id: string;
  /** `user@host:path`. */
  readonly source: string;
  readonly startTime: string;
  readonly verdict: 'verified' | 'damaged' | 'unchecked';
  /** A checkpoint or a cancelled upload: no recovery point. */
  readonly isIncomplete: boolean;
}

export const REPOSITORY_LOOK: RecordKind<RepositoryLook> = {
  kind: 'repository-look',
  schemaVersion: 1,
  sizeBytesMax: 64 * 1024 * 1024,
  parse(value) {
    if (isRepositoryLook(value)) return value as RepositoryLook;
    throw new TypeError('Not a look at a repository');
  },
};

/**
 * What the last verification of a repository of a location found.
 * @throws RECORD_DAMAGED, also for the record of another repository; RECORD_NEWER
 */
export async function readRepositoryLook(
  state: ObjectReader,
  location: string,
  prefix: string,
  options: CallOptions = {},
): Promise<Stored<RepositoryLook> | undefined> {
  const key = repositoryLookKey(location, prefix);
  const stored = await readRecord(state, key, REPOSITORY_LOOK, options);
  if (stored !== undefined && stored.value.prefix !== prefix) {
    throw damaged(state, key, 'it is that of another repository');
  }
  return stored;
}

/** What `drydock status` shows: small, and read by everybody. */
export const LADDER: RecordKind<Ladder> = {
  kind: 'ladder',
  schemaVersion: 1,
  sizeBytesMax: 16 * 1024 * 1024,
  parse(value) {
    if (isLadder(value)) return value as Ladder;
    throw new TypeError('Not a ladder');
  },
};
