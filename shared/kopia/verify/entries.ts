import type { ContentTable } from '../indexes/content-table.ts';
import type { DamageMap } from './damage-map.ts';
import type { PackFacts } from './packs.ts';

export interface EntryCounts {
  liveContents: number;
  /** Marked as deleted, and not dropped yet. */
  deletedContents: number;
  /** Bytes in packs, of live contents. */
  liveSizeBytes: number;
  /** By pack id: live contents that it holds. */
  readonly liveInPack: Uint32Array;
}

/**
 * Holds every entry of positions `first` to `end` against the listing of the packs. An entry that is
 * marked as deleted needs no pack: nothing restores it.
 */
export function checkEntries(
  table: ContentTable,
  packs: PackFacts,
  damage: DamageMap,
  first: number,
  end: number,
): EntryCounts {
  const liveInPack = new Uint32Array(table.packs.count);
  const counts = { liveContents: 0, deletedContents: 0, liveSizeBytes: 0, liveInPack };
  for (let position = first; position < end; position++) {
    if (table.isDeleted(position)) {
      counts.deletedContents += 1;
      continue;
    }
    const packedLength = table.packedLengthOf(position);
    const packId = table.packOf(position);
    liveInPack[packId] = (liveInPack[packId] ?? 0) + 1;
    counts.liveContents += 1;
    counts.liveSizeBytes += packedLength;
    const packSizeBytes = packs.sizeBytes[packId] ?? -1;
    if (packSizeBytes < 0) damage.set(position, 'pack-missing');
    else if (table.offsetOf(position) + packedLength > packSizeBytes) {
      damage.set(position, 'pack-too-short');
    }
  }
  return counts;
}
