import { type FileHandle, link, lstat, mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checksumNames, compareChecksums, createHasher, exactly } from './checksum.ts';
import {
  type FileAttempt,
  fileError,
  inFile,
  systemCode,
  translateFileError,
  unless,
} from './file-errors.ts';
import { type LockOptions, withLock } from './file-lock.ts';
import { checkWay, etagOf, fileInfo, type Root, statFile, temporaryPath } from './file-objects.ts';
import type { ObjectInfo, ReplayableBody, WriteOptions } from './store.ts';
import { StoreError } from './store-error.ts';

export interface FileTarget {
  readonly root: Root;
  readonly key: string;
  readonly path: string;
  readonly attempt: FileAttempt;
  readonly lock: LockOptions;
}

/**
 * Writes beside the object, and moves what is whole and on the disk to its place. A process that
 * is killed leaves a hidden temporary file at most.
 */
export async function writeFileObject(
  target: FileTarget,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { root, path, attempt } = target;
  await inFile(attempt, async () => {
    await checkWay(root, path, attempt);
    await checkCondition(target, options.condition);
  });
  const temporary = temporaryPath(path);
  const handle = await inFile(attempt, () => create(temporary));
  try {
    const info = await fill(target, handle, body, options);
    await inFile(attempt, async () => {
      await publish(target, temporary, options.condition);
      await syncFolder(dirname(path));
    });
    return info;
  } finally {
    // After a move it is gone; after a failure nobody needs it, and the failure is what counts.
    await unlink(temporary).catch(() => undefined);
  }
}

/** Fills and closes the temporary file; what it is stays the same when it is moved. */
async function fill(
  { key, attempt }: FileTarget,
  handle: FileHandle,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { url, signal } = attempt;
  const hasher = await createHasher(checksumNames([], options.expect));
  try {
    for await (const chunk of exactly(url, body(), options.sizeBytes)) {
      hasher.update(chunk);
      await inFile(attempt, () => writeAll(handle, chunk));
    }
    compareChecksums(url, options.expect ?? {}, hasher.digest());
    return await inFile(attempt, async () => {
      const time = options.source?.lastModified;
      if (time !== undefined) await handle.utimes(time, time);
      await handle.sync();
      signal?.throwIfAborted();
      return fileInfo(key, await handle.stat({ bigint: true }));
    });
  } finally {
    hasher.release();
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    at += (await handle.write(chunk, at)).bytesWritten;
  }
}

/** A folder that somebody else empties and removes meanwhile is made again. */
const FOLDER_ATTEMPTS_MAX = 10;

async function create(temporary: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt += 1) {
    const handle = await unless(['ENOENT'], () => open(temporary, 'wx'));
    if (handle !== undefined) return handle;
    if (attempt >= FOLDER_ATTEMPTS_MAX) return open(temporary, 'wx');
    await makeFolder(dirname(temporary));
  }
}

/** With every folder that was missing on the way written to the disk. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    // A file stands in the way: the next attempt to use the folder says so.
    if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(at);
  await syncFolder(dirname(first));
}

/** Makes names durable, where the system lets a folder be opened for that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function publish(
  target: FileTarget,
  temporary: string,
  condition: WriteOptions['condition'],
): Promise<void> {
  const { path, attempt } = target;
  attempt.signal?.throwIfAborted();
  if (condition === undefined) await replace(target, temporary);
  else if (condition === 'absent') await createOnly(target, temporary);
  else {
    await withLock(path, target.lock, async (stillHeld) => {
      await checkCondition(target, condition);
      if (!(await stillHeld())) throw changed(target.attempt);
      await replace(target, temporary);
    });
  }
}

/** A plain write takes no lock: it has no condition that could be broken by another one. */
async function replace(target: FileTarget, temporary: string): Promise<void> {
  try {
    await rename(temporary, target.path);
  } catch (error) {
    await makeWay(target, error);
    await rename(temporary, target.path);
  }
}

/** Of all who link a name exactly one succeeds. */
async function createOnly(target: FileTarget, temporary: string): Promise<void> {
  try {
    await link(temporary, target.path);
  } catch (error) {
    const code = systemCode(error);
    if (code !== undefined && NO_LINKS.includes(code)) return createLocked(target, temporary);
    await checkCondition(target, 'absent');
    await makeWay(target, error);
    await link(temporary, target.path);
  }
}

/** File systems without hard links (FAT, some network ones). */
const NO_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

async function createLocked(target: FileTarget, temporary: string): Promise<void> {
  await withLock(target.path, target.lock, async (stillHeld) => {
    await checkCondition(target, 'absent');
    if (!(await stillHeld())) throw changed(target.attempt);
    await replace(target, temporary);
  });
}

/** A folder of that name goes when it is empty, as killed writes leave them; else it is in use. */
async function makeWay({ path, attempt }: FileTarget, error: unknown): Promise<void> {
  const stats = await unless(['ENOENT', 'ENOTDIR'], () => lstat(path));
  if (!stats?.isDirectory()) throw error;
  if ((await removeFolder(path)) === false) throw fileError('EISDIR', attempt, error);
}

async function checkCondition(
  { path, attempt }: FileTarget,
  condition: WriteOptions['condition'],
): Promise<void> {
  if (condition === undefined) return;
  const stats = await statFile(path, attempt);
  if (condition === 'absent') {
    if (stats === undefined) return;
    throw new StoreError('exists', `Cannot ${attempt.verb} "${attempt.url}": it exists already`);
  }
  if (stats === undefined || etagOf(stats) !== condition.etag) throw changed(attempt);
}

function changed({ verb, url }: FileAttempt): StoreError {
  const message = `Cannot ${verb} "${url}": it is another version by now, or is gone`;
  return new StoreError('changed', message);
}

/** Removes an object, or with `ifMatch` this version of it alone; absent is fine. */
export async function removeFileObject(
  target: FileTarget,
  ifMatch: string | undefined,
): Promise<void> {
  const { root, path, attempt, lock } = target;
  try {
    await checkWay(root, path, attempt);
    if ((await statFile(path, attempt)) === undefined) return;
    if (ifMatch === undefined) await unless(['ENOENT'], () => unlink(path));
    else await withLock(path, lock, (stillHeld) => removeVersion(target, ifMatch, stillHeld));
    await removeEmptyFolders(root, dirname(path));
  } catch (error) {
    // The folder went with what was in it.
    if (systemCode(error) === 'ENOENT') return;
    throw translateFileError(error, attempt);
  }
}

async function removeVersion(
  { path, attempt }: FileTarget,
  ifMatch: string,
  stillHeld: () => Promise<boolean>,
): Promise<void> {
  const stats = await statFile(path, attempt);
  if (stats === undefined) return;
  if (etagOf(stats) !== ifMatch || !(await stillHeld())) throw changed(attempt);
  await unlink(path);
}

/** A store has no empty folders; the root stays. */
async function removeEmptyFolders(root: Root, folder: string): Promise<void> {
  for (let at = folder; at.length > root.path.length; at = dirname(at)) {
    if ((await removeFolder(at)) === false) return;
  }
}

/** `false` where it is not empty, or not to be removed. */
async function removeFolder(folder: string): Promise<boolean> {
  return rmdir(folder).then(
    () => true,
    (error: unknown) => systemCode(error) === 'ENOENT',
  );
}
