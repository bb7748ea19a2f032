/**
 * Where Velero keeps what below a backup storage location's root. This file alone knows keys.
 * Source: velero v1.18.2, pkg/persistence/object_store_layout.go and object_store.go.
 */
export const BACKUPS = 'backups/';
export const RESTORES = 'restores/';
export const KOPIA = 'kopia/';
export const RESTIC = 'restic/';

/** First-level folders that Velero tolerates; any other one makes the location Unavailable. */
const TOLERATED: ReadonlySet<string> = new Set([
  BACKUPS,
  RESTORES,
  KOPIA,
  RESTIC,
  'metadata/',
  'plugins/',
]);

export function isVeleroFolder(folder: string): boolean {
  return TOLERATED.has(folder);
}

/** Backup metadata: the stored Backup resource, under a name of its own. */
export const BACKUP_METADATA = 'velero-backup.json';

/** What a backup folder holds; each but the metadata is named `<backup><suffix>`. */
export const CONTENTS_SUFFIX = '.tar.gz';
export const LOGS_SUFFIX = '-logs.gz';
export const POD_VOLUME_BACKUPS_SUFFIX = '-podvolumebackups.json.gz';
export const VOLUME_SNAPSHOTS_SUFFIX = '-volumesnapshots.json.gz';
export const RESOURCE_LIST_SUFFIX = '-resource-list.json.gz';
/** From Velero 1.11 on. */
export const ITEM_OPERATIONS_SUFFIX = '-itemoperations.json.gz';
export const RESULTS_SUFFIX = '-results.gz';
/** From Velero 1.13 on. */
export const VOLUME_INFO_SUFFIX = '-volumeinfo.json.gz';
/** Velero 1.9 to 1.16. */
export const CSI_SNAPSHOTS_SUFFIX = '-csi-volumesnapshots.json.gz';
export const CSI_CONTENTS_SUFFIX = '-csi-volumesnapshotcontents.json.gz';
/** Velero 1.9 to 1.17. */
export const CSI_CLASSES_SUFFIX = '-csi-volumesnapshotclasses.json.gz';

/**
 * The oldest Velero that can have written a backup. No backup names its server, but the server
 * writes defaults into the Backup resource that tell generations apart.
 */
export type WrittenSince = '1.0' | '1.11' | '1.13';

/**
 * Written with every backup by every version that writes this layout. Velero removes the metadata
 * again when one of them fails to upload, so that metadata without them is damage.
 */
const ALWAYS: readonly string[] = [
  CONTENTS_SUFFIX,
  POD_VOLUME_BACKUPS_SUFFIX,
  VOLUME_SNAPSHOTS_SUFFIX,
  RESOURCE_LIST_SUFFIX,
];

const SINCE_1_11: readonly string[] = [ITEM_OPERATIONS_SUFFIX, RESULTS_SUFFIX];

/** The suffixes of what a backup must have, beside the metadata. */
export function requiredSuffixes(since: WrittenSince): readonly string[] {
  if (since === '1.0') return ALWAYS;
  return since === '1.11'
    ? [...ALWAYS, ...SINCE_1_11]
    : [...ALWAYS, ...SINCE_1_11, VOLUME_INFO_SUFFIX];
}

/** What Velero reads from the folder to restore a backup; of the rest it tells in its commands alone. */
const RESTORE_READS: ReadonlySet<string> = new Set([
  CONTENTS_SUFFIX,
  POD_VOLUME_BACKUPS_SUFFIX,
  VOLUME_SNAPSHOTS_SUFFIX,
  VOLUME_INFO_SUFFIX,
  CSI_SNAPSHOTS_SUFFIX,
  CSI_CONTENTS_SUFFIX,
]);

/** Whether a restore of `backup` reads this file of its folder. */
export function restoreReads(backup: string, file: string): boolean {
  if (file === BACKUP_METADATA) return true;
  return file.startsWith(backup) && RESTORE_READS.has(file.slice(backup.length));
}

export interface BackupKey {
  readonly backup: string;
  /** The key below `backups/<name>/`. */
  readonly file: string;
}

/** Takes a key below the root apart; `undefined` when it lies in no backup's folder. */
export function parseBackupKey(key: string): BackupKey | undefined {
  if (!key.startsWith(BACKUPS)) return undefined;
  const end = key.indexOf('/', BACKUPS.length);
  if (end <= BACKUPS.length || end === key.length - 1) return undefined;
  return { backup: key.slice(BACKUPS.length, end), file: key.slice(end + 1) };
}

export function metadataKey(backup: string): string {
  return `${BACKUPS}${backup}/${BACKUP_METADATA}`;
}

/** The key of an artefact of `backup` by its suffix, e.g. `.tar.gz`. */
export function artefactKey(backup: string, suffix: string): string {
  return `${BACKUPS}${backup}/${backup}${suffix}`;
}

/** Which artefacts that the backup must have are not among `files`. */
export function missingArtefacts(
  backup: string,
  files: ReadonlySet<string>,
  since: WrittenSince,
): readonly string[] {
  return requiredSuffixes(since)
    .map((suffix) => `${backup}${suffix}`)
    .filter((file) => !files.has(file));
}

/** The root of the Kopia repository that holds the volumes of one namespace. */
export function repositoryPrefix(namespace: string): string {
  return `${KOPIA}${namespace}/`;
}
