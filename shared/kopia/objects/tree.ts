import type { CallOptions } from '../../stores/store.ts';
import { ContentDamage } from '../contents/content-damage.ts';
import type { ContentReader } from '../contents/content-reader.ts';
import { readDirectory } from './directory.ts';
import { ObjectDamage } from './object-damage.ts';
import { readObject } from './object-reader.ts';
import type { TreeEntry } from './tree-entry.ts';

/** Linux takes no path of more than 4,096 bytes, which is 2,048 folders of one letter. */
const DEPTH_MAX = 2048;
/** Content bytes that the directories from the root to the current one may hold together. */
const HELD_SIZE_BYTES_MAX = 256 * 1024 * 1024;
/** Linux has 4 KiB, Windows 32 KiB of UTF-16. */
const LINK_SIZE_BYTES_MAX = 64 * 1024;

export interface WalkedEntry {
  /**
   * Names from the root down, joined by `/`; the root's own name is not part of it. For showing
   * only: names may hold `/` or be `..` (`nameTrouble`).
   */
  readonly path: string;
  /** Names of the directories above it, from below the root down. */
  readonly folders: readonly string[];
  readonly entry: TreeEntry;
}

export interface WalkOptions extends CallOptions {
  /**
   * Told of a directory that cannot be read, after those of its entries that can; the walk goes on
   * behind it. Without this the walk ends by throwing.
   */
  readonly onDamage?: (damage: ObjectDamage | ContentDamage, directory: WalkedEntry) => void;
}

/**
 * Everything below `root`, each directory before what is in it, entries in the order of storage
 * (directories first, by name). `kopia ls -r` prints the same set; its own order changes from run to
 * run, because it goes through a Go map (v0.23.1, snapshot/snapshotfs/repofs.go). The root itself is
 * not yielded; below a root that is a file or link there is nothing.
 * @throws ObjectDamage, ContentDamage without `onDamage`; StoreErrors as they are.
 */
export async function* walkTree(
  contents: ContentReader,
  root: TreeEntry,
  options: WalkOptions = {},
): AsyncGenerator<WalkedEntry> {
  const open = new OpenDirectories(contents, options);
  if (root.type === 'directory') open.push({ path: '', folders: [], entry: root });
  for (let level = open.last(); level !== undefined; level = open.last()) {
    try {
      const next = await level.entries.next();
      if (next.done) {
        open.pop();
        continue;
      }
      const { path, folders } = level;
      const entry = next.value;
      const walked = { path: `${path}${entry.name}`, folders, entry };
      yield walked;
      if (entry.type === 'directory') open.push(walked);
    } catch (error) {
      const isDamage = error instanceof ObjectDamage || error instanceof ContentDamage;
      if (!isDamage || options.onDamage === undefined) throw error;
      options.onDamage(error, level.directory);
      open.pop();
    }
  }
}

/**
 * What a symbolic link points to, as stored: any bytes. Kopia restores it as it is.
 * @throws ObjectDamage, ContentDamage; StoreErrors as they are.
 */
export async function readLinkTarget(
  contents: ContentReader,
  entry: TreeEntry,
  options: CallOptions = {},
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of readObject(contents, entry.objectId, options)) {
    sizeBytes += piece.length;
    if (sizeBytes > LINK_SIZE_BYTES_MAX) {
      const detail = `the target of a link has more than ${LINK_SIZE_BYTES_MAX} bytes`;
      throw new ObjectDamage(entry.objectId, 'malformed', detail);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

interface Level {
  readonly directory: WalkedEntry;
  /** Of what is in the directory: the beginning of its path, and the directories above it. */
  readonly path: string;
  readonly folders: readonly string[];
  /** False when a limit forbids to look into it. */
  readonly entered: boolean;
  readonly entries: AsyncGenerator<TreeEntry, unknown>;
  heldBytes: number;
}

/** The directories from the root to where the walk is, each half read. */
class OpenDirectories {
  readonly #contents: ContentReader;
  readonly #options: CallOptions;
  readonly #levels: Level[] = [];
  readonly #objectIds = new Set<string>();

  constructor(contents: ContentReader, options: CallOptions) {
    this.#contents = contents;
    this.#options = options;
  }

  last(): Level | undefined {
    return this.#levels.at(-1);
  }

  /** Opens a directory; what is wrong with it shows when its first entry is asked for. */
  push(directory: WalkedEntry): void {
    const { entry, path } = directory;
    const { objectId } = entry;
    const isRoot = this.#levels.length === 0;
    const limit = this.#limitReached(objectId);
    const hold = (sizeBytes: number): void => {
      level.heldBytes = sizeBytes;
    };
    const level: Level = {
      directory,
      path: isRoot ? '' : `${path}/`,
      folders: isRoot ? [] : [...directory.folders, entry.name],
      entered: limit === undefined,
      entries:
        limit === undefined
          ? readDirectory(counted(this.#contents, hold), objectId, this.#options)
          : refused(objectId, limit),
      heldBytes: 0,
    };
    if (level.entered) this.#objectIds.add(objectId);
    this.#levels.push(level);
  }

  pop(): void {
    const level = this.#levels.pop();
    if (level?.entered) this.#objectIds.delete(level.directory.entry.objectId);
  }

  #limitReached(objectId: string): string | undefined {
    // Impossible with honest hashes; side by side the same directory may well occur twice.
    if (this.#objectIds.has(objectId)) return 'the directory contains itself';
    if (this.#levels.length >= DEPTH_MAX) return `it lies more than ${DEPTH_MAX} directories deep`;
    const heldBytes = this.#levels.reduce((sum, level) => sum + level.heldBytes, 0);
    return heldBytes > HELD_SIZE_BYTES_MAX
      ? 'the directories above it are too large to be held in memory'
      : undefined;
  }
}

/** Told of the size of each content as it is read. */
function counted(contents: ContentReader, hold: (sizeBytes: number) => void): ContentReader {
  return {
    async read(contentId, options) {
      const bytes = await contents.read(contentId, options);
      hold(bytes.length);
      return bytes;
    },
  };
}

async function* refused(objectId: string, limit: string): AsyncGenerator<TreeEntry> {
  yield* [];
  throw new ObjectDamage(objectId, 'beyond-limits', limit);
}
