import type { CallOptions } from '../../stores/store.ts';
import type { LoadedTable } from './content-table.ts';

export type IndexProblemKind =
  /** An index blob or a compaction log that cannot be decrypted, or is not what its name says. */
  | 'unreadable'
  /** An index of another hash length than the repository's: Kopia fails on every lookup in it. */
  | 'foreign-key-length'
  /** An active index blob that was listed and was gone when it was read, twice. */
  | 'vanished'
  /** Some members of an epoch compaction or range checkpoint are missing; readers ignore the rest. */
  | 'incomplete-set'
  /** A settled epoch has no index that readers could take; `blobId` is what is left of it, or empty. */
  | 'epoch-lost'
  /** What readers take for an epoch lacks entries that other indexes of the epoch hold (kopia #5371). */
  | 'divergence';

/** Something that is wrong with the index itself. */
export interface IndexProblem {
  readonly kind: IndexProblemKind;
  /** Below the repository's prefix; of a set its first blob. */
  readonly blobId: string;
  /** A sentence's end, as in: index blob "…" `reason`. */
  readonly reason: string;
  /** Readers take the blob and this part of the index is missing: nothing can be told by absence. */
  readonly active: boolean;
  readonly epoch?: number;
  /** Of a divergence: how many contents are missing or differ, and the first few of their ids. */
  readonly contents?: { readonly count: number; readonly examples: readonly string[] };
}

export interface LoadedIndexes {
  readonly contents: LoadedTable;
  readonly problems: readonly IndexProblem[];
  /** Blobs of the index class; `sizeBytes` of the active ones. */
  readonly blobs: { readonly active: number; readonly listed: number; readonly sizeBytes: number };
  /** Undefined in repositories without epochs. */
  readonly currentEpoch: number | undefined;
  /** Deleted entries up to this unix time are gone for good; 0 for none. */
  readonly watermarkSeconds: number;
  /** False when an active index blob could not be read: then an entry's absence proves nothing. */
  readonly complete: boolean;
}

/** A part of the contents without a letter, by the first byte of their hash; `end` is not in it. */
export interface Slice {
  readonly first: number;
  readonly end: number;
}

export interface LoadOptions extends CallOptions {
  /** Bound of the entries' memory; beyond it loading fails rather than the process. */
  readonly sizeBytesMax?: number;
  /** Contents with a letter (directories, manifests) are always loaded. */
  readonly slice?: Slice;
  readonly concurrency?: number;
  /** Active blobs read, of how many. Starts again when a compaction ran in between. */
  readonly onProgress?: (done: number, all: number) => void;
  readonly checkDivergence?: boolean;
}
