import type { ContentTable } from '../indexes/content-table.ts';

/** The contents of one pack. */
export interface PackContents {
  readonly packId: number;
  /** In the content table, ascending; offsets in the pack are in another order. */
  readonly positions: Uint32Array<ArrayBuffer>;
}

/** Contents by pack: eight bytes per content and pack, whatever their number. */
export interface PackPositions {
  of(packId: number): Uint32Array<ArrayBuffer>;
  /** The packs that hold at least one of the contents, by ascending id. */
  packs(): Generator<PackContents>;
}

/**
 * Groups the contents of a table by pack, by a counting sort.
 * @param keep which contents count: by default those that are not deleted, as in Kopia's own
 *   verification. Must answer the same each time: it is asked twice.
 */
export function groupByPack(
  table: ContentTable,
  keep: (position: number) => boolean = (position) => !table.isDeleted(position),
): PackPositions {
  const { count } = table.packs;
  /** Where each pack begins in `positions`; the last one is the end. */
  const starts = new Uint32Array(count + 1);
  for (let position = 0; position < table.size; position++) {
    if (keep(position)) addTo(starts, table.packOf(position) + 1, 1);
  }
  for (let pack = 0; pack < count; pack++) addTo(starts, pack + 1, starts[pack] ?? 0);
  const next = starts.slice();
  const positions = new Uint32Array(starts[count] ?? 0);
  for (let position = 0; position < table.size; position++) {
    if (keep(position)) positions[addTo(next, table.packOf(position), 1)] = position;
  }
  const of = (packId: number) => positions.subarray(starts[packId] ?? 0, starts[packId + 1] ?? 0);
  return {
    of,
    *packs() {
      for (let packId = 0; packId < count; packId++) {
        if (of(packId).length > 0) yield { packId, positions: of(packId) };
      }
    },
  };
}

/** @returns what was there before. */
function addTo(numbers: Uint32Array, index: number, amount: number): number {
  const before = numbers[index] ?? 0;
  numbers[index] = before + amount;
  return before;
}
