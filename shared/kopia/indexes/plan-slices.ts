import type { Slice } from './loaded-indexes.ts';

/** Of an index as it is stored, version 2, hashes of 128 bits: 17 of key and 16 to 19, and names. */
const ENTRY_BYTES = 36;

/** A slice is cut by the first byte of a hash. */
export const SLICES_MAX = 256;

/** 36 to 52 bytes each. `docs/benchmarks.md` has the peak of a whole process with so many. */
const ENTRIES_IN_ONE_PASS = 10_000_000;

/**
 * In how many passes over the content ids a repository is to be read, by the size of its active
 * index blobs: at most `entriesMax` entries in each. Every pass also holds the contents with a
 * letter; these are few.
 */
export function planSlices(
  activeSizeBytes: number,
  entriesMax: number = ENTRIES_IN_ONE_PASS,
): readonly Slice[] {
  return equalSlices(Math.max(1, Math.ceil(activeSizeBytes / ENTRY_BYTES / entriesMax)));
}

/** The content-id space in so many parts, or in as many as there can be. */
export function equalSlices(count: number): readonly Slice[] {
  const passes = Math.min(SLICES_MAX, count);
  return Array.from({ length: passes }, (_, pass) => ({
    first: Math.floor((pass * 256) / passes),
    end: Math.floor(((pass + 1) * 256) / passes),
  }));
}
