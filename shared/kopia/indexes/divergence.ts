import { BUCKETS, formatKey, keyWords } from './content-key.ts';
import { type EntryRows, OFFSET, PACK, PACKED_LENGTH, TIME } from './entry-rows.ts';
import { isGone } from './merge-rows.ts';
import { RowSorter } from './row-sorter.ts';

const EXAMPLES_MAX = 5;

export interface Divergence {
  /** Contents of which the chosen blobs have nothing, or an entry that does not win. */
  readonly count: number;
  /** Ids of the first few. */
  readonly examples: readonly string[];
}

/**
 * Would readers see more, or something else, if they merged all blobs of `rows` and not only those
 * with the numbers `chosen`? Entries whose deletion is final count for nothing.
 */
export function compareToAll(
  rows: EntryRows,
  chosen: ReadonlySet<number>,
  watermarkSeconds: number,
): Divergence {
  const sorter = new RowSorter(rows);
  const examples: string[] = [];
  let count = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const found = sorter.sort(bucket);
    for (let start = 0, end = 1; start < found; start = end, end += 1) {
      const best = sorter.order[start] ?? 0;
      while (end < found && sorter.hasSameKey(best, sorter.order[end] ?? 0)) end += 1;
      const group = sorter.order.subarray(start, end);
      if (!differs(rows, sorter, group, chosen, watermarkSeconds)) continue;
      count += 1;
      if (examples.length === EXAMPLES_MAX) continue;
      examples.push(formatKey(bucket, rows.digestBytes, sorter.slab(best), sorter.base(best)));
    }
  }
  return { count, examples };
}

/** `group`: all entries of one content, the winner of all first. */
function differs(
  rows: EntryRows,
  sorter: RowSorter,
  group: Uint32Array,
  chosen: ReadonlySet<number>,
  watermarkSeconds: number,
): boolean {
  const value = keyWords(rows.digestBytes);
  const word = (row: number, which: number): number =>
    sorter.slab(row)[sorter.base(row) + value + which] ?? 0;
  const gone = (row: number): boolean =>
    isGone(sorter.slab(row), sorter.base(row) + value, watermarkSeconds);
  const [best = 0] = group;
  const seen = group.find((row) => chosen.has(rows.blobOf(word(row, PACK))));
  if (seen === undefined) return !gone(best);
  if (gone(best) && gone(seen)) return false;
  const isSame = [TIME, OFFSET, PACKED_LENGTH].every((at) => word(best, at) === word(seen, at));
  return !isSame || rows.packOf(word(best, PACK)) !== rows.packOf(word(seen, PACK));
}
