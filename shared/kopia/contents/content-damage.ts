/** Why the bytes of a content could not be had, or are not what its id says. */
export type DamageReason =
  /** The pack blob is proven absent. */
  | 'pack-missing'
  /** The pack blob ends before the content does. */
  | 'pack-too-short'
  /** The ciphertext, the key or the place in the pack is another one. */
  | 'not-authentic'
  /** Fewer stored bytes than encryption alone adds. */
  | 'too-short'
  /** A shard of the error correction has a wrong checksum; it may be repairable, which we do not try. */
  | 'ecc-damaged'
  /** It decrypts, and the plaintext has another hash: no other tool would notice. */
  | 'hash-mismatch'
  /** It has another length than its index entry says. */
  | 'length-mismatch'
  /** The compressed stream is broken. */
  | 'decompression-failed'
  /** The compressed stream holds more than it should; nothing beyond that was produced. */
  | 'decompression-bomb'
  /** The bytes name another compression than the index entry. */
  | 'header-mismatch'
  /** No index names it. */
  | 'not-in-index'
  /** Compressed by an algorithm that is not built in: unchecked, not damaged. */
  | 'compression-unsupported'
  /** Encrypted by a key that no release of Kopia has used so far: unchecked, not damaged. */
  | 'encryption-key-unknown'
  /** Longer than anything Kopia writes: not read, so that memory stays bounded; unchecked. */
  | 'too-large'
  /** The pack lies in an archive tier and cannot be read now: unchecked, not damaged. */
  | 'archived';

/** Reasons that say nothing about the bytes: the content is `unchecked`, never `damaged`. */
const UNCHECKED: ReadonlySet<DamageReason> = new Set([
  'compression-unsupported',
  'encryption-key-unknown',
  'too-large',
  'archived',
]);

/** Whether the reason leaves open what the bytes are: then the verdict is `unchecked`. */
export function leavesUnchecked(reason: DamageReason): boolean {
  return UNCHECKED.has(reason);
}

/** One content that cannot be read. Not for users: whoever knows the context makes it a finding. */
export class ContentDamage extends Error {
  readonly contentId: string;
  /** The pack blob that should hold it; `undefined` when no index names the content. */
  readonly packBlob: string | undefined;
  readonly reason: DamageReason;

  constructor(
    contentId: string,
    packBlob: string | undefined,
    reason: DamageReason,
    options?: ErrorOptions,
  ) {
    const where = packBlob === undefined ? '' : ` in pack "${packBlob}"`;
    super(`Cannot read content "${contentId}"${where}: ${reason}`, options);
    this.name = 'ContentDamage';
    this.contentId = contentId;
    this.packBlob = packBlob;
    this.reason = reason;
  }
}
