import { parseBlobName } from '../blob-names.ts';
import type { IndexBlob } from '../indexes/active-indexes.ts';
import { effectiveIn, forEachContent } from './entry-groups.ts';
import { activeIn, watermarkIn } from './index-view.ts';
import { type DecodedIndexes, type IndexListing, stateOf } from './survey.ts';

export interface BlobDeletionLimits {
  /** Since a completed run first saw the blob absent at the source (reference 8.6: at least 48 h). */
  readonly safetyAgeMs: number;
  /** Deleted in one run. */
  readonly countMax: number;
  /** Of the target's blobs, 0 to 1; counts from 10 blobs on. */
  readonly shareMax: number;
  /** Indexes as writers flushed them stay longer: what repairs an epoch that was compacted wrongly. */
  readonly indexAgeMs: number;
}

const HOUR_MS = 3_600_000;

export const BLOB_DELETION_LIMITS: BlobDeletionLimits = {
  safetyAgeMs: 72 * HOUR_MS,
  countMax: 10_000,
  shareMax: 0.1,
  indexAgeMs: 30 * 24 * HOUR_MS,
};

export interface DeletionWorld {
  readonly now: Date;
  /** A complete listing of the source, without an error in it, that began after the run completed. */
  readonly source: ReadonlySet<string>;
  /** Ids at the target. */
  readonly target: readonly string[];
  /**
   * Of blobs that completed runs found absent at the source: when first, and in how many runs in a row.
   * A blob that came back has lost its record; without records nothing is deletable.
   */
  readonly absent: ReadonlyMap<string, { readonly firstSeenMs: number; readonly runs: number }>;
  readonly limits: BlobDeletionLimits;
}

export type CandidatePlan =
  | {
      readonly kind: 'candidates';
      /** Of the index class, in the order in which they may go. */
      readonly indexes: readonly string[];
      readonly packs: readonly string[];
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** Two completed runs in a row must have found a blob absent (reference 8.6, 1). */
const RUNS_MIN = 2;
const SHARE_COUNT_MIN = 10;

/**
 * Which blobs of the target have been absent at the source long enough to be deleted, if nothing
 * needs them (reference 8.6, 1 and 4). Packs and the index class alone are ever deleted. Too
 * many of them are an alarm and no instruction.
 */
export function deletionCandidates(world: DeletionWorld): CandidatePlan {
  const { source, target, limits } = world;
  if (!source.has('kopia.repository')) {
    return { kind: 'refused', reason: 'the source has no "kopia.repository"' };
  }
  const absent = target.filter((id) => !source.has(id) && deletionRank(id) >= 0);
  if (absent.length > limits.countMax) {
    const reason = `${absent.length} blobs are absent at the source, allowed are ${limits.countMax}`;
    return { kind: 'refused', reason };
  }
  if (target.length >= SHARE_COUNT_MIN && absent.length > limits.shareMax * target.length) {
    const reason = `${absent.length} of ${target.length} blobs are absent at the source, allowed is a share of ${limits.shareMax}`;
    return { kind: 'refused', reason };
  }
  const due = absent.filter((id) => isDue(id, world));
  const indexes = due.filter((id) => deletionRank(id) < PACK_RANK);
  indexes.sort((a, b) => deletionRank(a) - deletionRank(b) || (a < b ? -1 : 1));
  return { kind: 'candidates', indexes, packs: due.filter((id) => deletionRank(id) === PACK_RANK) };
}

function isDue(id: string, { now, absent, limits }: DeletionWorld): boolean {
  const seen = absent.get(id);
  if (seen === undefined || seen.runs < RUNS_MIN) return false;
  const isFlushed = parseBlobName(id).kind === 'index';
  const ageMs = isFlushed ? Math.max(limits.safetyAgeMs, limits.indexAgeMs) : limits.safetyAgeMs;
  return now.getTime() - seen.firstSeenMs >= ageMs;
}

const PACK_RANK = 8;

/** Ascending: what goes first. Before epochs `n`, then the `m` that hides it, then `l`; -1: never. */
function deletionRank(id: string): number {
  const { kind } = parseBlobName(id);
  switch (kind) {
    case 'index-v0':
      return 0;
    case 'compaction-log':
      return 1;
    case 'compaction-cleanup':
      return 2;
    case 'index':
      return 3;
    case 'epoch-compaction':
      return 4;
    case 'range-checkpoint':
      return 5;
    case 'epoch-marker':
      return 6;
    case 'deletion-watermark':
      return 7;
    case 'pack':
      return PACK_RANK;
    default:
      return -1;
  }
}

/**
 * Of the candidates of the index class those that may go one after the other, in the order given: after
 * each, the effective entries at the target are what they were, or nearer to those of the newest
 * completed run (reference 8.6, 2), and the watermark is the same. What changes nothing by name
 * alone costs nothing; for another one all entries are walked.
 *
 * @param target the target's index class as it is listed now.
 * @param completed what the newest completed run had frozen.
 */
export function deletableIndexes(
  candidates: readonly string[],
  target: IndexListing,
  completed: IndexListing,
  decoded: DecodedIndexes,
): readonly string[] {
  const { view } = target;
  let blobs = target.blobs;
  return candidates.filter((id) => {
    const without = blobs.filter((blob) => blob.id !== id);
    if (without.length === blobs.length) return false;
    if (watermarkIn(view, without) !== watermarkIn(view, blobs)) return false;
    const isHarmless =
      isSameActive(activeIn(view, without), activeIn(view, blobs)) ||
      isNoLoss({ view, blobs }, { view, blobs: without }, completed, decoded);
    if (isHarmless) blobs = without;
    return isHarmless;
  });
}

function isSameActive(left: readonly IndexBlob[], right: readonly IndexBlob[]): boolean {
  const ids = new Set(right.map(({ id }) => id));
  return left.length === right.length && left.every(({ id }) => ids.has(id));
}

function isNoLoss(
  before: IndexListing,
  after: IndexListing,
  completed: IndexListing,
  decoded: DecodedIndexes,
): boolean {
  const states = [before, after, completed].map((listing) => stateOf(listing, decoded));
  let isLost = false;
  let isDropping = false;
  let hasExtra = false;
  forEachContent(decoded.rows, (group) => {
    if (isLost) return;
    const [old, left, wanted] = states.map((state) => effectiveIn(group, state));
    if (old === undefined || left === undefined || wanted === undefined) return;
    const isEqual = (a: number, b: number): boolean =>
      a === b || (a >= 0 && b >= 0 && group.isSame(a, b));
    isLost = !isEqual(old, left) && !isEqual(left, wanted);
    isDropping ||= left < 0 && old >= 0 && group.isDeletedAt(old);
    hasExtra ||= left >= 0 && !group.isDeletedAt(left) && !isEqual(left, wanted);
  });
  // A snapshot that the source does not show any more may still read what is deleted.
  return !isLost && !(isDropping && hasExtra);
}

/**
 * Packs that may go: candidates that no effective entry at the target names, deleted entries above the
 * watermark included (reference 8.6, 3). The target is listed and decoded anew for this, after
 * its indexes were deleted; where it is loaded in slices, what one slice leaves over is asked of the next.
 */
export function deletablePacks(
  candidates: readonly string[],
  target: IndexListing,
  decoded: DecodedIndexes,
): readonly string[] {
  const state = stateOf(target, decoded);
  const needed = new Uint8Array(decoded.rows.packs.count);
  forEachContent(decoded.rows, (group) => {
    const winner = effectiveIn(group, state);
    if (winner >= 0) needed[group.packAt(winner)] = 1;
  });
  const { packs } = decoded.rows;
  return candidates.filter((id) => {
    const pack = packs.find(id);
    return pack < 0 || needed[pack] !== 1;
  });
}
