import type { DamageReason } from '../contents/content-damage.ts';
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
 * marked as deleted needs no pack, unless a snapshot turns out to need it: see `entryDamage`.
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
    const reason = entryDamage(table, packs, position);
    if (reason !== undefined) damage.set(position, reason);
  }
  return counts;
}

/** What the listing of the packs proves of one entry. */
export function entryDamage(
  table: ContentTable,
  packs: PackFacts,
  position: number,
): DamageReason | undefined {
  const packSizeBytes = packs.sizeBytes[table.packOf(position)] ?? -1;
  if (packSizeBytes < 0) return 'pack-missing';
  const endBytes = table.offsetOf(position) + table.packedLengthOf(position);
  return endBytes > packSizeBytes ? 'pack-too-short' : undefined;
}
