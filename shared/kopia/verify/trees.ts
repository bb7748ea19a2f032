import { readDirectory } from '../objects/directory.ts';
import { formatObjectId, parseObjectId } from '../objects/object-id.ts';
import type { TreeEntry } from '../objects/tree-entry.ts';
import { causeOf, causeOfFailure, causesOf, type ObjectWorld } from './objects.ts';

/** What the trees of all snapshots hold together, each directory and each object looked at once. */
export interface TreeFacts {
  directories: number;
  /** Entries of directories that are no directories: a file in two directories counts twice. */
  entries: number;
  /** Something is lost: `losses.ts` tells what it costs. */
  damaged: boolean;
  /** The deadline came first. */
  isCut: boolean;
  /** Entries whose directory gives another size than their content has. */
  readonly sizesDiffer: OddEntries;
  /** Entries that share their name with another one of their directory. */
  readonly namesTwice: OddEntries;
}

/** How many, and some of them in words. */
export interface OddEntries {
  count: number;
  readonly examples: string[];
}

export interface TreeOptions {
  readonly isOutOfTime: () => boolean;
  /** Whether what is said of the content by itself is said in this pass. */
  readonly isOfPass: (position: number) => boolean;
  readonly progress: (directories: number, waiting: number) => void;
}

/** Directories read side by side: enough to hide the store's latency behind the parsing. */
const CONCURRENCY = 8;
const EXAMPLES_MAX = 5;
/** Names of one directory that are compared: some 100 MB of text. */
const NAMES_MAX = 1_000_000;
/** Deeper lists of parts are looked at every time that they occur; nothing real has them. */
const INDIRECTIONS_MAX = 3;

/**
 * Visits every distinct directory below `roots` once, in no order, and every object in it. Holds a
 * byte per entry of the table and a number per directory that waits.
 */
export async function checkTrees(
  world: ObjectWorld,
  roots: readonly TreeEntry[],
  { isOutOfTime, isOfPass, progress }: TreeOptions,
): Promise<TreeFacts> {
  const facts: TreeFacts = {
    directories: 0,
    entries: 0,
    damaged: false,
    isCut: false,
    sizesDiffer: { count: 0, examples: [] },
    namesTwice: { count: 0, examples: [] },
  };
  const seen = new Uint8Array(world.table.size);
  const waiting: number[] = [];

  /** Whether this object is met for the first time, as a directory or as anything else. */
  function isNew(position: number, indirections: number, isDirectory: boolean): boolean {
    const bit = 1 << (indirections + (isDirectory ? INDIRECTIONS_MAX + 1 : 0));
    const bits = seen[position] ?? 0;
    seen[position] = bits | bit;
    return (bits & bit) === 0;
  }

  /** @param sizes takes note of a size that differs; absent where none is expected to agree */
  async function look(entry: TreeEntry, sizes?: OddEntries): Promise<void> {
    const id = parseObjectId(entry.objectId);
    const isDirectory = entry.type === 'directory';
    if (id === undefined || id.indirections > INDIRECTIONS_MAX || (isDirectory && id.compressed)) {
      // Nothing that Kopia writes: `losses.ts` looks closer.
      facts.damaged = true;
      return;
    }
    const position = world.table.find(id.contentId);
    const cause = causeOf(world, id.contentId, position);
    if (cause !== undefined) facts.damaged = true;
    if (position < 0) return;
    if (isDirectory) {
      if (cause === undefined && isNew(position, id.indirections, true)) {
        waiting.push(position * (INDIRECTIONS_MAX + 1) + id.indirections);
      }
      return;
    }
    if (isOfPass(position)) facts.entries += 1;
    if (id.indirections === 0) {
      const storedBytes = world.table.originalLengthOf(position);
      if (sizes && !id.compressed && isOfPass(position) && entry.sizeBytes !== storedBytes) {
        note(sizes, `${entry.name}: ${entry.sizeBytes} listed, ${storedBytes} stored`);
      }
      return;
    }
    if (!isNew(position, id.indirections, false)) return;
    if ((await causesOf(world, entry.objectId)).length > 0) facts.damaged = true;
  }

  async function visit(code: number): Promise<void> {
    facts.isCut ||= isOutOfTime();
    if (facts.isCut) return;
    const position = Math.floor(code / (INDIRECTIONS_MAX + 1));
    const indirections = code % (INDIRECTIONS_MAX + 1);
    const contentId = world.table.idOf(position);
    const objectId = formatObjectId({ indirections, compressed: false, contentId });
    facts.directories += 1;
    const sizes: OddEntries = { count: 0, examples: [] };
    try {
      const entries = readDirectory(world.contents, objectId, world);
      let next = await entries.next();
      for (; !next.done; next = await entries.next()) await look(next.value, sizes);
      const { summary, inOrder } = next.value;
      // A checkpoint gives files that are under way the size that they are to have.
      if (summary?.incompleteReason === undefined) addOdd(facts.sizesDiffer, sizes);
      if (!inOrder) await findNamesTwice(objectId);
    } catch (error) {
      causeOfFailure(world, objectId, error);
      facts.damaged = true;
    }
  }

  /** Directories that are in order, which are all but a few, cannot hold a name twice. */
  async function findNamesTwice(objectId: string): Promise<void> {
    const names = new Set<string>();
    for await (const { name } of readDirectory(world.contents, objectId, world)) {
      if (names.size < NAMES_MAX && !names.has(name)) names.add(name);
      else if (names.has(name)) note(facts.namesTwice, name);
    }
  }

  for (const root of roots) await look(root);
  await drain(waiting, visit, () => progress(facts.directories, waiting.length));
  return facts;
}

function note(odd: OddEntries, example: string): void {
  addOdd(odd, { count: 1, examples: [example] });
}

export function addOdd(to: OddEntries, more: OddEntries): void {
  to.count += more.count;
  to.examples.push(...more.examples.slice(0, EXAMPLES_MAX - to.examples.length));
}

/** Works off a stack that the work itself fills, from its end, so that it stays short. */
async function drain(
  waiting: number[],
  visit: (code: number) => Promise<void>,
  told: () => void,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  while (failures.length === 0 && (waiting.length > 0 || running.size > 0)) {
    const code = running.size < CONCURRENCY ? waiting.pop() : undefined;
    if (code === undefined) {
      await Promise.race(running);
      continue;
    }
    const task = visit(code)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        running.delete(task);
        told();
      });
    running.add(task);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
