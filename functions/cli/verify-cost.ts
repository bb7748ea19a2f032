import type { Location } from '../../shared/config/location.ts';

/** What one vendor asks, in US dollars. */
interface Prices {
  /** For 1,000 requests. */
  readonly get: number;
  readonly list: number;
  /** For a GB (10^9 bytes) that leaves the region for the internet. */
  readonly egress: number;
}

/** When the prices below were noted. They change rarely, and other regions ask up to twice as much. */
export const PRICES_AS_OF = '2026-11';

/**
 * List prices without volume discounts and free allowances.
 * Sources: aws.amazon.com/s3/pricing (us-east-1, S3 Standard: GET, LIST, data transfer out, first
 * tier); azure.microsoft.com/pricing/details/storage/blobs and .../bandwidth (East US, hot, LRS: read
 * operations 0.0044 and list operations 0.05 for 10,000; internet egress, first paid tier).
 */
export const PRICES: Readonly<Record<'s3' | 'azblob', Prices>> = {
  s3: { get: 0.0004, list: 0.005, egress: 0.09 },
  azblob: { get: 0.00044, list: 0.005, egress: 0.087 },
};

/** What a run would read, as its dry run measured it. */
export interface Reading {
  readonly objectsToRead: number;
  readonly bytesToRead: number;
  readonly requestsToMake: number;
}

/** Roughly what it costs. Part of the JSON of a dry run. */
export interface CostEstimate {
  readonly pricesAsOf: string;
  /** For the requests, wherever they come from. */
  readonly requestsUsd: number;
  /** In addition where Drydock runs outside the region of the store. */
  readonly egressUsd: number;
}

/** `undefined` where a dry run measured nothing, as before its location could be read. */
export function readingOf(measures: Readonly<Record<string, number>>): Reading | undefined {
  const { objectsToRead, bytesToRead, requestsToMake } = measures;
  if (objectsToRead === undefined || bytesToRead === undefined) return undefined;
  return { objectsToRead, bytesToRead, requestsToMake: requestsToMake ?? objectsToRead };
}

/**
 * By the dearest of the vendors that are asked: a run is not told apart by location. Each object
 * takes one GET at least; what is asked beyond that is counted as listing, the dearer kind.
 * @returns `undefined` where no vendor's list applies: folders, and stores behind an endpoint.
 */
export function costOf(reading: Reading, locations: readonly Location[]): CostEstimate | undefined {
  const prices = locations.flatMap((location) => {
    if (location.kind === 'file' || location.endpoint !== undefined) return [];
    return [PRICES[location.kind]];
  });
  if (prices.length === 0) return undefined;
  const dearest = (name: keyof Prices): number => Math.max(...prices.map((each) => each[name]));
  const gets = Math.min(reading.objectsToRead, reading.requestsToMake);
  const lists = reading.requestsToMake - gets;
  return {
    pricesAsOf: PRICES_AS_OF,
    requestsUsd: (gets * dearest('get') + lists * dearest('list')) / 1000,
    egressUsd: (reading.bytesToRead / 1e9) * dearest('egress'),
  };
}
