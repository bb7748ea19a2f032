import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { collect } from './checksum.ts';
import { type FileAttempt, inFile, systemCode, translateFileError } from './file-errors.ts';
import { checkRoot, checkWay, fileInfo, pathOf, type Root, statFile } from './file-objects.ts';
import { walk, walkFolders } from './file-walk.ts';
import { type FileTarget, removeFileObject, writeFileObject } from './file-write.ts';
import { checkKey, shownKey } from './keys.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  ReplayableBody,
  StoreCapabilities,
  WriteOptions,
} from './store.ts';
import { StoreError } from './store-error.ts';

export interface FileStoreOptions {
  /** Of the folder; made, with those above it, by the first write. */
  readonly path: string;
  /** After which a lock that nobody moves is taken for one of a killed process. */
  readonly lockStaleMs?: number;
}

export const FILE_CAPABILITIES: StoreCapabilities = {
  conditionalWrite: true,
  conditionalDelete: true,
  sourceEtagKept: false,
  sourceTimeListed: true,
  sourceStampListed: false,
  checksum: undefined,
  pullFromUrl: false,
};

const LOCK_STALE_MS = 5000;
const PIECE_SIZE_BYTES = 256 * 1024;
const REMOVALS_AT_ONCE = 16;

/**
 * A folder, with a file per object. Its `lastModified` is the file's time of modification, which a
 * copy gets from its source. Symbolic links are not followed: what leads over one is `invalid`.
 */
export function fileStore({ path, lockStaleMs = LOCK_STALE_MS }: FileStoreOptions): ObjectStore {
  const store = new Folder(resolve(path), lockStaleMs);
  // A plain object, as all stores are: tests and wrappers take it apart.
  return {
    url: store.url,
    capabilities: FILE_CAPABILITIES,
    list: (prefix, options) => store.list(prefix, options),
    listDirectories: (prefix, options) => store.listDirectories(prefix, options),
    stat: (key, options) => store.stat(key, options),
    read: (key, options) => store.read(key, options),
    write: (key, body, options) => store.write(key, body, options),
    remove: (key, options) => store.remove(key, options),
    removeMany: (keys, options) => store.removeMany(keys, options),
  };
}

class Folder implements ObjectStore {
  readonly url: string;
  readonly capabilities = FILE_CAPABILITIES;
  readonly #root: Root;
  readonly #lockStaleMs: number;

  constructor(path: string, lockStaleMs: number) {
    this.url = pathToFileURL(path).href;
    this.#root = { path, url: this.url };
    this.#lockStaleMs = lockStaleMs;
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const attempt = await this.#beginList(prefix, options);
    yield* walk(this.#root, prefix, options, attempt);
  }

  async *listDirectories(prefix: string, options: CallOptions = {}): AsyncGenerator<string> {
    const attempt = await this.#beginList(prefix, options);
    yield* walkFolders(this.#root, prefix, attempt);
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const { path, attempt } = this.#target('look at', key, options);
    return inFile(attempt, async () => {
      await checkWay(this.#root, path, attempt);
      const stats = await statFile(path, attempt);
      if (stats !== undefined) return fileInfo(key, stats);
      await checkRoot(this.#root, attempt.verb);
      return undefined;
    });
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectContent> {
    const { path, attempt } = this.#target('read', key, options);
    const handle = await inFile(attempt, () => this.#open(path, attempt));
    try {
      const info = fileInfo(key, await handle.stat({ bigint: true }));
      const { offsetBytes, lengthBytes } = checkedRange(attempt.url, info, options);
      const pieces = piecesOf(handle, offsetBytes, lengthBytes, attempt);
      if (lengthBytes > PIECE_SIZE_BYTES) return { info, body: pieces };
      // Nothing stays open for a caller who only wanted to know that it is there.
      return { info, body: single(await collect(pieces), options.signal) };
    } catch (error) {
      await handle.close();
      throw translateFileError(error, attempt);
    }
  }

  async write(key: string, body: ReplayableBody, options: WriteOptions): Promise<ObjectInfo> {
    return writeFileObject(this.#target('write', key, options), body, options);
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const target = this.#target('remove', key, options);
    await inFile(target.attempt, () => checkRoot(this.#root, 'remove from'));
    await removeFileObject(target, options.ifMatch);
  }

  async removeMany(
    keys: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> {
    options.signal?.throwIfAborted();
    const attempt = { verb: 'remove from', url: this.url, signal: options.signal };
    if (keys.length > 0) await inFile(attempt, () => checkRoot(this.#root, attempt.verb));
    const failures: RemoveFailure[] = [];
    const waiting = [...keys];
    const work = async (): Promise<void> => {
      for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
        try {
          await this.remove(key, options);
        } catch (error) {
          if (options.signal?.aborted || !(error instanceof StoreError)) throw error;
          failures.push({ key, error });
        }
      }
    };
    await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, work));
    return failures;
  }

  #target(verb: string, key: string, { signal }: CallOptions): FileTarget {
    const url = `${this.url}/${shownKey(key)}`;
    checkKey(this.url, key);
    if (!key.isWellFormed()) {
      throw new StoreError('invalid', `Cannot ${verb} "${url}": its key is not Unicode`);
    }
    const lock = { staleMs: this.#lockStaleMs, signal };
    const attempt = { verb, url, signal };
    return { root: this.#root, key, path: pathOf(this.#root, key), attempt, lock };
  }

  async #beginList(prefix: string, { signal }: CallOptions): Promise<FileAttempt> {
    const attempt = { verb: 'list', url: `${this.url}/${shownKey(prefix)}`, signal };
    await inFile(attempt, async () => {
      await checkRoot(this.#root, attempt.verb);
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      // The key that is the folder's own name with its "/" lies directly in it.
      if (folder !== '') await checkWay(this.#root, pathOf(this.#root, folder), attempt);
    });
    return attempt;
  }

  async #open(path: string, attempt: FileAttempt): Promise<FileHandle> {
    await checkWay(this.#root, path, attempt);
    if ((await statFile(path, attempt)) === undefined) {
      await checkRoot(this.#root, attempt.verb);
      throw notFound(attempt);
    }
    return open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => {
      throw systemCode(error) === 'ENOENT' ? notFound(attempt) : error;
    });
  }
}

function notFound({ verb, url }: FileAttempt): StoreError {
  return new StoreError('not_found', `Cannot ${verb} "${url}": there is no such object`);
}

function checkedRange(url: string, info: ObjectInfo, { range, ifMatch }: ReadOptions) {
  const { sizeBytes } = info;
  if (ifMatch !== undefined && info.etag !== ifMatch) {
    throw new StoreError('changed', `Cannot read "${url}": it is another version by now`);
  }
  if (range === undefined) return { offsetBytes: 0, lengthBytes: sizeBytes };
  if (range.lengthBytes < 1 || range.offsetBytes + range.lengthBytes > sizeBytes) {
    const wanted = `${range.lengthBytes} bytes at ${range.offsetBytes}`;
    throw new StoreError('range', `Cannot read ${wanted} of "${url}": it has ${sizeBytes} bytes`);
  }
  return range;
}

/** Closes the file at the end, on failure, and when the loop is left. */
async function* piecesOf(
  handle: FileHandle,
  offsetBytes: number,
  lengthBytes: number,
  attempt: FileAttempt,
): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  try {
    while (seenBytes < lengthBytes) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_SIZE_BYTES, lengthBytes - seenBytes));
      const { bytesRead } = await inFile(attempt, () =>
        handle.read(piece, 0, piece.length, offsetBytes + seenBytes),
      );
      if (bytesRead === 0) throw shortRead(attempt, seenBytes, lengthBytes);
      seenBytes += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Somebody cut the file off while it was read. */
function shortRead({ url }: FileAttempt, seenBytes: number, sizeBytes: number): StoreError {
  const message = `Cannot read "${url}": ${seenBytes} of ${sizeBytes} bytes arrived`;
  return new StoreError('unreachable', message);
}

async function* single(
  piece: Uint8Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (piece.byteLength > 0) yield piece;
}
