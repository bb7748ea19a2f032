import {
  createDecipheriv,
  createSecretKey,
  type DecipherChaCha20Poly1305,
  type DecipherGCM,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { SealError } from './seal-error.ts';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** Only the associated data and the key tell the two apart. */
type Decipher = DecipherGCM | DecipherChaCha20Poly1305;
type Start = (key: KeyObject, nonce: Uint8Array, iv: Uint8Array) => Decipher;

const CIPHERS: ReadonlyMap<string, Start> = new Map<string, Start>([
  [
    'AES256-GCM-HMAC-SHA256',
    (key, nonce, iv) => createDecipheriv('aes-256-gcm', key, nonce).setAAD(iv),
  ],
  [
    'CHACHA20-POLY1305-HMAC-SHA256',
    (key, nonce, iv) =>
      createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES }).setAAD(iv, {
        plaintextLength: 0,
      }),
  ],
]);

/** Whether a current Kopia has this content encryption. */
export function isContentEncryption(name: string): boolean {
  return CIPHERS.has(name);
}

/**
 * Decryption with a key per content. What is stored: nonce, ciphertext, tag.
 * Source: Kopia v0.23.1, repo/encryption.
 */
export interface ContentCipher {
  /**
   * Begins the decryption of one content or blob.
   * @param iv derives the key and is the associated data: the last 16 bytes of the hash.
   */
  start(nonce: Uint8Array, iv: Uint8Array): Decipher;
  /**
   * Decrypts what is there in one piece, at the cost of one copy.
   * @throws SealError (`too-short`, `not-authentic`)
   */
  open(sealed: Uint8Array, iv: Uint8Array): Buffer;
}

/** @throws RangeError for an unknown name. */
export function createContentCipher(encryption: string, masterKey: Uint8Array): ContentCipher {
  const begin = CIPHERS.get(encryption);
  if (begin === undefined) throw new RangeError(`no content encryption is named "${encryption}"`);
  // Kopia's purpose is the salt here, unlike in every other derivation.
  const base = hkdfSync('sha256', masterKey, 'encryption', '', KEY_BYTES);
  const keyOf = hmacSha256(new Uint8Array(base));
  // A key object: given a buffer, Node 24 takes 10 µs longer for each decipher.
  const start = (nonce: Uint8Array, iv: Uint8Array): Decipher =>
    begin(createSecretKey(keyOf(iv)), nonce, iv);
  return {
    start,
    open(sealed, iv) {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new SealError('too-short');
      const decipher = start(sealed.subarray(0, NONCE_BYTES), iv);
      const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
      endDecipher(decipher, sealed.subarray(-TAG_BYTES));
      return plain;
    },
  };
}

/**
 * HMAC with a key of 64 bytes at most, by its definition (RFC 2104). Node's own object costs twice
 * as much, which counts where contents are small: this runs once for each.
 */
function hmacSha256(key: Uint8Array): (message: Uint8Array) => Buffer {
  const [inner, outer] = [Buffer.alloc(64, 0x36), Buffer.alloc(64, 0x5c)];
  for (const [i, byte] of key.entries()) {
    inner.writeUInt8(0x36 ^ byte, i);
    outer.writeUInt8(0x5c ^ byte, i);
  }
  const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
  return (message) => sha256(outer, sha256(inner, message));
}

/** @throws SealError `not-authentic` */
export function endDecipher(decipher: Decipher, tag: Uint8Array): void {
  try {
    decipher.setAuthTag(tag).final();
  } catch (cause) {
    throw new SealError('not-authentic', { cause });
  }
}
