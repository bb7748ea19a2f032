/** Why stored bytes are not what was once sealed; `too-large`: more than may be held. */
export type SealReason =
  | 'too-short'
  | 'too-large'
  | 'ecc-damaged'
  | 'not-authentic'
  | 'hash-mismatch';

const MEANINGS: Readonly<Record<SealReason, string>> = {
  'too-short': 'fewer bytes than every writer adds',
  'too-large': 'more bytes than may be held in memory',
  'ecc-damaged': 'a checksum of the error correction does not match',
  'not-authentic': 'decryption failed: other bytes or another key',
  'hash-mismatch': 'the decrypted bytes are not those that the name promises',
};

/** Stored bytes that cannot be opened: damaged, cut, exchanged, or sealed with another key. */
export class SealError extends Error {
  readonly reason: SealReason;

  constructor(reason: SealReason, options?: { readonly cause?: unknown }) {
    super(MEANINGS[reason], options);
    this.name = 'SealError';
    this.reason = reason;
  }
}
