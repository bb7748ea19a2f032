import { isObject } from '../format/json-members.ts';
import { parseTimestamp, type Timestamp } from './timestamp.ts';

/** One entry of a directory, or the root of a snapshot. */
export interface TreeEntry {
  /**
   * As stored, never checked: it may be a whole path (block volumes), `..`, or hold U+FFFD for bytes
   * that were no UTF-8. See `nameTrouble` before it becomes part of a path.
   */
  readonly name: string;
  /** `unknown`: a type that Kopia itself does not restore. */
  readonly type: 'file' | 'directory' | 'symlink' | 'unknown';
  /** POSIX permission bits with set-user-id, set-group-id and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** Of a file its length, of a link that of its target; 0 for a directory. */
  readonly sizeBytes: number;
  /** Kopia leaves out what is 0, so that an entry without a time is of 1 January 1970. */
  readonly modifiedAt: Date;
  /** The same in nanoseconds since 1970. */
  readonly modifiedNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** Not parsed; empty when the entry has none. */
  readonly objectId: string;
  /** Of directories: what was below when it was backed up. */
  readonly summary?: DirectorySummary;
}

export interface DirectorySummary {
  readonly sizeBytes: number;
  readonly files: number;
  readonly symlinks: number;
  /** The directory itself included. */
  readonly directories: number;
  /** Newest modification below; Kopia restores a subdirectory with this time, not with its own. */
  readonly newestAt: Date;
  readonly newestNs: bigint;
  readonly incompleteReason?: string;
  /** Entries that could not be read at the source; the snapshot lacks them. */
  readonly failed: number;
  readonly ignoredErrors: number;
}

/** Go's os.FileMode keeps these outside the permission bits; Kopia stores its number as octal. */
const GO_SETUID = 1 << 23;
const GO_SETGID = 1 << 22;
const GO_STICKY = 1 << 20;

const TYPES = new Map<unknown, TreeEntry['type']>([
  ['d', 'directory'],
  ['f', 'file'],
  ['s', 'symlink'],
]);

/**
 * Takes an entry's JSON apart. `undefined` when Kopia could not decode it either: a member of
 * another type, an odd time or mode. Members left out are 0 or empty.
 * Source: Kopia v0.23.1, snapshot/manifest.go (DirEntry), fs/entry.go (DirectorySummary).
 */
export function treeEntry(raw: unknown): TreeEntry | undefined {
  if (!isObject(raw)) return undefined;
  const name = raw['name'] ?? '';
  const objectId = raw['obj'] ?? '';
  const type = raw['type'] ?? '';
  const sizeBytes = raw['size'] ?? 0;
  const uid = raw['uid'] ?? 0;
  const gid = raw['gid'] ?? 0;
  const mode = posixMode(raw['mode']);
  const modified = timestamp(raw['mtime']);
  const summary = raw['summ'] == null ? undefined : directorySummary(raw['summ']);
  if (typeof name !== 'string' || typeof objectId !== 'string' || typeof type !== 'string') {
    return undefined;
  }
  if (!isWhole(sizeBytes) || !isOwner(uid) || !isOwner(gid)) return undefined;
  if (mode === undefined || modified === undefined) return undefined;
  if (raw['summ'] != null && summary === undefined) return undefined;
  const entry: TreeEntry = {
    name,
    type: TYPES.get(type) ?? 'unknown',
    mode,
    sizeBytes,
    modifiedAt: modified.date,
    modifiedNs: modified.ns,
    uid,
    gid,
    objectId,
  };
  return summary === undefined ? entry : { ...entry, summary };
}

/** `undefined` when it is none; what it counts is not checked against anything. */
export function directorySummary(raw: unknown): DirectorySummary | undefined {
  if (!isObject(raw)) return undefined;
  const newest = timestamp(raw['maxTime']);
  const [sizeBytes, files, symlinks, directories, failed, ignoredErrors] = [
    'size',
    'files',
    'symlinks',
    'dirs',
    'numFailed',
    'numIgnoredErrors',
  ].map((key) => raw[key] ?? 0);
  const incomplete = raw['incomplete'] ?? '';
  if (!isWhole(sizeBytes) || !isWhole(files) || !isWhole(symlinks) || !isWhole(directories)) {
    return undefined;
  }
  if (!isWhole(failed) || !isWhole(ignoredErrors) || newest === undefined) return undefined;
  if (typeof incomplete !== 'string' || !isErrors(raw['errors'] ?? [])) return undefined;
  return {
    sizeBytes,
    files,
    symlinks,
    directories,
    newestAt: newest.date,
    newestNs: newest.ns,
    ...(incomplete !== '' && { incompleteReason: incomplete }),
    failed,
    ignoredErrors,
  };
}

/** Some of the failed entries, which nothing here needs; Kopia refuses a directory with odd ones. */
function isErrors(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return (value as readonly unknown[]).every((each) => {
    if (!isObject(each)) return false;
    const { path = '', error = '' } = each;
    return typeof path === 'string' && typeof error === 'string';
  });
}

const EPOCH = { date: new Date(0), ns: 0n };

function timestamp(value: unknown): Timestamp | undefined {
  return value == null ? EPOCH : parseTimestamp(value);
}

/** "0755", and "040000755" with the set-user-id bit. */
function posixMode(value: unknown): number | undefined {
  if (value == null) return 0;
  if (typeof value !== 'string' || !/^0[0-7]{0,11}$/.test(value)) return undefined;
  const bits = Number.parseInt(value, 8);
  return (
    (bits & 0o777) |
    (bits & GO_SETUID ? 0o4000 : 0) |
    (bits & GO_SETGID ? 0o2000 : 0) |
    (bits & GO_STICKY ? 0o1000 : 0)
  );
}

/** Kopia keeps owners in 32 bits and refuses a directory with any other number. */
function isOwner(value: unknown): value is number {
  return isWhole(value) && value >= 0 && value < 2 ** 32;
}

/** 64 bits, as Kopia takes: a sum of sparse files may be beyond what a number holds exactly. */
export function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(Number(value)) <= 2 ** 63;
}
