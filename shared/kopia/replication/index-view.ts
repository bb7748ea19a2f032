import { parseBlobName } from '../blob-names.ts';
import { activeIndexes, deletionWatermark, type IndexBlob } from '../indexes/active-indexes.ts';
import { type CompactionLog, supersededInputs } from '../indexes/compaction-log.ts';

/** How the readers of a repository pick index blobs; its format blob decides. */
export type IndexView =
  | { readonly kind: 'epochs' }
  /** Before epochs: `n` blobs, less those that a log calls compacted. `logs` by id of their blob. */
  | { readonly kind: 'v0'; readonly logs: ReadonlyMap<string, CompactionLog> };

/** The blobs that readers take, in the order in which a copy publishes them (reference 5.5). */
export function activeIn<T extends IndexBlob>(view: IndexView, blobs: readonly T[]): readonly T[] {
  if (view.kind === 'epochs') return activeIndexes(blobs);
  const indexes = blobs.filter(({ id }) => parseBlobName(id).kind === 'index-v0');
  const logs = blobs.flatMap(({ id }) => view.logs.get(id) ?? []);
  const superseded = supersededInputs(new Set(indexes.map(({ id }) => id)), logs);
  return indexes.filter(({ id }) => !superseded.has(id));
}

/** Unix time up to which deleted entries are gone for good; repositories before epochs have none. */
export function watermarkIn(view: IndexView, blobs: readonly IndexBlob[]): number {
  return view.kind === 'epochs' ? deletionWatermark(blobs) : 0;
}

/**
 * Whether readers of this view look at such a blob at all. After an upgrade the `n` blobs stay behind
 * for a while, unread: they are no part of a plan, and a target that has not been upgraded yet
 * goes on with those that it has until its format blob is replaced (reference 8.5 P4).
 */
export function isOfView(view: IndexView, id: string): boolean {
  const { kind } = parseBlobName(id);
  return view.kind === 'epochs' ? EPOCH_KINDS.has(kind) : V0_KINDS.has(kind);
}

const EPOCH_KINDS: ReadonlySet<string> = new Set([
  'epoch-marker',
  'index',
  'epoch-compaction',
  'range-checkpoint',
  'deletion-watermark',
]);
const V0_KINDS: ReadonlySet<string> = new Set(['index-v0', 'compaction-log', 'compaction-cleanup']);
