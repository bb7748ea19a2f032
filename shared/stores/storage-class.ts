/**
 * What reading an object of a storage class takes, beside the request. `archived` objects cannot be
 * read before somebody brings them back, which takes hours.
 */
export type ReadCost = 'free' | 'fee' | 'archived';

/**
 * Classes by the names that listings give them. Source: "Amazon S3 storage classes" and "Access tiers
 * for blob data" in the vendors' documentation. S3's Intelligent-Tiering charges nothing for reading;
 * an object that it moved to an archive tier of its own is known only when it is read.
 */
const COSTS: Readonly<Record<string, ReadCost>> = {
  STANDARD_IA: 'fee',
  ONEZONE_IA: 'fee',
  GLACIER_IR: 'fee',
  GLACIER: 'archived',
  DEEP_ARCHIVE: 'archived',
  Cool: 'fee',
  Cold: 'fee',
  Archive: 'archived',
};

/** `storageClass` as in `ObjectInfo`; a class that we do not know is read like the default one. */
export function readCost(storageClass: string | undefined): ReadCost {
  if (storageClass === undefined || !Object.hasOwn(COSTS, storageClass)) return 'free';
  return COSTS[storageClass] ?? 'free';
}
