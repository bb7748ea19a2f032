import { type Finding, finding } from '../../model/finding.ts';
import { compareKeys } from '../../stores/keys.ts';
import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import { isVeleroFile } from '../artefacts/backup-artefacts.ts';
import {
  BACKUPS,
  isVeleroFolder,
  KOPIA,
  parseBackupKey,
  RESTIC,
  repositoryPrefix,
} from '../layout.ts';
import { counted, EXAMPLES_MAX, examplesOf, plain } from './plain.ts';

/** What lies below the root of a backup storage location, without a look into any object. */
export interface VeleroRoot {
  /** What each folder of `backups/` holds, ascending by key; names ascending. */
  readonly backups: ReadonlyMap<string, readonly ObjectInfo[]>;
  /** First-level folders that Velero does not tolerate, without their slash; the first 1,000. */
  readonly foreignFolders: readonly string[];
  /** Prefixes of Kopia repositories: `kopia/<namespace>/`. */
  readonly repositories: readonly string[];
  /** Namespaces that have a restic repository. */
  readonly resticNamespaces: readonly string[];
  /** Folders that are Velero roots themselves, looked for where this is none: it is too high. */
  readonly nestedRoots: readonly string[];
  /** Objects below `backups/` that lie in no backup's folder. */
  readonly strayObjects: { readonly count: number; readonly examples: readonly string[] };
}

/** Of one backup; Velero's own files are always kept. */
export const FOREIGN_FILES_MAX = 1000;
const FOREIGN_FOLDERS_MAX = 1000;
const NESTED_LOOKED_MAX = 20;

/**
 * Lists the root: its folders, those of the repositories, and everything below `backups/` in one go.
 * @param reader of the Velero root: its keys begin with `backups/`.
 * @throws StoreError
 */
export async function readRoot(
  reader: ObjectReader,
  options: CallOptions = {},
): Promise<VeleroRoot> {
  const foreignFolders: string[] = [];
  let isRoot = false;
  for await (const folder of reader.listDirectories('', options)) {
    if (isVeleroFolder(folder)) isRoot = true;
    else if (foreignFolders.length < FOREIGN_FOLDERS_MAX) foreignFolders.push(folder.slice(0, -1));
  }
  const namespacesBelow = async (prefix: string): Promise<readonly string[]> => {
    const folders = await Array.fromAsync(reader.listDirectories(prefix, options));
    return folders.map((folder) => folder.slice(0, -1));
  };
  return {
    ...(await listBackups(reader, options)),
    foreignFolders,
    nestedRoots: isRoot ? [] : await rootsAmong(reader, foreignFolders, options),
    repositories: (await namespacesBelow(KOPIA)).map(repositoryPrefix),
    resticNamespaces: await namespacesBelow(RESTIC),
  };
}

/** Who names a prefix that is one folder too high is told which one it may be. */
async function rootsAmong(
  reader: ObjectReader,
  folders: readonly string[],
  options: CallOptions,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of folders.slice(0, NESTED_LOOKED_MAX)) {
    for await (const below of reader.listDirectories(`${folder}/`, options)) {
      if (below !== BACKUPS) continue;
      found.push(folder);
      break;
    }
  }
  return found;
}

async function listBackups(
  reader: ObjectReader,
  options: CallOptions,
): Promise<Pick<VeleroRoot, 'backups' | 'strayObjects'>> {
  const folders = new Map<string, { readonly files: ObjectInfo[]; foreign: number }>();
  const examples: string[] = [];
  let count = 0;
  for await (const info of reader.list(BACKUPS, options)) {
    // Consoles and mounted file systems leave empty objects that stand for folders.
    if (info.key.endsWith('/') && info.sizeBytes === 0) continue;
    const parsed = parseBackupKey(info.key);
    if (parsed === undefined) {
      count += 1;
      if (examples.length < EXAMPLES_MAX) examples.push(info.key);
      continue;
    }
    const folder = folders.get(parsed.backup) ?? { files: [], foreign: 0 };
    folders.set(parsed.backup, folder);
    if (!isVeleroFile(parsed.backup, parsed.file)) folder.foreign += 1;
    if (folder.foreign <= FOREIGN_FILES_MAX || isVeleroFile(parsed.backup, parsed.file)) {
      folder.files.push(info);
    }
  }
  const sorted = [...folders].sort(([one], [other]) => compareKeys(one, other));
  return {
    backups: new Map(sorted.map(([name, { files }]) => [name, files])),
    strayObjects: { count, examples },
  };
}

/** Neither a backup nor a repository: a wrong prefix, an emptied bucket, or one not used yet. */
function isEmpty({ backups, repositories, resticNamespaces, strayObjects }: VeleroRoot): boolean {
  return (
    backups.size === 0 &&
    repositories.length === 0 &&
    resticNamespaces.length === 0 &&
    strayObjects.count === 0
  );
}

/** What the layout of the root alone tells (check V1). */
export function rootFindings(root: VeleroRoot, url: string): readonly Finding[] {
  const findings: Finding[] = [];
  const { foreignFolders, nestedRoots, resticNamespaces, strayObjects } = root;
  if (isEmpty(root)) {
    const [first] = nestedRoots;
    const there = `${url.replace(/\/$/, '')}/${plain(first ?? '')}`;
    const message = `There is no Velero backup at "${url}"`;
    const nested = examplesOf(nestedRoots);
    findings.push(
      first === undefined
        ? finding('ROOT_EMPTY', url, message)
        : finding('ROOT_EMPTY', url, message, {
            hint: `Did you mean "${there}"? It has a folder backups/`,
            evidence: { roots: nested },
          }),
    );
  }
  // Above a root its neighbours are none of Velero's.
  if (foreignFolders.length > 0 && nestedRoots.length === 0) {
    const message = `Velero calls the location Unavailable for ${counted(foreignFolders.length, 'foreign folder')} beside backups/`;
    const folders = examplesOf(foreignFolders);
    findings.push(finding('ROOT_FOREIGN_FOLDER', url, message, { evidence: { folders } }));
  }
  if (strayObjects.count > 0) {
    const message = `Below backups/, ${counted(strayObjects.count, 'object')} outside the folder of any backup`;
    const objects = examplesOf(strayObjects.examples);
    findings.push(finding('ROOT_STRAY_OBJECTS', url, message, { evidence: { objects } }));
  }
  if (resticNamespaces.length > 0) {
    const message = `The restic repositories of ${counted(resticNamespaces.length, 'namespace')} were not checked`;
    const namespaces = examplesOf(resticNamespaces);
    findings.push(finding('RESTIC_UNCHECKED', url, message, { evidence: { namespaces } }));
  }
  return findings;
}
