/** Directories, indirect objects and snapshots as JSON (reference sections 6 and 7). */

/** A directory entry as it is written; a test may write any other members, wrong ones included. */
export interface Entry {
  name: string;
  type: 'f' | 'd' | 's';
  /** Octal with a leading zero. */
  mode?: string;
  size?: number;
  /** RFC 3339. */
  mtime?: string;
  uid?: number;
  gid?: number;
  /** Object id. */
  obj: string;
  summ?: Summary;
}

export interface Summary {
  size: number;
  files: number;
  symlinks: number;
  dirs: number;
  maxTime: string;
  numFailed: number;
  incomplete?: string;
}

/** A folder by its names: text or bytes are a file, `{ link }` a symlink, anything else a folder. */
export interface Tree {
  readonly [name: string]: string | Uint8Array | { readonly link: string } | Tree;
}

export interface SnapshotOptions {
  readonly host?: string;
  readonly user?: string;
  readonly path?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly pins?: readonly string[];
  readonly incomplete?: string;
  /** RFC 3339. */
  readonly startTime?: string;
  readonly endTime?: string;
}

export const TREE_TIME = '2026-11-01T02:00:00Z';

export function directoryJson(entries: readonly Entry[], summ: Summary): Buffer {
  return Buffer.from(JSON.stringify({ stream: 'kopia:directory', entries, summary: summ }));
}

export interface IndirectPart {
  /** Omitted when 0, as Kopia does. */
  readonly start: number;
  readonly lengthBytes: number;
  readonly objectId: string;
}

export function indirectJson(parts: readonly IndirectPart[]): Buffer {
  const entries = parts.map(({ start, lengthBytes, objectId }) => ({
    ...(start !== 0 && { s: start }),
    l: lengthBytes,
    o: objectId,
  }));
  return Buffer.from(JSON.stringify({ stream: 'kopia:indirect', entries }));
}

/** What a folder's entries amount to, the folder itself included. */
export function summarise(entries: readonly Entry[]): Summary {
  const total = { size: 0, files: 0, symlinks: 0, dirs: 1, maxTime: TREE_TIME, numFailed: 0 };
  for (const { type, size = 0, summ } of entries) {
    if (type === 'f') {
      total.files += 1;
      total.size += size;
    } else if (type === 's') total.symlinks += 1;
    else {
      total.size += summ?.size ?? 0;
      total.files += summ?.files ?? 0;
      total.symlinks += summ?.symlinks ?? 0;
      total.dirs += summ?.dirs ?? 1;
    }
  }
  return total;
}

/** Directories first, then the rest, by name (Go compares the bytes). */
export function inKopiaOrder(entries: readonly Entry[]): Entry[] {
  const rank = ({ type }: Entry): number => (type === 'd' ? 0 : 1);
  return [...entries].sort(
    (a, b) => rank(a) - rank(b) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
}

/** Labels and data of a snapshot manifest. */
export function snapshotManifest(
  root: Entry,
  options: SnapshotOptions,
): { readonly labels: Record<string, string>; readonly data: unknown } {
  const { host = 'files', user = 'backup', path = '/srv/data' } = options;
  const { size = 0, summ } = root;
  const files = summ?.files ?? 1;
  const data = {
    id: '',
    source: { host, userName: user, path },
    description: options.description ?? '',
    startTime: options.startTime ?? TREE_TIME,
    endTime: options.endTime ?? options.startTime ?? TREE_TIME,
    stats: {
      totalSize: summ?.size ?? size,
      excludedTotalSize: 0,
      fileCount: files,
      cachedFiles: 0,
      nonCachedFiles: files,
      dirCount: summ?.dirs ?? 0,
      excludedFileCount: 0,
      excludedDirCount: 0,
      ignoredErrorCount: 0,
      errorCount: 0,
    },
    ...(options.incomplete !== undefined && { incomplete: options.incomplete }),
    rootEntry: root,
    ...(options.tags && { tags: options.tags }),
    ...(options.pins && { pins: options.pins }),
  };
  const labels = { type: 'snapshot', hostname: host, username: user, path, ...options.tags };
  return { labels, data };
}
