import { StoreError } from './store-error.ts';

/** Both S3 and Azure Blob end there, in UTF-8 bytes. */
const KEY_SIZE_BYTES_MAX = 1024;

/** The order of listings: by the UTF-8 bytes, which is not JavaScript's order above U+FFFF. */
export function compareKeys(left: string, right: string): number {
  // Without surrogates UTF-16 order and UTF-8 order agree, and that is nearly every key.
  if (!SURROGATE.test(left) && !SURROGATE.test(right))
    return left < right ? -1 : left > right ? 1 : 0;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

const SURROGATE = /[\ud800-\udfff]/;

/** Throws `invalid` for a key that no store takes. */
export function checkKey(url: string, key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes === 0 || sizeBytes > KEY_SIZE_BYTES_MAX) {
    throw new StoreError(
      'invalid',
      `Cannot use a key of ${sizeBytes} bytes in "${url}": 1 to 1024`,
    );
  }
}

/** A key in messages: quoted values never carry control characters into a terminal (S10). */
export function shownKey(key: string): string {
  return [...key].map((char) => (char < ' ' || char === '\u007f' ? '\ufffd' : char)).join('');
}
