import { leavesUnchecked } from '../contents/content-damage.ts';
import { readDirectory } from '../objects/directory.ts';
import { parseObjectId } from '../objects/object-id.ts';
import type { TreeEntry } from '../objects/tree-entry.ts';
import { type Cause, causeOfFailure, causesOf, type ObjectWorld } from './objects.ts';

/** Files that cannot be restored, or cannot be vouched for. */
export interface Loss {
  /** At least so many: what lies below a lost directory is counted by its summary, if it has one. */
  files: number;
  /** Some of their paths, relative to where the loss was taken. */
  paths: string[];
}

/** What is lost below one directory, or of one file. */
export interface Losses {
  readonly damaged: Loss;
  readonly unchecked: Loss;
  /** By `causeKey`. A file with two causes is in both. */
  readonly byCause: Map<string, Loss>;
}

export const PATHS_MAX = 10;
/** Further causes below one directory are not told apart. */
const CAUSES_MAX = 200;
const OTHER_CAUSES = 'other';
/** As deep as trees are walked; deeper than any file system lets a path be. */
const DEPTH_MAX = 2048;

/**
 * What has one cause for the person who repairs it: a pack for one reason, an object that is
 * malformed, or the lack of index entries.
 */
export function causeKey(world: ObjectWorld, cause: Cause): string {
  if (cause.kind === 'content') {
    return packCause(world.table.packs.name(world.table.packOf(cause.position)), cause.reason);
  }
  return cause.kind === 'malformed' ? malformedCause(cause.objectId) : NOT_INDEXED;
}

export const NOT_INDEXED = 'not-indexed';

export function packCause(packBlob: string, reason: string): string {
  return `${packBlob} ${reason}`;
}

export function malformedCause(objectId: string): string {
  return `malformed ${objectId}`;
}

/** Directories and files apart, each by its levels of lists of parts; 0 where these are too many. */
function wholeBit(indirections: number, isDirectory: boolean): number {
  return indirections > 3 ? 0 : 1 << (indirections + (isDirectory ? 4 : 0));
}

/**
 * Tells what the damage costs, tree by tree. Every distinct directory is read once; one that is
 * whole is remembered in a bit, one that is not with its losses.
 */
export function lossFinder(world: ObjectWorld): (root: TreeEntry) => Promise<Losses | undefined> {
  const whole = new Uint8Array(world.table.size);
  const known = new Map<string, Losses>();

  async function ofEntry(entry: TreeEntry, depth: number): Promise<Losses | undefined> {
    const isDirectory = entry.type === 'directory';
    const id = parseObjectId(entry.objectId);
    // What a file of one content has lost is told by the table alone.
    if (!isDirectory && !id?.indirections) return ofFile(entry);
    const key = `${isDirectory ? 'd' : 'f'}${entry.objectId}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const position = id === undefined || id.compressed ? -1 : world.table.find(id.contentId);
    const bit = wholeBit(id?.indirections ?? 0, isDirectory);
    if (((whole[position] ?? 0) & bit) !== 0) return undefined;
    const losses = await (isDirectory ? readLosses(entry, depth) : ofFile(entry));
    if (losses !== undefined) known.set(key, losses);
    else if (position >= 0) whole[position] = (whole[position] ?? 0) | bit;
    return losses;
  }

  async function ofFile(entry: TreeEntry): Promise<Losses | undefined> {
    return lossOf(world, await causesOf(world, entry.objectId), 1);
  }

  async function readLosses(entry: TreeEntry, depth: number): Promise<Losses | undefined> {
    const causes: readonly Cause[] =
      depth <= DEPTH_MAX
        ? await causesOf(world, entry.objectId)
        : [{ kind: 'malformed', objectId: entry.objectId, detail: `deeper than ${DEPTH_MAX}` }];
    // The directory itself counts, since it may have been the whole tree and empty.
    const below =
      Math.max(0, entry.summary?.files ?? 0) + Math.max(0, entry.summary?.symlinks ?? 0) + 1;
    if (causes.length > 0) {
      world.costsUnknown();
      return lossOf(world, causes, below);
    }
    let losses: Losses | undefined;
    try {
      for await (const child of readDirectory(world.contents, entry.objectId, world)) {
        const more = await ofEntry(child, depth + 1);
        if (more !== undefined) {
          losses ??= noLosses();
          add(world, losses, more, child.name);
        }
      }
    } catch (error) {
      world.costsUnknown();
      const own = lossOf(world, [causeOfFailure(world, entry.objectId, error)], below);
      if (own === undefined) return losses;
      losses ??= noLosses();
      add(world, losses, own, '');
    }
    return losses;
  }

  return (root) => ofEntry(root, 0);
}

function noLosses(): Losses {
  return { damaged: noLoss(), unchecked: noLoss(), byCause: new Map() };
}

function noLoss(): Loss {
  return { files: 0, paths: [] };
}

/** Of one entry, whose path is empty at the place itself; `undefined` when nothing of it counts. */
function lossOf(world: ObjectWorld, all: readonly Cause[], files: number): Losses | undefined {
  const causes = all.filter((cause) => world.counts(cause));
  if (causes.length === 0) return undefined;
  const losses = noLosses();
  const damaged = causes.some((cause) => !isUnchecked(cause));
  addLoss(damaged ? losses.damaged : losses.unchecked, { files, paths: [''] }, '');
  for (const cause of causes) {
    losses.byCause.set(causeKey(world, cause), { files, paths: [''] });
  }
  return losses;
}

function isUnchecked(cause: Cause): boolean {
  return cause.kind === 'content' && leavesUnchecked(cause.reason);
}

/** Adds losses found below `name`, or here when it is empty. */
function add(world: ObjectWorld, to: Losses, from: Losses, name: string): void {
  addLoss(to.damaged, from.damaged, name);
  addLoss(to.unchecked, from.unchecked, name);
  for (const [key, loss] of from.byCause) {
    const isTold = to.byCause.has(key) || to.byCause.size < CAUSES_MAX;
    if (!isTold) world.costsUnknown();
    const kept = isTold ? key : OTHER_CAUSES;
    const known = to.byCause.get(kept) ?? noLoss();
    addLoss(known, loss, name);
    to.byCause.set(kept, known);
  }
}

function addLoss(to: Loss, from: Loss, name: string): void {
  to.files += from.files;
  for (const path of from.paths) {
    if (to.paths.length >= PATHS_MAX) return;
    to.paths.push(path === '' ? name : name === '' ? path : `${name}/${path}`);
  }
}
