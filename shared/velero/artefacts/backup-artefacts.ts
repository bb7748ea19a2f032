import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import {
  artefactKey,
  BACKUP_METADATA,
  BACKUPS,
  CONTENTS_SUFFIX,
  CSI_CLASSES_SUFFIX,
  CSI_CONTENTS_SUFFIX,
  CSI_SNAPSHOTS_SUFFIX,
  ITEM_OPERATIONS_SUFFIX,
  LOGS_SUFFIX,
  metadataKey,
  POD_VOLUME_BACKUPS_SUFFIX,
  parseBackupKey,
  RESOURCE_LIST_SUFFIX,
  RESULTS_SUFFIX,
  VOLUME_INFO_SUFFIX,
  VOLUME_SNAPSHOTS_SUFFIX,
} from '../layout.ts';
import { BACKUP_LIMITS, type BackupResource, parseBackup } from './backup.ts';
import {
  type CsiSnapshot,
  type CsiSnapshotContent,
  parseCsiSnapshot,
  parseCsiSnapshotContent,
} from './csi-lists.ts';
import {
  parseResourceList,
  parseResults,
  RESOURCE_LIST_LIMITS,
  type ResourceList,
  type Results,
} from './results.ts';
import { type Artefact, type ArtefactLimits, LIST_LIMITS, readArtefact } from './stored.ts';
import {
  type ItemOperation,
  type NativeSnapshot,
  type PodVolumeBackup,
  parseItemOperation,
  parseList,
  parseNativeSnapshot,
  parsePodVolumeBackup,
  parseVolumeInfo,
  type VolumeInfo,
} from './volume-lists.ts';

/** Everything of a backup but its tarball, which `readContents` streams, and its log. */
export interface BackupArtefacts {
  readonly backup: string;
  /** What Velero wrote into the backup's folder, by the key below it. */
  readonly files: ReadonlyMap<string, ObjectInfo>;
  /** What no version of Velero writes there: how many, and the first of them. */
  readonly foreignFiles: { readonly count: number; readonly examples: readonly string[] };
  readonly hasLog: boolean;
  readonly metadata: Artefact<BackupResource>;
  readonly podVolumeBackups: Artefact<readonly PodVolumeBackup[]>;
  readonly nativeSnapshots: Artefact<readonly NativeSnapshot[]>;
  /** Absent before 1.11. */
  readonly operations: Artefact<readonly ItemOperation[]>;
  readonly resourceList: Artefact<ResourceList>;
  /** Absent before 1.11. */
  readonly results: Artefact<Results>;
  /** Absent before 1.13. */
  readonly volumeInfo: Artefact<readonly VolumeInfo[]>;
  /** Of 1.9 to 1.16 alone. */
  readonly csiSnapshots: Artefact<readonly CsiSnapshot[]>;
  /** Of 1.9 to 1.16 alone. */
  readonly csiContents: Artefact<readonly CsiSnapshotContent[]>;
}

const EXAMPLES_MAX = 10;

/**
 * Reads the artefacts of one backup: a listing of its folder unless `listed` is given, then one
 * request for each that is there. Of whatever is wrong with one of them its own value tells.
 * @param reader of the Velero root: its keys begin with `backups/`.
 * @throws StoreError other than `not_found` and `archived`: what could not be looked at is not
 * absent (S7).
 */
export async function readBackupArtefacts(
  reader: ObjectReader,
  backup: string,
  options: CallOptions & { readonly listed?: readonly ObjectInfo[] } = {},
): Promise<BackupArtefacts> {
  const listing = options.listed ?? reader.list(`${BACKUPS}${backup}/`, options);
  const { files, foreignFiles } = await sortFiles(backup, listing);
  const read = <T>(
    suffix: string,
    parse: (value: unknown) => T | string,
    limits: ArtefactLimits = LIST_LIMITS,
  ): Promise<Artefact<T>> => {
    const key = artefactKey(backup, suffix);
    return readListed(reader, files, key, limits, parse, options);
  };
  // One after the other: lists may be large.
  const metadata = await readListed(
    reader,
    files,
    metadataKey(backup),
    BACKUP_LIMITS,
    parseBackup,
    options,
  );
  return {
    backup,
    files,
    foreignFiles,
    hasLog: files.has(`${backup}${LOGS_SUFFIX}`),
    metadata,
    podVolumeBackups: await read(POD_VOLUME_BACKUPS_SUFFIX, parseList(parsePodVolumeBackup)),
    nativeSnapshots: await read(VOLUME_SNAPSHOTS_SUFFIX, parseList(parseNativeSnapshot)),
    operations: await read(ITEM_OPERATIONS_SUFFIX, parseList(parseItemOperation)),
    resourceList: await read(RESOURCE_LIST_SUFFIX, parseResourceList, RESOURCE_LIST_LIMITS),
    results: await read(RESULTS_SUFFIX, parseResults),
    volumeInfo: await read(VOLUME_INFO_SUFFIX, parseList(parseVolumeInfo)),
    csiSnapshots: await read(CSI_SNAPSHOTS_SUFFIX, parseList(parseCsiSnapshot)),
    csiContents: await read(CSI_CONTENTS_SUFFIX, parseList(parseCsiSnapshotContent)),
  };
}

/** Of Velero 1.6 to 1.10, written for item snapshotters that never came. */
const ITEM_SNAPSHOTS_SUFFIX = '-itemsnapshots.json.gz';

const SUFFIXES: readonly string[] = [
  CONTENTS_SUFFIX,
  LOGS_SUFFIX,
  POD_VOLUME_BACKUPS_SUFFIX,
  VOLUME_SNAPSHOTS_SUFFIX,
  ITEM_OPERATIONS_SUFFIX,
  ITEM_SNAPSHOTS_SUFFIX,
  RESOURCE_LIST_SUFFIX,
  RESULTS_SUFFIX,
  VOLUME_INFO_SUFFIX,
  CSI_SNAPSHOTS_SUFFIX,
  CSI_CONTENTS_SUFFIX,
  CSI_CLASSES_SUFFIX,
];

/** Whether some version of Velero writes `file` into the folder of `backup`. */
export function isVeleroFile(backup: string, file: string): boolean {
  if (file === BACKUP_METADATA) return true;
  return file.startsWith(backup) && SUFFIXES.includes(file.slice(backup.length));
}

async function sortFiles(
  backup: string,
  listing: AsyncIterable<ObjectInfo> | Iterable<ObjectInfo>,
): Promise<Pick<BackupArtefacts, 'files' | 'foreignFiles'>> {
  const files = new Map<string, ObjectInfo>();
  const examples: string[] = [];
  let count = 0;
  for await (const info of listing) {
    const file = parseBackupKey(info.key)?.file;
    if (file === undefined) continue;
    if (isVeleroFile(backup, file)) {
      files.set(file, info);
    } else {
      count += 1;
      if (examples.length < EXAMPLES_MAX) examples.push(file);
    }
  }
  return { files, foreignFiles: { count, examples } };
}

/** Spares the request for what the listing has not or shows to be too large. */
async function readListed<T>(
  reader: ObjectReader,
  files: ReadonlyMap<string, ObjectInfo>,
  key: string,
  limits: ArtefactLimits,
  parse: (value: unknown) => T | string,
  options: CallOptions,
): Promise<Artefact<T>> {
  const listed = files.get(parseBackupKey(key)?.file ?? '');
  if (listed === undefined) return { state: 'absent', key };
  if (listed.sizeBytes > limits.storedSizeBytesMax) {
    const { sizeBytes } = listed;
    const reason = `it has ${sizeBytes} bytes, more than ${limits.storedSizeBytesMax}`;
    return { state: 'too-large', key, sizeBytes, reason };
  }
  return readArtefact(reader, key, limits, parse, options);
}
