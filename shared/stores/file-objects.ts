import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileAttempt, fileError, unless } from './file-errors.ts';
import { namesOf, TEMPORARY } from './file-names.ts';
import type { ObjectInfo } from './store.ts';
import { StoreError } from './store-error.ts';

/** A folder that is a store. */
export interface Root {
  /** Absolute. */
  readonly path: string;
  /** For messages. */
  readonly url: string;
}

export function pathOf(root: Root, key: string): string {
  return join(root.path, ...namesOf(key));
}

/** A new name beside `path`, in the same file system and hidden from listings. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `${TEMPORARY}${randomUUID()}`);
}

/** Of a regular file; its number, time and size change together with every write of ours. */
export function fileInfo(key: string, stats: BigIntStats): ObjectInfo {
  return {
    key,
    sizeBytes: Number(stats.size),
    etag: etagOf(stats),
    // Rounded: a time of milliseconds is set by way of a fraction of seconds.
    lastModified: new Date(Number((stats.mtimeNs + 500_000n) / 1_000_000n)),
  };
}

export function etagOf({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map((value) => value.toString(16)).join('-');
}

/** `undefined` when nothing is there, or a folder, which is no object. */
export async function statFile(
  path: string,
  attempt: FileAttempt,
): Promise<BigIntStats | undefined> {
  const stats = await unless(['ENOENT', 'ENOTDIR'], () => lstat(path, { bigint: true }));
  if (stats === undefined || stats.isDirectory()) return undefined;
  if (stats.isSymbolicLink()) throw fileError('ELOOP', attempt);
  if (!stats.isFile()) throw notAFile(attempt);
  return stats;
}

export function notAFile({ verb, url }: FileAttempt): StoreError {
  const message = `Cannot ${verb} "${url}": it is neither a file nor a folder`;
  return new StoreError('invalid', message, { hint: 'Remove it from the folder' });
}

/** Throws `bucket_not_found` where the folder itself is absent, and `invalid` where it is a file. */
export async function checkRoot(root: Root, verb: string): Promise<void> {
  const stats = await unless(['ENOENT', 'ENOTDIR'], () => stat(root.path));
  if (stats?.isDirectory()) return;
  const why = stats === undefined ? 'there is no such folder' : 'it is no folder';
  const hint = 'Check the path and that its disk is mounted; make a new folder yourself (mkdir -p)';
  const code = stats === undefined ? 'bucket_not_found' : 'invalid';
  throw new StoreError(code, `Cannot ${verb} "${root.url}": ${why}`, { hint });
}

/**
 * Throws `invalid` where a folder on the way from the root to `path` is a symbolic link, so that
 * no key leads out of the root. Folders that are absent lead nowhere; those above them might.
 */
export async function checkWay(root: Root, path: string, attempt: FileAttempt): Promise<void> {
  const real = (folder: string) => unless(['ENOENT', 'ENOTDIR'], () => realpath(folder));
  for (let folder = dirname(path); folder.length > root.path.length; folder = dirname(folder)) {
    const realFolder = await real(folder);
    if (realFolder === undefined) continue;
    const expected = join((await real(root.path)) ?? '', folder.slice(root.path.length));
    if (realFolder !== expected) throw fileError('ELOOP', attempt);
    return;
  }
}
