/** One hash under way; `digest` ends it. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** A repository's keyed content hash. Source: Kopia v0.23.1, repo/hashing. */
export interface ContentHash {
  /** Kopia's name, for example `BLAKE2B-256-128`. */
  readonly name: string;
  /** 16, 28 or 32. */
  readonly digestBytes: number;
  /** A fresh array each time. */
  digest(bytes: Uint8Array): Uint8Array;
  /** Several may be under way at once. */
  start(): RunningHash;
}
