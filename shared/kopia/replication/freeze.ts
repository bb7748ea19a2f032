import type { IndexBlob } from '../indexes/active-indexes.ts';

/** A blob of the index class as one listing shows it. */
export interface ListedBlob extends IndexBlob {
  readonly etag: string;
}

/**
 * Whether two listings in a row say the same. The first of them is then closed under "written
 * before": had it missed a blob that was written before another one in it, the second would show it
 * (reference 8.5 P0 d). Needs listings that are consistent, and no clock.
 */
export function isFrozen(previous: readonly ListedBlob[], next: readonly ListedBlob[]): boolean {
  const etags = new Map(previous.map(({ id, etag }) => [id, etag]));
  return etags.size === next.length && next.every(({ id, etag }) => etags.get(id) === etag);
}

/** One PUT and the granularity of a store's clock take less (reference 8.5 P0 b). */
const MARGIN_MS = 15 * 60_000;

/**
 * Of a listing of a source that never rests, what was written long enough before it began: by the
 * store's own times, never by another clock. The watermark is cut like the rest: one that is younger
 * than the indexes it is combined with would hide what they bring back.
 *
 * @param newestMs the newest time in the listing stands in where the store's own time is not known.
 */
export function cutAtMargin<T extends IndexBlob>(
  listing: readonly T[],
  newestMs = listing.reduce((newest, blob) => Math.max(newest, blob.lastModified.getTime()), 0),
): readonly T[] {
  return listing.filter(({ lastModified }) => lastModified.getTime() <= newestMs - MARGIN_MS);
}
