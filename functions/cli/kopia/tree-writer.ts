import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { type NameTrouble, nameTrouble } from '../../../shared/kopia/objects/entry-name.ts';
import { readObject } from '../../../shared/kopia/objects/object-reader.ts';
import { readLinkTarget } from '../../../shared/kopia/objects/tree.ts';
import type { TreeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { damageText } from './damage.ts';

/** Contents of one file asked for before they are needed: a large one has no others beside it. */
const READ_AHEAD = 2;

/** Why an entry was not written, though the rest was. */
export class EntryRefused extends Error {}

export interface WriterOptions {
  /** Replace files and links of the same name, and enter folders that are there. */
  readonly overwrite: boolean;
  /** Give entries their owner and group, and with them the set-user-id and set-group-id bits. */
  readonly owners: boolean;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Creates entries of a snapshot below folders of this machine, each under a name of its own. */
export interface TreeWriter {
  /** Makes a folder, or enters it; `finishFolder` gives it its mode and time. */
  folder(path: string): Promise<void>;
  finishFolder(path: string, entry: TreeEntry): Promise<void>;
  file(path: string, entry: TreeEntry): Promise<void>;
  link(path: string, entry: TreeEntry): Promise<void>;
}

/** What file systems without hard links answer. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const PERMISSIONS = 0o1777;
const WITH_OWNER = 0o7777;

/**
 * Nothing is ever written through a link: folders are made by us or proven to be folders, files and
 * links come into being under a temporary name in their folder, and take their own by a rename.
 */
export function treeWriter(contents: ContentReader, options: WriterOptions): TreeWriter {
  const { overwrite, owners, signal, onBytes } = options;
  const run = randomBytes(6).toString('hex');
  let temporaries = 0;
  const temporaryBeside = (path: string): string => {
    temporaries += 1;
    return join(path, `../.drydock-${run}-${temporaries}`);
  };

  /**
   * Gives what is whole its name. A folder may list one name twice, and files are written side by
   * side: what was not there a moment ago is not replaced, since a rename would ask nobody.
   */
  async function settle(temporary: string, path: string): Promise<void> {
    const there = await kindOf(path);
    if (there === 'folder') throw new EntryRefused('a folder of the same name is in the way');
    if (there !== undefined && !overwrite) {
      throw new EntryRefused('something of the same name is in the way');
    }
    if (there === undefined && (await kindOf(temporary)) === 'file') {
      try {
        await link(temporary, path);
        return rm(temporary);
      } catch (error) {
        if (!NO_HARD_LINKS.has(errnoOf(error) ?? '')) throw error;
      }
    }
    await rename(temporary, path);
  }

  async function settling(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = temporaryBeside(path);
    try {
      await make(temporary);
      await settle(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw refusal(error);
    }
  }

  async function attributes(handle: FileHandle, entry: TreeEntry): Promise<void> {
    // A change of owner takes the set-user-id bit away, so that it comes first.
    if (owners) await handle.chown(entry.uid, entry.gid);
    await handle.chmod(entry.mode & (owners ? WITH_OWNER : PERMISSIONS));
    const seconds = secondsOf(entry);
    await handle.utimes(seconds, seconds);
  }

  return {
    async folder(path) {
      try {
        await mkdir(path, { mode: 0o700 });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw refusal(error);
        const there = await kindOf(path);
        if (there !== 'folder') throw new EntryRefused(`a ${there ?? 'file'} is in the way`);
        if (!overwrite) throw new EntryRefused('a folder of the same name is in the way');
      }
    },
    async finishFolder(path, entry) {
      const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
      const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        await attributes(handle, entry);
      } finally {
        await handle.close();
      }
    },
    file: (path, entry) =>
      settling(path, async (temporary) => {
        const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
        const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        try {
          const pieces = readObject(contents, entry.objectId, { signal, readAhead: READ_AHEAD });
          for await (const bytes of pieces) {
            signal.throwIfAborted();
            await writeAll(handle, bytes);
            onBytes(bytes.length);
          }
          await attributes(handle, entry);
        } finally {
          await handle.close();
        }
      }),
    link: (path, entry) =>
      settling(path, async (temporary) => {
        await symlink(await targetOf(contents, entry, signal), temporary);
        if (owners) await lchown(temporary, entry.uid, entry.gid);
        const seconds = secondsOf(entry);
        await lutimes(temporary, seconds, seconds);
      }),
  };
}

/** Any bytes but what no link can hold. */
async function targetOf(
  contents: ContentReader,
  entry: TreeEntry,
  signal: AbortSignal,
): Promise<Buffer> {
  const target = await readLinkTarget(contents, entry, { signal });
  if (target.length > 0 && !target.includes(0)) return target;
  throw new EntryRefused('its target is empty or holds a NUL');
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** Node takes seconds as a double, which holds times of today to less than a microsecond. */
function secondsOf({ modifiedNs }: TreeEntry): number {
  return Number(modifiedNs / 1_000_000_000n) + Number(modifiedNs % 1_000_000_000n) / 1e9;
}

async function kindOf(path: string): Promise<'folder' | 'link' | 'file' | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isDirectory()) return 'folder';
    return stat.isSymbolicLink() ? 'link' : 'file';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** What the file system has against one name and not against the next. */
const OF_ONE_NAME: Readonly<Record<string, string>> = {
  ENAMETOOLONG: 'its name or path is too long for this file system',
  EILSEQ: 'this file system does not take its name',
  EINVAL: 'this file system does not take its name',
  EISDIR: 'a folder is in the way',
  ENOTDIR: 'something that is no folder is in the way',
  ENOTEMPTY: 'a folder is in the way',
  EEXIST: 'something of the same name is in the way',
};

function refusal(error: unknown): unknown {
  const reason = OF_ONE_NAME[errnoOf(error) ?? ''];
  return reason === undefined ? error : new EntryRefused(reason);
}

const NAME_REASONS: Readonly<Record<Exclude<NameTrouble, 'not-utf8'>, string>> = {
  empty: 'its name is empty',
  dot: 'its name is "." or ".."',
  nul: 'its name holds a NUL',
  slash: 'its name holds a "/"',
};

/** Why an entry's name cannot become the name of a file; a replaced character is no reason. */
export function nameReason(name: string): string | undefined {
  const trouble = nameTrouble(name);
  return trouble === undefined || trouble === 'not-utf8' ? undefined : NAME_REASONS[trouble];
}

/** Why one entry could not be written; `undefined` for what ends the whole restore. */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof EntryRefused ? error.message : damageText(error);
}
