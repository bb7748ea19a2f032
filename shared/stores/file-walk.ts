import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileAttempt, fileError, translateFileError, unless } from './file-errors.ts';
import { meaningOf, namesOf } from './file-names.ts';
import { fileInfo, notAFile, type Root } from './file-objects.ts';
import { compareKeys } from './keys.ts';
import type { ListOptions, ObjectInfo } from './store.ts';
import { StoreError } from './store-error.ts';

/** One name in a folder, as a key has it. */
interface Entry {
  /** The key of a file, or the beginning of the keys in a folder, with its `/`. */
  readonly key: string;
  readonly path: string;
  readonly isFolder: boolean;
}

/** Files are looked at in groups of this many, ahead of whoever takes them. */
const LOOKS_AT_ONCE = 32;

/**
 * Yields the objects whose keys begin with `prefix`, ascending. Holds the names of one folder, and
 * of those above it, at a time.
 */
export async function* walk(
  root: Root,
  prefix: string,
  options: ListOptions,
  attempt: FileAttempt,
): AsyncGenerator<ObjectInfo> {
  const { startAfter } = options;
  const wanted = ({ key, isFolder }: Entry): boolean => {
    if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) return false;
    if (startAfter === undefined || compareKeys(key, startAfter) > 0) return true;
    // A folder before it may hold what is behind it, if the key goes on within.
    return isFolder && startAfter.startsWith(key);
  };
  const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  yield* filesBelow(base, folderOf(root, base), wanted, attempt);
}

/** The names of the folders directly below `prefix` that hold any object, each with its `/`. */
export async function* walkFolders(
  root: Root,
  prefix: string,
  attempt: FileAttempt,
): AsyncGenerator<string> {
  const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  for (const entry of await entriesOf(base, folderOf(root, base), attempt)) {
    if (!entry.isFolder || !entry.key.startsWith(prefix)) continue;
    // A folder without objects is what a write that was killed leaves behind.
    for await (const _ of filesBelow(entry.key, entry.path, () => true, attempt)) {
      yield entry.key.slice(prefix.length);
      break;
    }
  }
}

/** Of a prefix that is empty or ends in `/`. */
function folderOf(root: Root, base: string): string {
  return base === '' ? root.path : join(root.path, ...namesOf(base.slice(0, -1)));
}

async function* filesBelow(
  base: string,
  folder: string,
  wanted: (entry: Entry) => boolean,
  attempt: FileAttempt,
): AsyncGenerator<ObjectInfo> {
  const entries = (await entriesOf(base, folder, attempt)).filter(wanted);
  for (let at = 0; at < entries.length; ) {
    attempt.signal?.throwIfAborted();
    const first = entries[at];
    if (first?.isFolder) {
      yield* filesBelow(first.key, first.path, wanted, attempt);
      at += 1;
      continue;
    }
    const group = filesFrom(entries, at);
    for (const info of await Promise.all(group.map((entry) => look(entry, attempt)))) {
      if (info !== undefined) yield info;
    }
    at += group.length;
  }
}

/** The files that follow each other from `at` on, as many as are looked at together. */
function filesFrom(entries: readonly Entry[], at: number): readonly Entry[] {
  const some = entries.slice(at, at + LOOKS_AT_ONCE);
  const end = some.findIndex((entry) => entry.isFolder);
  return end < 0 ? some : some.slice(0, end);
}

/** `undefined` for what has been removed meanwhile. */
async function look(entry: Entry, attempt: FileAttempt): Promise<ObjectInfo | undefined> {
  try {
    const stats = await unless(['ENOENT'], () => lstat(entry.path, { bigint: true }));
    return stats?.isFile() ? fileInfo(entry.key, stats) : undefined;
  } catch (error) {
    throw translateFileError(error, attempt);
  }
}

/** What the folder holds, ascending by key; nothing where it is absent. */
async function entriesOf(base: string, folder: string, attempt: FileAttempt): Promise<Entry[]> {
  const entries = await rawEntries(base, folder, '', attempt);
  return entries.sort((a, b) => compareKeys(a.key, b.key));
}

async function rawEntries(
  base: string,
  folder: string,
  begun: string,
  attempt: FileAttempt,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const dirent of await readFolder(folder, attempt)) {
    const name = nameOf(dirent, attempt);
    const path = join(folder, name);
    const meaning = meaningOf(name, begun);
    if (meaning.kind === 'hidden') continue;
    if (dirent.isSymbolicLink())
      throw fileError('ELOOP', { ...attempt, url: `${attempt.url}: ${name}` });
    if (meaning.kind === 'continued') {
      if (dirent.isDirectory())
        entries.push(...(await rawEntries(base, path, meaning.begun, attempt)));
      continue;
    }
    const isFolder = dirent.isDirectory();
    if (!isFolder && !dirent.isFile())
      throw notAFile({ ...attempt, url: `${attempt.url}: ${name}` });
    entries.push({ key: `${base}${meaning.segment}${isFolder ? '/' : ''}`, path, isFolder });
  }
  return entries;
}

type RawDirent = Dirent<Buffer>;

/** Names as bytes, since not every name on a disk is UTF-8. */
async function readFolder(folder: string, attempt: FileAttempt): Promise<readonly RawDirent[]> {
  try {
    const options = { withFileTypes: true, encoding: 'buffer' } as const;
    return (await unless(['ENOENT', 'ENOTDIR'], () => readdir(folder, options))) ?? [];
  } catch (error) {
    throw translateFileError(error, attempt);
  }
}

function nameOf(dirent: RawDirent, { verb, url }: FileAttempt): string {
  const name = dirent.name.toString();
  if (Buffer.from(name).equals(dirent.name)) return name;
  const message = `Cannot ${verb} "${url}": the name of a file in it is not UTF-8`;
  throw new StoreError('invalid', message, { hint: 'Rename the file' });
}
