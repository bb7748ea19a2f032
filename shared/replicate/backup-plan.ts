import type { ObjectInfo } from '../stores/store.ts';
import { BACKUP_METADATA, CONTENTS_SUFFIX, parseBackupKey } from '../velero/layout.ts';
import { isCopyOf } from './copy.ts';

/** The objects of one backup's folder, by their name in it. */
export type BackupFolder = ReadonlyMap<string, ObjectInfo>;

/** Sorts a listing of `backups/` into folders; what lies beside them is `strays`. */
export function groupBackups(listing: readonly ObjectInfo[]): {
  readonly folders: ReadonlyMap<string, BackupFolder>;
  readonly strays: readonly string[];
} {
  const folders = new Map<string, Map<string, ObjectInfo>>();
  const strays: string[] = [];
  for (const info of listing) {
    const name = parseBackupKey(info.key);
    // Consoles leave empty objects that stand for folders.
    if (name === undefined && info.key.endsWith('/') && info.sizeBytes === 0) continue;
    if (name === undefined) {
      strays.push(info.key);
      continue;
    }
    const folder = folders.get(name.backup) ?? new Map<string, ObjectInfo>();
    folder.set(name.file, info);
    folders.set(name.backup, folder);
  }
  return { folders, strays };
}

/**
 * Whether the target shows this very backup already: its metadata and its tarball are copies of
 * the versions that the source has now, and every other artefact is there. Velero changes no other
 * artefact without writing one of these two afterwards (reference `velero.md` 1.6).
 */
export function isReplicated(backup: string, source: BackupFolder, target: BackupFolder): boolean {
  for (const [file, info] of source) {
    const copy = target.get(file);
    if (copy?.sizeBytes !== info.sizeBytes) return false;
    const isDeciding = file === BACKUP_METADATA || file === `${backup}${CONTENTS_SUFFIX}`;
    if (isDeciding && !isCopyOf(copy, info)) return false;
  }
  return true;
}

export interface BackupCopy {
  readonly file: string;
  readonly source: ObjectInfo;
  readonly kind: 'copy' | 'replace';
}

/**
 * What to copy of a complete backup, in order: the helper objects, the tarball, and
 * `velero-backup.json` last, so that a cluster that reads the replica sees it whole or not at all.
 * Artefacts that are copies already are left out; the metadata is always the last step.
 */
export function planBackup(
  backup: string,
  source: BackupFolder,
  target: BackupFolder,
): readonly BackupCopy[] {
  const rank = (file: string): number =>
    file === BACKUP_METADATA ? 2 : file === `${backup}${CONTENTS_SUFFIX}` ? 1 : 0;
  const files = [...source.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return files.flatMap((file) => {
    const info = source.get(file);
    const copy = target.get(file);
    if (info === undefined || (file !== BACKUP_METADATA && isCopyOf(copy, info))) return [];
    return [{ file, source: info, kind: copy === undefined ? 'copy' : 'replace' } as const];
  });
}
