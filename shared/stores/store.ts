/**
 * The object store port. Meaning is fixed here once and tested by `test/contract/object-store.ts`
 * on every implementation; wrappers keep it. Failures are `StoreError`s, except cancellation: an
 * aborted `signal` rejects with the signal's reason, and nothing new becomes visible afterwards.
 *
 * Stores do not retry: that is the `retrying` wrapper's work alone.
 */

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Hex, lower case, most significant byte first, of the whole object. */
export interface Checksums {
  readonly md5?: string;
  /** CRC-64/NVME: S3's CRC64NVME; Azure's CRC64 is the same function with its bytes reversed. */
  readonly crc64nvme?: string;
  readonly crc32?: string;
  readonly sha256?: string;
}

/**
 * What a copy remembers of the object it was made from. Kept in the object's own metadata, so that
 * it is written atomically with the bytes and travels with them.
 */
export interface SourceStamp {
  /** ETag of the source object at the time of the copy; absent where only a time could be kept. */
  readonly etag?: string;
  /** LastModified of the source object. */
  readonly lastModified: Date;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Identifies this very version of the object; opaque, compared for equality only, unquoted. */
  readonly etag: string;
  /**
   * When the bytes were first written, to the store's precision. A copy that carries its source's
   * time where listings show it (`Kopiamtime` on Blob, modification time of a file) answers with
   * that time, as Kopia does; see `capabilities.sourceTimeListed`.
   */
  readonly lastModified: Date;
  /** The vendor's name of the tier where it is not the default one. */
  readonly storageClass?: string;
  /** Of a copy made by Drydock. In listings only where `capabilities.sourceStampListed`. */
  readonly source?: SourceStamp;
  /** Checksums that the store itself vouches for; never in listings. */
  readonly checksums?: Checksums;
}

export interface ByteRange {
  readonly offsetBytes: number;
  /** At least 1. */
  readonly lengthBytes: number;
}

export interface ReadOptions extends CallOptions {
  readonly range?: ByteRange;
  /** Throws `changed` when the object is no longer this version. */
  readonly ifMatch?: string;
}

export interface ObjectContent {
  /** Of the whole object, also when a range was asked for. */
  readonly info: ObjectInfo;
  /**
   * Exactly the bytes asked for, in pieces of any size, once. It ends early only by throwing: a
   * connection that breaks is `unreachable`, never a short read. Leaving the loop releases it.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ListOptions extends CallOptions {
  /** Yields only keys greater than this one. */
  readonly startAfter?: string;
}

/** The right to look. Whoever is given only this can change nothing. */
export interface ObjectReader {
  /** For messages: what the user would call this place, without credentials. */
  readonly url: string;
  /**
   * Yields every object whose key starts with `prefix`, ascending by the UTF-8 bytes of the key,
   * page by page; throws rather than yield part of the list as if it were all.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /**
   * The distinct first segments below `prefix` (which is empty or ends in `/`), each with its
   * trailing `/`, relative to `prefix`, ascending. Objects directly at `prefix` are left out.
   */
  listDirectories(prefix: string, options?: CallOptions): AsyncIterable<string>;
  /** `undefined` means proven absent; anything uncertain throws. */
  stat(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  /** Resolves when the object was found and its bytes are on their way; absent is `not_found`. */
  read(key: string, options?: ReadOptions): Promise<ObjectContent>;
}

/** A factory, so that whoever retries can start the body again from its first byte. */
export type ReplayableBody = () => AsyncIterable<Uint8Array>;

export interface WriteOptions extends CallOptions {
  /** What the body will yield in all; another length is `invalid` and leaves nothing visible. */
  readonly sizeBytes: number;
  /** `'absent'` throws `exists` when the key is taken; an ETag throws `changed` on any other one. */
  readonly condition?: 'absent' | { readonly etag: string };
  /**
   * What the bytes are known to be. Those that the store computes anyway, and MD5, CRC32 and
   * CRC64NVME always, are checked before the object becomes visible: a difference is `corrupt`.
   */
  readonly expect?: Checksums;
  readonly source?: SourceStamp;
}

export interface StoreCapabilities {
  /** `condition` is honoured by `write`. */
  readonly conditionalWrite: boolean;
  /** `ifMatch` is honoured by `remove`. */
  readonly conditionalDelete: boolean;
  /** The source's ETag survives a round trip, not its time alone. */
  readonly sourceEtagKept: boolean;
  /** `lastModified` in listings is the source's time for objects written with a `source`. */
  readonly sourceTimeListed: boolean;
  /** `source` is part of listings, not of `stat` alone. */
  readonly sourceStampListed: boolean;
  /** The checksum that `stat` can vouch for after a `write` here; `undefined` for none. */
  readonly checksum: keyof Checksums | undefined;
  /** The store can fetch an object from a URL by itself, so that no byte passes through us. */
  readonly pullFromUrl: boolean;
}

export interface RemoveOptions extends CallOptions {
  /** Removes only this version: throws `changed` when another one is there. */
  readonly ifMatch?: string;
}

export interface RemoveFailure {
  readonly key: string;
  readonly error: Error;
}

/** The right to change. Only jobs that must write are given it. */
export interface ObjectStore extends ObjectReader {
  readonly capabilities: StoreCapabilities;
  /**
   * Atomic: a reader sees the old object or the new one, never a part; a write that fails or is
   * aborted leaves what was there. Holds at most one part of 8 MiB of a larger body in memory
   * (larger parts only where the vendor's limit on their number demands it). Of several writers
   * with the same condition exactly one wins. The transfer is guarded by the store's own checksum.
   */
  write(key: string, body: ReplayableBody, options: WriteOptions): Promise<ObjectInfo>;
  /** Removing what is absent succeeds, so that a repeated clean-up is safe; `locked` when refused. */
  remove(key: string, options?: RemoveOptions): Promise<void>;
  /**
   * Removes all `keys`, in as few requests as the vendor allows, in no order. Answers with those
   * that could not be removed and why; throws only when nothing can be said about any of them.
   */
  removeMany(keys: readonly string[], options?: CallOptions): Promise<readonly RemoveFailure[]>;
}

/** Bodies above this size are streamed in parts, never held whole. */
export const PART_SIZE_BYTES = 8 * 1024 * 1024;
