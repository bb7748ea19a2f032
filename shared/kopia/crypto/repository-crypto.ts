import type { ContentHash } from './content-hash.ts';

/** Everything that opens contents. Plain data: it can be sent to a worker thread. Secret. */
export interface CryptoSpec {
  /** Kopia's name of the content hash. */
  readonly hash: string;
  /** Key of the content hash; absent: unkeyed. */
  readonly secret?: Uint8Array;
  /** Kopia's name of the content encryption. */
  readonly encryption: string;
  /** What the keys of all contents are derived from. */
  readonly masterKey: Uint8Array;
  /** 1 to 100; 0 = none. */
  readonly eccOverheadPercent: number;
}

/** Opens what a repository's writers sealed. Holds keys; never prints them. */
export interface RepositoryCrypto {
  readonly spec: CryptoSpec;
  readonly hash: ContentHash;
  /**
   * Undoes error correction and encryption of one stored content (or pack-local index), not its
   * compression. Does not hash: that needs the decompressed bytes.
   * @param contentHash all bytes of the hash in the content's id.
   * @throws SealError
   */
  open(stored: Uint8Array, contentHash: Uint8Array): Buffer;
  /**
   * Streams the plaintext of a blob that is encrypted as a whole (`n`, `m`, `l`, `x` indexes, `s`,
   * `_log_`); key and nonce come from its id. Never holds the whole, unless the repository has
   * error correction. Consumers must not trust a byte before the end.
   * @throws SealError at the end when the tag, or the hash against the name, does not match.
   */
  openBlob(blobId: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer>;
  /**
   * The same for a small blob, in one piece, checked.
   * @param sizeBytesMax most bytes of plaintext that are held.
   * @throws SealError, `too-large` when there are more.
   */
  readBlob(blobId: string, body: AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<Buffer>;
}
