/** Why stored bytes are not what was once sealed. */
export type SealReason = 'too-short' | 'ecc-damaged' | 'not-authentic' | 'hash-mismatch';

const MEANINGS: Readonly<Record<SealReason, string>> = {
  'too-short': 'too few bytes for what every writer adds',
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
