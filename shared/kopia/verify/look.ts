import { silentProgress } from '../../model/progress.ts';
import { type ContentReader, contentReader } from '../contents/content-reader.ts';
import { loadIndexes } from '../indexes/load-indexes.ts';
import type { LoadedIndexes, Slice } from '../indexes/loaded-indexes.ts';
import { type DamageMap, damageMap } from './damage-map.ts';
import { checkEntries, type EntryCounts } from './entries.ts';
import { listPacks, type PackFacts } from './packs.ts';
import type { OpenedRepository } from './run.ts';

/** Of packs that trees are read from; they lie close together, and the table has taken the rest. */
const CACHE_SIZE_BYTES = 12 << 20;

/** One slice of a repository's index, held against the listing of its packs. */
export interface Look {
  readonly indexes: LoadedIndexes;
  readonly packs: PackFacts;
  readonly damage: DamageMap;
  readonly counts: EntryCounts;
  readonly contents: ContentReader;
}

/** Loads the index, then lists the packs; what the listing shows to be lost is in the damage map. */
export async function look(
  repository: OpenedRepository,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<Look> {
  const { reader, format, crypto, options } = repository;
  const { signal, progress = silentProgress } = options;
  const indexes = await loadIndexes(reader, format, crypto, {
    ...(signal && { signal }),
    ...(slice && { slice }),
    checkDivergence: true,
    onProgress: (objectsDone, objectsAll) =>
      progress.update({ stage: 'index blobs', objectsDone, objectsAll, bytesDone: 0, bytesAll: 0 }),
  });
  const table = indexes.contents;
  const packs = await listPacks(reader, format.prefix, table.packs, {
    ...(signal && { signal }),
  });
  const damage = damageMap(table.size);
  // Entries with a letter are in every slice, and counted with the first.
  const range = isFirst ? { first: 0, end: table.size } : table.rangeOf('');
  const counts = checkEntries(table, packs, damage, range.first, range.end);
  const contents = contentReader(reader, format.prefix, table, crypto, {
    cacheSizeBytes: CACHE_SIZE_BYTES,
    packSizes: (packId) => {
      const sizeBytes = packs.sizeBytes[packId] ?? -1;
      return sizeBytes < 0 ? undefined : sizeBytes;
    },
  });
  return { indexes, packs, damage, counts, contents };
}
