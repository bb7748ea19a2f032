import { BACKUP_METADATA, CONTENTS_SUFFIX, missingArtefacts, type WrittenSince } from './layout.ts';

/** The few facts of `velero-backup.json` that say whether the store holds a finished backup. */
export interface BackupMetadata {
  readonly uid: string;
  readonly phase: string;
  /** Asynchronous operations (CSI, data mover): with them the tarball is written after this file. */
  readonly hasOperations: boolean;
  /** Decides which artefacts it must have. */
  readonly writtenSince: WrittenSince;
}

export type Completeness =
  | { readonly kind: 'complete' }
  /** Velero is still at work, or has been interrupted: look again later. */
  | { readonly kind: 'unfinished'; readonly reason: string }
  /** No backup that Velero would ever finish or read. */
  | { readonly kind: 'debris'; readonly reason: string };

/** Phases after which Velero writes nothing more. */
const TERMINAL: ReadonlySet<string> = new Set(['Completed', 'PartiallyFailed', 'Failed']);

/**
 * Times in listings have a resolution of one second: two writes of the same second may have come
 * in either order, until that second is well past.
 */
const SAME_SECOND_WAIT_MS = 60_000;

/** The API server keeps no object above 1.5 MiB; here it is indented. More is hostile (S10). */
export const METADATA_SIZE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads the facts out of `velero-backup.json`. Tolerant of everything but what it needs.
 * @returns a text that says what is wrong when it is no Backup resource.
 */
export function parseBackupMetadata(json: string): BackupMetadata | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return `${BACKUP_METADATA} is no JSON`;
  }
  const status = member(value, 'status');
  const phase = member(status, 'phase');
  const uid = member(member(value, 'metadata'), 'uid');
  if (member(value, 'kind') !== 'Backup') return `${BACKUP_METADATA} is no Backup resource`;
  const attempted = member(status, 'backupItemOperationsAttempted');
  return {
    uid: typeof uid === 'string' ? uid : '',
    phase: typeof phase === 'string' ? phase : '',
    hasOperations: typeof attempted === 'number' && attempted > 0,
    writtenSince: writtenSince(value),
  };
}

/**
 * What the server's defaults in a Backup resource tell about its version.
 * Source: velero v1.10.0, v1.11.0, v1.13.0 and v1.18.2, pkg/apis/velero/v1/backup_types.go:
 * `itemOperationTimeout` came with the operations of 1.11, `hookStatus` with 1.13 (in the store from the
 * finalizer on) and the default of `volumeGroupSnapshotLabelKey` with 1.17.
 */
export function writtenSince(backup: unknown): WrittenSince {
  const group = member(member(backup, 'spec'), 'volumeGroupSnapshotLabelKey');
  const hooks = member(member(backup, 'status'), 'hookStatus');
  if (hooks !== undefined || group !== undefined) return '1.13';
  if (member(member(backup, 'spec'), 'itemOperationTimeout') !== undefined) return '1.11';
  return '1.0';
}

export interface BackupFile {
  readonly file: string;
  /** When Velero wrote it: of a replica the recorded time of its source. */
  readonly writtenAt: Date;
}

/**
 * Whether the store holds all that Velero will write of a backup (reference `velero.md` 1.6):
 * a terminal phase, every artefact, and with asynchronous operations a tarball that is not older
 * than the metadata, because the finalizer rewrites it last.
 */
export function judgeCompleteness(
  backup: string,
  metadata: BackupMetadata,
  files: readonly BackupFile[],
  now: Date,
): Completeness {
  if (!TERMINAL.has(metadata.phase)) {
    return { kind: 'unfinished', reason: `its phase is "${metadata.phase}"` };
  }
  const missing = missingArtefacts(
    backup,
    new Set(files.map(({ file }) => file)),
    metadata.writtenSince,
  );
  if (missing.length > 0 && metadata.phase !== 'Failed') {
    return { kind: 'debris', reason: `it lacks ${missing.join(', ')}` };
  }
  if (!metadata.hasOperations) return { kind: 'complete' };
  const written = (file: string): number | undefined =>
    files.find((entry) => entry.file === file)?.writtenAt.getTime();
  const metadataAt = written(BACKUP_METADATA);
  const contentsAt = written(`${backup}${CONTENTS_SUFFIX}`);
  if (metadataAt === undefined || contentsAt === undefined) return { kind: 'complete' };
  if (contentsAt < metadataAt) {
    const reason =
      'its tarball is older than velero-backup.json, so the finalizer has not rewritten it';
    return { kind: 'unfinished', reason };
  }
  if (contentsAt === metadataAt && now.getTime() - contentsAt < SAME_SECOND_WAIT_MS) {
    return { kind: 'unfinished', reason: 'its last two objects were written in the same second' };
  }
  return { kind: 'complete' };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
