import type { Progress } from '../../model/progress.ts';
import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { type ContentReader, contentReader } from '../contents/content-reader.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import { loadIndexes } from '../indexes/load-indexes.ts';
import type { LoadedIndexes, Slice } from '../indexes/loaded-indexes.ts';
import { type DamageMap, damageMap } from './damage-map.ts';
import { checkEntries, type EntryCounts } from './entries.ts';
import { listPacks, type PackFacts } from './packs.ts';

export interface LookContext extends CallOptions {
  readonly reader: ObjectReader;
  readonly format: RepositoryFormat;
  readonly crypto: RepositoryCrypto;
  readonly progress: Progress;
}

/** One slice of a repository's index, held against the listing of its packs. */
export interface Look {
  readonly indexes: LoadedIndexes;
  readonly packs: PackFacts;
  readonly damage: DamageMap;
  readonly counts: EntryCounts;
  readonly contents: ContentReader;
}

/**
 * Indexes first, packs second: a pack is written before its entries, so that what is missing in the
 * later listing was lost, or was removed by a maintenance that has published other entries since.
 * The second is told from the first by looking once more.
 */
export async function look(
  context: LookContext,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<Look> {
  const found = await wholeLook(context, slice, isFirst);
  return found ?? lookOnce(context, slice, isFirst);
}

/** The first table's memory is given back before the second is read. */
async function wholeLook(
  context: LookContext,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<Look | undefined> {
  const found = await lookOnce(context, slice, isFirst);
  if (found.damage.count === 0) return found;
  found.indexes.contents.release();
  return undefined;
}

async function lookOnce(
  context: LookContext,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<Look> {
  const { reader, format, crypto, progress } = context;
  const indexes = await loadIndexes(reader, format, crypto, {
    ...(context.signal && { signal: context.signal }),
    ...(slice && { slice }),
    checkDivergence: isFirst,
    onProgress: (objectsDone, objectsAll) =>
      progress.update({ stage: 'index blobs', objectsDone, objectsAll, bytesDone: 0, bytesAll: 0 }),
  });
  const table = indexes.contents;
  const packs = await listPacks(reader, format.prefix, table.packs, context);
  const damage = damageMap(table.size);
  // Entries with a letter are in every slice, and counted with the first.
  const range = isFirst ? { first: 0, end: table.size } : table.rangeOf('');
  const counts = checkEntries(table, packs, damage, range.first, range.end);
  const contents = contentReader(reader, format.prefix, table, crypto, {
    packSizes: (packId) => {
      const sizeBytes = packs.sizeBytes[packId] ?? -1;
      return sizeBytes < 0 ? undefined : sizeBytes;
    },
  });
  return { indexes, packs, damage, counts, contents };
}
