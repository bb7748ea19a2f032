import { setImmediate } from 'node:timers/promises';
import { didYouMean } from '../../../shared/config/nearest.ts';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { readDirectory } from '../../../shared/kopia/objects/directory.ts';
import { type WalkedEntry, walkTree } from '../../../shared/kopia/objects/tree.ts';
import type { TreeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { CallOptions } from '../../../shared/stores/store.ts';
import { damageError, damageText } from './damage.ts';
import { shownName, shownPath } from './names.ts';

/** An entry and the names that lead to it from the snapshot's root. */
export interface Located {
  readonly names: readonly string[];
  readonly entry: TreeEntry;
}

/** Names kept for a suggestion; a folder may have any number. */
const NAMES_MAX = 2000;

/**
 * The entry below `root` that `path` names, exactly or as `ls` shows it.
 * @throws DrydockError `PATH_NOT_FOUND`, `KOPIA_DAMAGED`
 */
export async function entryAt(
  contents: ContentReader,
  root: TreeEntry,
  path: string,
  options: CallOptions,
): Promise<Located> {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  let at: Located = { names: [], entry: root };
  for (const [index, step] of steps.entries()) {
    const rest = steps.slice(index).join('/');
    const next = await childOf(contents, at, step, index === 0 ? rest : undefined, options);
    at = next.located;
    if (next.isRest) break;
  }
  return at;
}

async function childOf(
  contents: ContentReader,
  { names, entry }: Located,
  step: string,
  /** The whole rest of the path, which a block volume has as one name. */
  rest: string | undefined,
  options: CallOptions,
): Promise<{ readonly located: Located; readonly isRest: boolean }> {
  const here = names.length === 0 ? 'The snapshot' : `"${shownPath(names)}"`;
  if (entry.type !== 'directory') {
    const hint =
      entry.type === 'symlink' ? 'Links are not followed: name its target' : 'End the path there';
    throw notFound(`${here} is a ${entry.type}, and "${shownName(step)}" would be below it`, hint);
  }
  const seen: string[] = [];
  let shown: TreeEntry | undefined;
  try {
    for await (const child of readDirectory(contents, entry.objectId, options)) {
      const found = (isRest: boolean) => ({
        located: { names: [...names, child.name], entry: child },
        isRest,
      });
      if (child.name === step) return found(false);
      if (
        rest !== undefined &&
        child.name.includes('/') &&
        child.name.replace(/^\//, '') === rest
      ) {
        return found(true);
      }
      if (shownName(child.name) === step) shown = child;
      if (seen.length < NAMES_MAX) seen.push(child.name);
    }
  } catch (error) {
    throw damageError(error, names.length === 0 ? 'the root folder' : `folder ${here}`);
  }
  if (shown !== undefined) {
    return { located: { names: [...names, shown.name], entry: shown }, isRest: false };
  }
  const near = didYouMean(step, seen.map(shownName));
  const some = seen.slice(0, 8).map(shortened).join(', ');
  const more = seen.length > 8 ? ', …' : '';
  const all = seen.length === 0 ? 'It is empty' : `It has ${some}${more}`;
  throw notFound(
    `${here} has no entry "${shownName(step)}"`,
    near === undefined ? all : `${near} ${all}`,
  );
}

function shortened(name: string): string {
  const shown = shownName(name);
  return shown.length > 40 ? `"${shown.slice(0, 40)}…"` : `"${shown}"`;
}

function notFound(reason: string, hint: string): DrydockError {
  return new DrydockError('usage', 'PATH_NOT_FOUND', `Cannot find the path: ${reason}`, { hint });
}

/** Something below a folder, or why a folder ends early. */
export type TreeStep =
  | ({ readonly kind: 'entry' } & Located)
  | { readonly kind: 'damage'; readonly names: readonly string[]; readonly reason: string };

/**
 * Everything below a folder, each folder before what it holds; `recursive: false` for the folder's
 * own entries. What cannot be read is told and passed over.
 */
export async function* treeBelow(
  contents: ContentReader,
  { names, entry }: Located,
  recursive: boolean,
  options: CallOptions,
): AsyncGenerator<TreeStep> {
  const damages: TreeStep[] = [];
  const found = (folder: readonly string[], error: unknown): void => {
    damages.push({ kind: 'damage', names: folder, reason: damageText(error) ?? String(error) });
  };
  if (recursive) {
    const onDamage = (error: unknown, { folders, entry: at }: WalkedEntry): void =>
      found(at === entry ? names : [...names, ...folders, at.name], error);
    const walk = walkTree(contents, entry, { ...options, onDamage });
    for await (const walked of breathing(walk, options.signal)) {
      yield* damages.splice(0);
      yield {
        kind: 'entry',
        names: [...names, ...walked.folders, walked.entry.name],
        entry: walked.entry,
      };
    }
  } else {
    try {
      const children = readDirectory(contents, entry.objectId, options);
      for await (const child of breathing(children, options.signal)) {
        yield { kind: 'entry', names: [...names, child.name], entry: child };
      }
    } catch (error) {
      if (damageText(error) === undefined) throw error;
      found(names, error);
    }
  }
  yield* damages;
}

/** Of what is quickly done with an item. */
const BREATH_EVERY = 500;

/**
 * The same items, with a pause now and then in which signals, timers and the terminal have their
 * turn: what comes from a cache leaves them none, and a hostile tree has no end.
 */
export async function* breathing<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal | undefined,
  every = BREATH_EVERY,
): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    count += 1;
    if (count % every === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    yield item;
  }
}
