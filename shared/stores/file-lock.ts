import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { link, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemCode, unless } from './file-errors.ts';
import { LOCK } from './file-names.ts';
import { temporaryPath } from './file-objects.ts';

/** Whoever waits looks again this often. */
const POLL_MS = 10;

export interface LockOptions {
  /**
   * A lock that has not changed for this long while we waited belonged to a process that was
   * killed: what is done under it takes milliseconds. Measured by waiting, not by anybody's clock.
   */
  readonly staleMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `action` while no other process that does the same for `path` runs its own. The lock is a
 * file beside it, which the file system lets exactly one of all create. `action` is given a check
 * that we still hold it, to be made right before its last step: a process that was stopped for
 * longer than `staleMs` finds out there that it has been taken for dead.
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  action: (stillHeld: () => Promise<boolean>) => Promise<T>,
): Promise<T> {
  const lock = lockPath(path);
  const id = await acquire(lock, options);
  const stillHeld = async (): Promise<boolean> => (await idOf(lock)) === id;
  try {
    return await action(stillHeld);
  } finally {
    if (await stillHeld()) await unless(['ENOENT'], () => unlink(lock));
  }
}

export function lockPath(path: string): string {
  const digest = createHash('sha256').update(basename(path)).digest('hex').slice(0, 32);
  return join(dirname(path), `${LOCK}${digest}`);
}

async function acquire(lock: string, { staleMs, signal }: LockOptions): Promise<string> {
  let seen: string | undefined;
  let waitedMs = 0;
  for (;;) {
    const id = await create(lock);
    if (id !== undefined) return id;
    const holder = await idOf(lock);
    if (holder !== seen) waitedMs = 0;
    seen = holder;
    if (holder !== undefined && waitedMs >= staleMs) await breakLock(lock, holder);
    await setTimeout(POLL_MS, undefined, signal ? { signal } : {});
    waitedMs += POLL_MS;
  }
}

async function create(lock: string): Promise<string | undefined> {
  const handle = await unless(['EEXIST'], () => open(lock, 'wx'));
  try {
    return handle && identity(await handle.stat({ bigint: true }));
  } finally {
    await handle?.close();
  }
}

async function idOf(lock: string): Promise<string | undefined> {
  const stats = await unless(['ENOENT'], () => lstat(lock, { bigint: true }));
  return stats && identity(stats);
}

function identity({ ino, mtimeNs }: BigIntStats): string {
  return `${ino}-${mtimeNs}`;
}

/**
 * Moves the lock aside and looks at what it moved: another waiter may have been faster, so that
 * it is somebody's fresh lock by now, which is put back.
 */
async function breakLock(lock: string, stale: string): Promise<void> {
  const aside = temporaryPath(lock);
  try {
    await rename(lock, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await idOf(aside)) !== stale) await unless(['EEXIST'], () => link(aside, lock));
  await unlink(aside);
}
