/** What the index says of one content. */
export interface ContentEntry {
  readonly id: string;
  readonly packId: number;
  readonly packBlob: string;
  /** Bytes from the beginning of the pack. */
  readonly packOffset: number;
  /** Bytes in the pack: with nonce and tag, and with parity where there is any. */
  readonly packedLength: number;
  /** Bytes of the content itself. Indexes of version 1 do not hold it: packed length less 28. */
  readonly originalLength: number;
  readonly deleted: boolean;
  /** Unix time of the entry. */
  readonly timeSeconds: number;
  readonly formatVersion: number;
  /** Header id of the compression, 0 for none. */
  readonly compression: number;
  /** Always 0 so far. */
  readonly encryptionKeyId: number;
}

/** The packs that the entries of a table name: ids 0 to `count` - 1, one for each distinct name. */
export interface PackTable {
  readonly count: number;
  /** Throws a RangeError on an id that there is not. */
  name(packId: number): string;
  /** -1 when no entry names it. */
  find(name: string): number;
}

/**
 * The effective entries of a repository: of each content the one that wins, without those whose
 * deletion is final. Positions run from 0 to `size` - 1, ascending by content id as Kopia sorts them:
 * contents without a letter first, then by letter, within that by hash.
 */
export interface ContentTable {
  readonly size: number;
  readonly packs: PackTable;
  /** Position of a content, or -1. Never throws on odd text. */
  find(contentId: string): number;
  /** A fresh object: for few entries, not for loops over all. */
  entry(position: number): ContentEntry;
  /**
   * Ascending positions, of all entries or of those whose letter is one of `letters`; `''` means
   * contents without a letter, `'kx'` those of either letter.
   */
  positions(letters?: string): Iterable<number>;
  /** Half-open range of the positions of one letter (`''`: none), for loops without an iterator. */
  rangeOf(letter: string): { readonly first: number; readonly end: number };
  idOf(position: number): string;
  packOf(position: number): number;
  offsetOf(position: number): number;
  packedLengthOf(position: number): number;
  originalLengthOf(position: number): number;
  isDeleted(position: number): boolean;
  timeOf(position: number): number;
}

/** A table that was loaded, and can be dropped. */
export interface LoadedTable extends ContentTable {
  /**
   * Gives the memory of the entries back at once: for whoever loads another table next, and would
   * hold two of them until the collector comes. Afterwards every position is out of range, and
   * nothing is found.
   */
  release(): void;
}
