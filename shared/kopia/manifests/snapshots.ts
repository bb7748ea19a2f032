import { isObject } from '../format/json-members.ts';
import { parseTimestamp } from '../objects/timestamp.ts';
import { isWhole, type TreeEntry, treeEntry } from '../objects/tree-entry.ts';
import type { Manifest, Manifests } from './manifests.ts';

/** Who backed up what: printed as `user@host:path`. */
export interface SnapshotSource {
  readonly host: string;
  readonly userName: string;
  readonly path: string;
}

/** Counted by the writer; nothing is computed from it. */
export interface SnapshotStats {
  readonly sizeBytes: number;
  readonly excludedSizeBytes: number;
  readonly files: number;
  readonly cachedFiles: number;
  readonly nonCachedFiles: number;
  readonly directories: number;
  readonly excludedFiles: number;
  readonly excludedDirectories: number;
  readonly ignoredErrors: number;
  readonly errors: number;
}

/** Source: Kopia v0.23.1, snapshot/manifest.go, snapshot/stats.go. */
export interface Snapshot {
  /** Of the manifest; what Velero calls the snapshot's id. */
  readonly id: string;
  readonly source: SnapshotSource;
  readonly description: string;
  readonly startTime: Date;
  readonly endTime: Date;
  /** Set when it is no whole backup: `checkpoint`, `canceled`, `limit reached`, … */
  readonly incompleteReason?: string;
  /** Kopia's own tags are named `tag:…`, Velero's are not. Without a prototype. */
  readonly tags: Readonly<Record<string, string>>;
  /** Reasons why it must not expire. */
  readonly pins: readonly string[];
  readonly stats: SnapshotStats;
  readonly root: TreeEntry;
  /** The content that holds its manifest. */
  readonly contentId: string;
}

/** A snapshot manifest that cannot be understood. Kopia logs it and shows the others. */
export interface SnapshotProblem {
  readonly id: string;
  readonly contentId: string;
  /** From the labels, as far as they are there: what it was a backup of. */
  readonly source: SnapshotSource;
  /** A sentence's end, as in: snapshot "…" `reason`. */
  readonly reason: string;
}

export interface Snapshots {
  /** Incomplete ones included; ascending by start, then id. */
  readonly snapshots: readonly Snapshot[];
  readonly problems: readonly SnapshotProblem[];
}

export function snapshotsOf(manifests: Manifests): Snapshots {
  const snapshots: { snapshot: Snapshot; startNs: bigint }[] = [];
  const problems: SnapshotProblem[] = [];
  for (const manifest of manifests.all.values()) {
    if (manifest.labels['type'] !== 'snapshot') continue;
    const parsed = parseSnapshot(manifest);
    if (typeof parsed !== 'string') {
      snapshots.push(parsed);
      continue;
    }
    const { id, contentId, labels } = manifest;
    const { hostname: host = '', username: userName = '', path = '' } = labels;
    problems.push({ id, contentId, source: { host, userName, path }, reason: parsed });
  }
  snapshots.sort((a, b) => order(a.startNs, b.startNs) || order(a.snapshot.id, b.snapshot.id));
  return { snapshots: snapshots.map(({ snapshot }) => snapshot), problems };
}

/**
 * The snapshots that `reference` may mean, ascending by start: the one of this manifest id (Velero's
 * `snapshotID`); else all whose root is this object; else all whose id begins with it.
 */
export function findSnapshots(
  snapshots: readonly Snapshot[],
  reference: string,
): readonly Snapshot[] {
  const ways: ((snapshot: Snapshot) => boolean)[] = [
    ({ id }) => id === reference,
    ({ root }) => root.objectId === reference,
    ({ id }) => reference !== '' && id.startsWith(reference),
  ];
  for (const matches of ways) {
    const found = snapshots.filter(matches);
    if (found.length > 0) return found;
  }
  return [];
}

/** A sentence's end when it is none. */
function parseSnapshot({
  id,
  contentId,
  data,
}: Manifest): { snapshot: Snapshot; startNs: bigint } | string {
  if (!isObject(data)) return 'is no JSON object';
  const source = data['source'];
  if (!isObject(source)) return 'has no source';
  const [host, userName, path] = ['host', 'userName', 'path'].map((name) => source[name] ?? '');
  const description = data['description'] ?? '';
  const incomplete = data['incomplete'] ?? '';
  const start = parseTimestamp(data['startTime']);
  const end = parseTimestamp(data['endTime']);
  const tags = stringsOf(data['tags'] ?? {});
  const pins = data['pins'] ?? [];
  const stats = statsOf(data['stats'] ?? {});
  const root = treeEntry(data['rootEntry']);
  if (typeof host !== 'string' || typeof userName !== 'string' || typeof path !== 'string') {
    return 'has no source';
  }
  if (start === undefined || end === undefined) return 'has no time';
  if (root === undefined || root.objectId === '') return 'has no root entry';
  if (typeof description !== 'string' || typeof incomplete !== 'string') return 'has an odd text';
  if (tags === undefined || !isTexts(pins)) return 'has odd tags or pins';
  if (stats === undefined) return 'has odd statistics';
  const snapshot: Snapshot = {
    id,
    source: { host, userName, path },
    description,
    startTime: start.date,
    endTime: end.date,
    ...(incomplete !== '' && { incompleteReason: incomplete }),
    tags,
    pins,
    stats,
    root,
    contentId,
  };
  return { snapshot, startNs: start.ns };
}

const STATS: readonly (readonly [keyof SnapshotStats, string])[] = [
  ['sizeBytes', 'totalSize'],
  ['excludedSizeBytes', 'excludedTotalSize'],
  ['files', 'fileCount'],
  ['cachedFiles', 'cachedFiles'],
  ['nonCachedFiles', 'nonCachedFiles'],
  ['directories', 'dirCount'],
  ['excludedFiles', 'excludedFileCount'],
  ['excludedDirectories', 'excludedDirCount'],
  ['ignoredErrors', 'ignoredErrorCount'],
  ['errors', 'errorCount'],
];

function statsOf(value: unknown): SnapshotStats | undefined {
  if (!isObject(value)) return undefined;
  const stats = {} as Record<keyof SnapshotStats, number>;
  for (const [name, member] of STATS) {
    const count = value[member] ?? 0;
    if (!isWhole(count)) return undefined;
    stats[name] = count;
  }
  return stats;
}

function stringsOf(value: unknown): Record<string, string> | undefined {
  if (!isObject(value)) return undefined;
  const strings: Record<string, string> = Object.create(null);
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') return undefined;
    strings[name] = text;
  }
  return strings;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function order<T extends bigint | string>(left: T, right: T): number {
  return left < right ? -1 : Number(left > right);
}
