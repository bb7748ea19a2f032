import { parseBlobName } from '../blob-names.ts';

/** One index-class blob as a listing shows it. */
export interface IndexBlob {
  readonly id: string;
  readonly lastModified: Date;
}

/**
 * Which index blobs a reader of an epoch repository takes, in the order in which a copy publishes
 * them: first the chain of range checkpoints, then epoch by epoch its compaction or its indexes, these
 * in the order in which they are given.
 * Source: Kopia v0.23.1, internal/epoch (reference section 5.5); names alone decide.
 */
export function activeIndexes<T extends IndexBlob>(blobs: readonly T[]): readonly T[] {
  let current = 0;
  const indexes = new Map<number, T[]>();
  const compactions = new Map<number, T[]>();
  const ranges = new Map<string, { first: number; last: number; blobs: T[] }>();
  for (const blob of blobs) {
    const name = parseBlobName(blob.id);
    if (name.kind === 'epoch-marker') current = Math.max(current, name.epoch);
    if (name.kind === 'index') push(indexes, name.epoch, blob);
    if (name.kind === 'epoch-compaction') push(compactions, name.epoch, blob);
    if (name.kind === 'range-checkpoint') {
      const key = `${name.first}-${name.last}`;
      const range = ranges.get(key) ?? { first: name.first, last: name.last, blobs: [] };
      range.blobs.push(blob);
      ranges.set(key, range);
    }
  }
  const active: T[] = [];
  let start = 0;
  for (const range of longestChain([...ranges.values()])) {
    // Kopia's own condition: it also passes over a first range that covers epoch 0 alone.
    if (range.last <= start) continue;
    active.push(...range.blobs);
    start = range.last + 1;
  }
  for (const epoch of epochsOf(indexes, compactions)) {
    if (epoch < start || epoch > current + 1) continue;
    const settled =
      epoch <= current - 2 ? firstCompleteSet(compactions.get(epoch) ?? []) : undefined;
    active.push(...(settled ?? indexes.get(epoch) ?? []));
  }
  return active;
}

function push<T>(map: Map<number, T[]>, key: number, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function epochsOf(...maps: readonly Map<number, unknown>[]): readonly number[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
}

/** The first set, in the order of names, of which every member is there. */
function firstCompleteSet<T extends IndexBlob>(blobs: readonly T[]): readonly T[] | undefined {
  const sets = new Map<string, T[]>();
  for (const blob of [...blobs].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const name = parseBlobName(blob.id);
    if (name.kind !== 'epoch-compaction' && name.kind !== 'range-checkpoint') continue;
    const key = `${name.set.id}-${name.set.size}`;
    const set = sets.get(key) ?? [];
    set.push(blob);
    sets.set(key, set);
    if (set.length === name.set.size) return set;
  }
  return undefined;
}

interface Range<T> {
  readonly first: number;
  readonly last: number;
  readonly blobs: readonly T[];
}

/** Ranges that join from epoch 0 and reach furthest; of equals the chain with fewer links. */
function longestChain<T extends IndexBlob>(ranges: readonly Range<T>[]): readonly Range<T>[] {
  const complete = ranges.flatMap((range) => {
    const blobs = firstCompleteSet(range.blobs);
    return blobs === undefined ? [] : [{ ...range, blobs }];
  });
  // Working downwards, the best chain from each epoch is built from those that begin behind it.
  const best = new Map<number, readonly Range<T>[]>();
  for (const range of complete.sort((a, b) => b.first - a.first || b.last - a.last)) {
    if (range.last < range.first) continue;
    const chain = [range, ...(best.get(range.last + 1) ?? [])];
    const known = best.get(range.first);
    const reach = chain.at(-1)?.last ?? -1;
    const knownReach = known?.at(-1)?.last ?? -1;
    if (reach > knownReach || (reach === knownReach && chain.length < (known?.length ?? 0))) {
      best.set(range.first, chain);
    }
  }
  return best.get(0) ?? [];
}
