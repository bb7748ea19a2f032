import type { DamageReason } from './content-damage.ts';

/**
 * Stored contents to be decrypted and re-hashed, in one piece of memory and a few flat columns, so
 * that a batch costs a worker thread the same whether it holds one content or ten thousand. The
 * checker owns every buffer in it from the call on.
 */
export interface ContentBatch {
  /** A coalesced range of one pack; it may be longer than what the contents take. */
  readonly bytes: ArrayBuffer;
  /** Which contents, as positions in the table; only carried through to the answer. */
  readonly positions: Uint32Array<ArrayBuffer>;
  /** Where in `bytes` each begins; contents may overlap. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** Stored bytes of each. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** Bytes of each after decompression, as the index says. */
  readonly originalLengths: Uint32Array<ArrayBuffer>;
  /** Compression header id of each; 0 = none. */
  readonly compressions: Uint32Array<ArrayBuffer>;
  /** The full hash of each content's id, one after the other, `digestBytes` each. */
  readonly hashes: Uint8Array<ArrayBuffer>;
}

/** A content that did not pass. */
export interface CheckedContent {
  /** In the content table. */
  readonly position: number;
  readonly reason: DamageReason;
}

export interface CheckedBatch {
  readonly failures: readonly CheckedContent[];
  /** The buffer of the batch, given back to be filled again. */
  readonly bytes: ArrayBuffer;
}

/** Decrypts, decompresses and re-hashes stored contents, here or in worker threads. */
export interface ContentChecker {
  /** How many batches are worked on at the same time: 1 in process. */
  readonly threads: number;
  /**
   * Never throws for what the bytes are.
   * @throws DrydockError `KOPIA_WORKER_LOST` when a worker thread ended; the checker is of no use
   *   any more then.
   */
  check(batch: ContentBatch): Promise<CheckedBatch>;
  /** Ends every thread; batches that are under way reject. Harmless twice. */
  close(): Promise<void>;
}
