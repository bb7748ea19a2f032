import { createDecipheriv, hkdfSync, pbkdf2, type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { endDecipher, NONCE_BYTES, TAG_BYTES } from './content-cipher.ts';
import { SealError } from './seal-error.ts';

const KEY_BYTES = 32;
/** Kopia refuses shorter ones. */
export const SALT_BYTES_MIN = 16;
/** scrypt with these parameters works on 64 MiB and a little; Node allows 32 MiB by itself. */
const SCRYPT: ScryptOptions = { N: 65_536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 };

const scryptAsync = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);
const pbkdf2Async = promisify(pbkdf2);

export type PasswordDerivation = (password: string, salt: Uint8Array) => Promise<Buffer>;

const DERIVATIONS: ReadonlyMap<string, PasswordDerivation> = new Map<string, PasswordDerivation>([
  ['scrypt-65536-8-1', (password, salt) => scryptAsync(password, salt, KEY_BYTES, SCRYPT)],
  [
    'pbkdf2-sha256-600000',
    (password, salt) => pbkdf2Async(password, salt, 600_000, KEY_BYTES, 'sha256'),
  ],
]);

/**
 * How the password becomes the format key (32 bytes), by Kopia's name: some 0.2 s of CPU, in a
 * thread of Node's own. `undefined` for an unknown name, and for `testing-only-insecure`, which
 * only Kopia's test builds have. Source: Kopia v0.23.1, internal/crypto.
 */
export function passwordDerivation(name: string): PasswordDerivation | undefined {
  return DERIVATIONS.get(name);
}

/** HKDF-SHA256 as Kopia derives a key (32 bytes) from another. */
export function deriveKey(key: Uint8Array, salt: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, purpose, KEY_BYTES));
}

/**
 * Opens the format block or `kopia.blobcfg`; `salt` is the repository's unique id.
 * @throws SealError (`too-short`, `not-authentic`)
 */
export function openFormatBlock(
  formatKey: Uint8Array,
  salt: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  return openBlock(
    deriveKey(formatKey, salt, 'AES'),
    deriveKey(formatKey, salt, 'CHECKSUM'),
    sealed,
  );
}

/**
 * Opens nonce, AES-256-GCM ciphertext and tag.
 * @throws SealError (`too-short`, `not-authentic`)
 */
export function openBlock(key: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new SealError('too-short');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(associatedData);
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  endDecipher(decipher, sealed.subarray(-TAG_BYTES));
  return plain;
}
