import type { ContentTable } from '../indexes/content-table.ts';

/** Bytes between two contents that are read along rather than asked around. */
export const GAP_SIZE_BYTES_MAX = 256 << 10;
/** A range ends here, unless one content alone is longer. */
export const RANGE_SIZE_BYTES_MAX = 8 << 20;
/** Bounds the columns of a batch when an index names the same place over and over. */
const RANGE_CONTENTS_MAX = 1 << 16;

/** Where contents lie in their packs. */
export type ContentPlaces = Pick<ContentTable, 'offsetOf' | 'packedLengthOf'>;

/** Contents that are read together. */
export interface ReadRange {
  readonly offsetBytes: number;
  /** At least 1, as stores demand. */
  readonly lengthBytes: number;
  /** A view of the sorted positions that were given. */
  readonly positions: Uint32Array<ArrayBuffer>;
}

/** The positions of one pack in the order in which they lie there. */
export function sortByOffset(
  positions: Uint32Array,
  places: ContentPlaces,
): Uint32Array<ArrayBuffer> {
  const sorted = new Uint32Array(positions);
  return sorted.sort((a, b) => places.offsetOf(a) - places.offsetOf(b) || a - b);
}

/**
 * Joins the contents of one pack into few large reads. Contents may overlap or be the same bytes:
 * hostile indexes, and contents that were deleted and came again.
 * @param sorted as `sortByOffset` gives them.
 */
export function* planReads(
  sorted: Uint32Array<ArrayBuffer>,
  places: ContentPlaces,
): Generator<ReadRange> {
  let first = 0;
  while (first < sorted.length) {
    const start = places.offsetOf(at(sorted, first));
    let end = start;
    let next = first;
    for (; next < sorted.length && next - first < RANGE_CONTENTS_MAX; next++) {
      const offset = places.offsetOf(at(sorted, next));
      const contentEnd = Math.max(end, offset + places.packedLengthOf(at(sorted, next)));
      const isTooFar = offset - end > GAP_SIZE_BYTES_MAX;
      const isTooLong = contentEnd - start > RANGE_SIZE_BYTES_MAX;
      if (next > first && (isTooFar || isTooLong)) break;
      end = contentEnd;
    }
    const lengthBytes = Math.max(1, end - start);
    yield { offsetBytes: start, lengthBytes, positions: sorted.subarray(first, next) };
    first = next;
  }
}

function at(positions: Uint32Array, index: number): number {
  return positions[index] ?? 0;
}
