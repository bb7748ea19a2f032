import { join } from 'node:path';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { type WalkedEntry, walkTree } from '../../../shared/kopia/objects/tree.ts';
import type { TreeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { forEachLimited } from '../../../shared/model/limited.ts';
import type { Progress } from '../../../shared/model/progress.ts';
import { damageText } from './damage.ts';
import { deviceFileName } from './names.ts';
import { breathing, type Located } from './tree.ts';
import {
  nameReason,
  reasonOf,
  type TreeWriter,
  treeWriter,
  type WriterOptions,
} from './tree-writer.ts';

/** What was written, or would be. */
export interface RestoreTotals {
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** Entries that were not written, or folders that could not be read to their end. */
  readonly problems: number;
}

export interface RestoreProblem {
  /** From the snapshot's root. */
  readonly names: readonly string[];
  readonly reason: string;
}

export interface RestorePlan {
  readonly contents: ContentReader;
  /** Restored is what a folder holds, or the one thing that this is. */
  readonly from: Located;
  /** Exists, and no part of its path is a link. */
  readonly folder: string;
  readonly onProblem: (problem: RestoreProblem) => Promise<void>;
  /** Called with every entry in `dryRun` alone, before which nothing is written. */
  readonly onEntry?: (located: Located) => Promise<void>;
  readonly dryRun: boolean;
  readonly progress: Progress;
}

/** A folder whose entries are being written. */
interface OpenFolder extends Located {
  readonly path: string;
  readonly parent: OpenFolder | undefined;
  /** Of its entries, and one for the listing itself. */
  underWay: number;
  /** Written when all else in it is: nothing can be written through them. */
  readonly links: { readonly link: Located; readonly path: string }[];
  /** Names that are not the ones the files had, and how often each has come. */
  readonly replaced: Map<string, number>;
}

interface FileTask {
  readonly file: Located;
  readonly path: string;
  readonly folder: OpenFolder;
}

const LIMITS = { concurrency: 16, weightMax: 64 * 1024 * 1024 };
/** A file is read a few contents at a time, so that its whole size does not count. */
const WEIGHT_MAX = 16 * 1024 * 1024;

/**
 * Writes a tree of a snapshot to disk: files of a folder in parallel, its links when everything else
 * in it is there, its mode and time last. An entry that is damaged, or whose name would lead out of
 * its folder, is told to `onProblem` and passed over.
 * @throws StoreErrors, and what the file system has against the whole (no space left)
 */
export async function restoreTree(
  plan: RestorePlan,
  options: Omit<WriterOptions, 'onBytes'>,
): Promise<RestoreTotals> {
  const { contents, from, progress, dryRun } = plan;
  const { signal } = options;
  const totals = { files: 0, folders: 0, links: 0, sizeBytes: 0, problems: 0 };
  const { summary } = from.entry;
  /** Also of files that turned out to be damaged. */
  let bytesDone = 0;
  const tell = (): void =>
    progress.update({
      stage: 'restore',
      objectsDone: totals.files,
      objectsAll: summary?.files ?? (from.entry.type === 'directory' ? 0 : 1),
      bytesDone,
      bytesAll: summary?.sizeBytes ?? from.entry.sizeBytes,
    });
  const onBytes = (bytes: number): void => {
    bytesDone += bytes;
    tell();
  };
  const writer: TreeWriter | undefined = dryRun
    ? undefined
    : treeWriter(contents, { ...options, onBytes });

  async function problem(names: readonly string[], reason: string): Promise<void> {
    totals.problems += 1;
    await plan.onProblem({ names, reason });
  }

  /** Does one thing, and tells why it cannot be done where that concerns nothing else. */
  async function attempt(names: readonly string[], act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const reason = reasonOf(error);
      if (reason === undefined) throw error;
      await problem(names, reason);
      return false;
    }
  }

  async function done(folder: OpenFolder | undefined): Promise<void> {
    if (folder === undefined) return;
    folder.underWay -= 1;
    if (folder.underWay > 0) return;
    for (const { link, path } of folder.links) {
      const written = await attempt(link.names, async () => writer?.link(path, link.entry));
      if (written) totals.links += 1;
    }
    await attempt(folder.names, async () => writer?.finishFolder(folder.path, folder.entry));
    await done(folder.parent);
  }

  /** Makes the folders as it comes to them, keeps the links for later, and yields the files. */
  async function* filesBelow(root: OpenFolder): AsyncGenerator<FileTask> {
    const open: OpenFolder[] = [root];
    /** Nothing is written below a folder that could not be made. */
    let refusedDepth = Number.POSITIVE_INFINITY;
    const damages: RestoreProblem[] = [];
    const onDamage = (error: unknown, { folders, entry }: WalkedEntry): void => {
      const names = entry === from.entry ? from.names : [...from.names, ...folders, entry.name];
      damages.push({ names, reason: damageText(error) ?? String(error) });
    };
    const walk = walkTree(contents, from.entry, { signal, onDamage });
    for await (const { folders, entry } of breathing(walk, signal)) {
      for (const { names, reason } of damages.splice(0)) await problem(names, reason);
      while (open.length > folders.length + 1) await done(open.pop());
      if (folders.length >= refusedDepth) continue;
      refusedDepth = Number.POSITIVE_INFINITY;
      const folder = open.at(-1) ?? root;
      const child = { names: [...from.names, ...folders, entry.name], entry };
      if (!(await isWritable(child, folder === root))) {
        if (entry.type === 'directory') refusedDepth = folders.length + 1;
        continue;
      }
      const path = join(folder.path, await nameIn(folder, child));
      if (entry.type === 'symlink') folder.links.push({ link: child, path });
      else if (entry.type === 'file') {
        folder.underWay += 1;
        yield { file: child, path, folder };
      } else if (await attempt(child.names, async () => writer?.folder(path))) {
        folder.underWay += 1;
        totals.folders += 1;
        open.push({ ...child, path, parent: folder, underWay: 1, links: [], replaced: new Map() });
      } else refusedDepth = folders.length + 1;
    }
    for (const { names, reason } of damages) await problem(names, reason);
    while (open.length > 0) await done(open.pop());
  }

  /**
   * Kopia writes one and the same character for each byte that is no UTF-8, so that files of
   * different names may have come to one. Each is restored, the later ones with a number.
   */
  async function nameIn({ replaced }: OpenFolder, { names, entry }: Located): Promise<string> {
    const name = diskName(entry);
    if (!name.includes('\ufffd')) return name;
    const number = (replaced.get(name) ?? 0) + 1;
    replaced.set(name, number);
    if (number === 1) return name;
    const other = `${name}~${number}`;
    await problem(names, `another entry has the same name; this one becomes "${other}"`);
    return other;
  }

  /** A restore of one thing: the folder is not its own, and keeps its mode and time. */
  async function* oneFile(folder: OpenFolder): AsyncGenerator<FileTask> {
    if (!(await isWritable(from, true))) return;
    yield { file: from, path: join(folder.path, diskName(from.entry)), folder };
  }

  async function isWritable({ names, entry }: Located, isTop: boolean): Promise<boolean> {
    const reason =
      entry.type === 'unknown'
        ? 'it is neither a file, a folder nor a link'
        : isTop && isDevice(entry)
          ? undefined
          : nameReason(entry.name);
    if (reason !== undefined) await problem(names, reason);
    else await plan.onEntry?.({ names, entry });
    return reason === undefined;
  }

  const isTree = from.entry.type === 'directory';
  const top: OpenFolder = {
    ...from,
    path: plan.folder,
    parent: undefined,
    underWay: 1,
    links: [],
    replaced: new Map(),
  };
  await forEachLimited(
    isTree ? filesBelow(top) : oneFile(top),
    LIMITS,
    ({ file }) => Math.min(Math.max(0, file.entry.sizeBytes), WEIGHT_MAX),
    async ({ file, path, folder }) => {
      signal.throwIfAborted();
      const { entry } = file;
      const write = entry.type === 'symlink' ? writer?.link : writer?.file;
      if (await attempt(file.names, async () => write?.(path, entry))) {
        if (entry.type === 'symlink') totals.links += 1;
        else totals.files += 1;
        totals.sizeBytes += entry.type === 'symlink' ? 0 : entry.sizeBytes;
      }
      tell();
      if (isTree) await done(folder);
    },
  );
  return totals;
}

/** Velero's block volumes: a folder with one entry, which is named by the device's path. */
function isDevice({ type, name }: TreeEntry): boolean {
  return (
    type === 'file' && nameReason(name) !== undefined && name.includes('/') && !name.includes('\0')
  );
}

function diskName(entry: TreeEntry): string {
  return isDevice(entry) ? deviceFileName(entry.name) : entry.name;
}
