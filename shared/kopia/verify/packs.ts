import { type ReadCost, readCost } from '../../stores/storage-class.ts';
import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import { PACK_PREFIXES, parseBlobName } from '../blob-names.ts';
import type { PackTable } from '../indexes/content-table.ts';

/** What the store's listing says of the packs of a table; columns by pack id. */
export interface PackFacts {
  /** -1 where the pack is not in the store. The table also names packs that only lost entries had. */
  readonly sizeBytes: Float64Array;
  readonly modifiedMs: Float64Array;
  /** Index in `READ_COSTS`. */
  readonly cost: Uint8Array;
  /** Packs that no entry names: of a backup under way, of one that died, or garbage by now. */
  readonly unreferenced: { readonly packs: number; readonly sizeBytes: number };
}

export const READ_COSTS: readonly ReadCost[] = ['free', 'fee', 'archived'];

/** From here on a listing is cut by the first hex digit, so that pages come side by side. */
const PACKS_LISTED_AT_ONCE = 10_000;
const HEX_DIGITS = [...'0123456789abcdef'];

/** Lists the packs once. Call it after the indexes were loaded: a pack is older than its entries. */
export async function listPacks(
  reader: ObjectReader,
  prefix: string,
  packs: PackTable,
  options: CallOptions,
): Promise<PackFacts> {
  const sizeBytes = new Float64Array(packs.count).fill(-1);
  const modifiedMs = new Float64Array(packs.count);
  const cost = new Uint8Array(packs.count);
  const unreferenced = { packs: 0, sizeBytes: 0 };
  const take = (info: ObjectInfo): void => {
    const name = info.key.slice(prefix.length);
    const packId = packs.find(name);
    if (packId >= 0) {
      sizeBytes[packId] = info.sizeBytes;
      modifiedMs[packId] = info.lastModified.getTime();
      cost[packId] = READ_COSTS.indexOf(readCost(info.storageClass));
    } else if (parseBlobName(name).kind === 'pack') {
      unreferenced.packs += 1;
      unreferenced.sizeBytes += info.sizeBytes;
    }
  };
  const cuts = packs.count < PACKS_LISTED_AT_ONCE ? [''] : HEX_DIGITS;
  const listings = PACK_PREFIXES.flatMap((letter) => cuts.map((cut) => `${prefix}${letter}${cut}`));
  await Promise.all(
    listings.map(async (listing) => {
      for await (const info of reader.list(listing, options)) take(info);
    }),
  );
  return { sizeBytes, modifiedMs, cost, unreferenced };
}
