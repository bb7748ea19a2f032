import { ContentDamage, type DamageReason } from '../../../shared/kopia/contents/content-damage.ts';
import { ObjectDamage } from '../../../shared/kopia/objects/object-damage.ts';
import { DrydockError } from '../../../shared/model/errors.ts';

const WORDS: Readonly<Record<DamageReason, string>> = {
  'pack-missing': 'the pack blob is not in the store',
  'pack-too-short': 'the pack blob ends before it',
  'not-authentic': 'it does not decrypt',
  'too-short': 'it has fewer bytes than encryption adds',
  'ecc-damaged': 'a checksum of the error correction does not match',
  'hash-mismatch': 'it decrypts, but to other bytes than its id says',
  'length-mismatch': 'it has another length than the index says',
  'decompression-failed': 'it does not decompress',
  'decompression-bomb': 'it decompresses to more than the index says',
  'header-mismatch': 'its bytes name another compression than the index',
  'not-in-index': 'no index names it',
  'compression-unsupported': 'its compression is not supported (LZ4)',
  'encryption-key-unknown': 'its encryption key is not known',
  'too-large': 'it is larger than anything Kopia writes',
  archived: 'its pack blob lies in an archive tier',
};

/** Why bytes of a snapshot cannot be had; `undefined` for errors that say nothing about them. */
export function damageText(error: unknown): string | undefined {
  if (error instanceof ContentDamage) {
    const where = error.packBlob === undefined ? '' : ` in pack blob "${error.packBlob}"`;
    return `content "${error.contentId}"${where}: ${WORDS[error.reason]}`;
  }
  if (error instanceof ObjectDamage) return `object "${error.objectId}": ${error.detail}`;
  return undefined;
}

/** Rethrows damage as an error that a user may read, about `what` that could not be read. */
export function damageError(error: unknown, what: string): unknown {
  const text = damageText(error);
  if (text === undefined) return error;
  return new DrydockError('operation', 'KOPIA_DAMAGED', `Cannot read ${what}: ${text}`, {
    hint: 'Run "drydock kopia verify" on the location: it tells what else is lost, and the remedy',
    cause: error,
  });
}
