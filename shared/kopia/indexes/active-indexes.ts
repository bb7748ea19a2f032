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
  const { current, indexes, compactions, chain, start } = epochsIn(blobs);
  const active: T[] = [...chain];
  for (const epoch of epochsOf(indexes, compactions)) {
    if (epoch < start || epoch > current + 1) continue;
    const settled =
      epoch <= current - 2 ? firstCompleteSet(compactions.get(epoch) ?? []) : undefined;
    active.push(...(settled ?? indexes.get(epoch) ?? []));
  }
  return active;
}

/**
 * Settled epochs of which readers find nothing: no compaction is whole, no index is left, and no
 * range checkpoint covers them. An epoch ends only when it has indexes, and Kopia removes these only
 * when their compaction is whole, so that whatever such an epoch said is lost.
 */
export function lostEpochs<T extends IndexBlob>(
  blobs: readonly T[],
): readonly { readonly epoch: number; readonly remains: readonly T[] }[] {
  const { current, indexes, compactions, start } = epochsIn(blobs);
  const lost: { epoch: number; remains: readonly T[] }[] = [];
  // An absurd marker must not make us count to it: the epochs known bound what is told.
  const end = Math.min(current - 2, start + blobs.length);
  for (let epoch = start; epoch <= end; epoch += 1) {
    const remains = compactions.get(epoch) ?? [];
    if (indexes.has(epoch) || firstCompleteSet(remains) !== undefined) continue;
    lost.push({ epoch, remains });
  }
  return lost;
}

interface Epochs<T> {
  readonly current: number;
  readonly indexes: ReadonlyMap<number, readonly T[]>;
  readonly compactions: ReadonlyMap<number, readonly T[]>;
  /** The range checkpoints that readers take. */
  readonly chain: readonly T[];
  /** The first epoch behind them. */
  readonly start: number;
}

function epochsIn<T extends IndexBlob>(blobs: readonly T[]): Epochs<T> {
  const indexes = new Map<number, T[]>();
  const compactions = new Map<number, T[]>();
  const ranges = new Map<string, { first: number; last: number; blobs: T[] }>();
  for (const blob of blobs) {
    const name = parseBlobName(blob.id);
    if (name.kind === 'index') push(indexes, name.epoch, blob);
    if (name.kind === 'epoch-compaction') push(compactions, name.epoch, blob);
    if (name.kind === 'range-checkpoint') {
      const key = `${name.first}-${name.last}`;
      const range = ranges.get(key) ?? { first: name.first, last: name.last, blobs: [] };
      range.blobs.push(blob);
      ranges.set(key, range);
    }
  }
  const chain: T[] = [];
  let start = 0;
  for (const range of longestChain([...ranges.values()])) {
    // Kopia's own condition: it also passes over a first range that covers epoch 0 alone.
    if (range.last <= start) continue;
    chain.push(...range.blobs);
    start = range.last + 1;
  }
  return { current: currentEpoch(blobs), indexes, compactions, chain, start };
}

function push<T>(map: Map<number, T[]>, key: number, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function epochsOf(...maps: readonly ReadonlyMap<number, unknown>[]): readonly number[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
}

/** The first set, in the order of names, of which every member is there. */
function firstCompleteSet<T extends IndexBlob>(blobs: readonly T[]): readonly T[] | undefined {
  const sets = new Map<string, T[]>();
  for (const blob of inNameOrder(blobs)) {
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

function inNameOrder<T extends IndexBlob>(blobs: readonly T[]): readonly T[] {
  return [...blobs].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The epoch that writers write to: the largest of which there is a marker. */
export function currentEpoch(blobs: readonly IndexBlob[]): number {
  return blobs.reduce((largest, { id }) => {
    const name = parseBlobName(id);
    return name.kind === 'epoch-marker' ? Math.max(largest, name.epoch) : largest;
  }, 0);
}

/** Unix time up to which deleted entries are gone for good; 0 when there is no watermark. */
export function deletionWatermark(blobs: readonly IndexBlob[]): number {
  return blobs.reduce((largest, { id }) => {
    const name = parseBlobName(id);
    return name.kind === 'deletion-watermark' ? Math.max(largest, name.unixSeconds) : largest;
  }, 0);
}

/** An epoch whose compaction is in use, or would be, with whatever else there is of that epoch. */
export interface CompactedEpoch<T> {
  readonly epoch: number;
  /** The compaction that readers take. */
  readonly chosen: readonly T[];
  /** Its other compactions, whole or not, and its indexes that have not been removed yet. */
  readonly others: readonly T[];
}

/** Settled epochs of which there is more than the one compaction that readers take; ascending. */
export function epochsWithMore<T extends IndexBlob>(
  blobs: readonly T[],
): readonly CompactedEpoch<T>[] {
  const settled = currentEpoch(blobs) - 2;
  const epochs = new Map<number, { compactions: T[]; indexes: T[] }>();
  for (const blob of inNameOrder(blobs)) {
    const name = parseBlobName(blob.id);
    if ((name.kind !== 'index' && name.kind !== 'epoch-compaction') || name.epoch > settled)
      continue;
    const known = epochs.get(name.epoch) ?? { compactions: [], indexes: [] };
    (name.kind === 'index' ? known.indexes : known.compactions).push(blob);
    epochs.set(name.epoch, known);
  }
  return [...epochs]
    .sort(([left], [right]) => left - right)
    .flatMap(([epoch, { compactions, indexes }]) => {
      const chosen = firstCompleteSet(compactions);
      if (chosen === undefined) return [];
      const others = [...compactions.filter((blob) => !chosen.includes(blob)), ...indexes];
      return others.length === 0 ? [] : [{ epoch, chosen, others }];
    });
}

/** Compactions and range checkpoints of which members are missing, each by its first blob. */
export function incompleteSets<T extends IndexBlob>(
  blobs: readonly T[],
): readonly { readonly blob: T; readonly present: number; readonly size: number }[] {
  const sets = new Map<string, { blob: T; present: number; size: number }>();
  for (const blob of inNameOrder(blobs)) {
    const name = parseBlobName(blob.id);
    if (name.kind !== 'epoch-compaction' && name.kind !== 'range-checkpoint') continue;
    const where = name.kind === 'epoch-compaction' ? name.epoch : `${name.first}-${name.last}`;
    const key = `${name.kind} ${where} ${name.set.id} ${name.set.size}`;
    const known = sets.get(key);
    if (known === undefined) sets.set(key, { blob, present: 1, size: name.set.size });
    else known.present += 1;
  }
  return [...sets.values()].filter(({ present, size }) => present < size);
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
