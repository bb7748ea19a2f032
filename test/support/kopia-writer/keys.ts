/**
 * Kopia's keys and seals, written a second time from the format reference (sections 2 and 3) and
 * with node:crypto alone beside the hashes: what `shared/kopia` reads was not sealed by its own code.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  pbkdf2Sync,
  scryptSync,
} from 'node:crypto';
import { createBLAKE2b, createBLAKE2s, createBLAKE3, type IHasher } from 'hash-wasm';
import type { RandomBytes } from './random.ts';

/** What a repository hashes and encrypts with. */
export interface Keys {
  readonly hash: string;
  /** Absent: the hash has no key. */
  readonly secret: Uint8Array | undefined;
  readonly encryption: string;
  readonly masterKey: Uint8Array;
}

export interface Seals {
  readonly digestBytes: number;
  digest(bytes: Uint8Array): Buffer;
  /** Encrypts for a content hash, which need not be the hash of the bytes. */
  seal(plain: Uint8Array, contentHash: Uint8Array): Buffer;
  /** Throws when the bytes are not authentic. */
  unseal(stored: Uint8Array, contentHash: Uint8Array): Buffer;
}

export type Kdf = 'scrypt-65536-8-1' | 'pbkdf2-sha256-600000';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const IV_BYTES = 16;

export async function createSeals(keys: Keys, random: RandomBytes): Promise<Seals> {
  const digest = await digester(keys.hash, keys.secret ?? new Uint8Array());
  const base = Buffer.from(hkdfSync('sha256', keys.masterKey, 'encryption', '', 32));
  const algorithm = keys.encryption.startsWith('CHACHA20') ? 'chacha20-poly1305' : 'aes-256-gcm';
  // Node handles a key object in a fraction of the time that it needs for the same bytes.
  const baseKey = createSecretKey(base);
  const keyOf = (iv: Uint8Array): KeyObject =>
    createSecretKey(createHmac('sha256', baseKey).update(iv).digest());
  return {
    digestBytes: digest(new Uint8Array()).length,
    digest,
    seal: (plain, contentHash) => {
      const iv = contentHash.subarray(-IV_BYTES);
      return sealWith(algorithm, keyOf(iv), iv, plain, random(NONCE_BYTES));
    },
    unseal: (stored, contentHash) => {
      const iv = contentHash.subarray(-IV_BYTES);
      return unsealWith(algorithm, keyOf(iv), iv, stored);
    },
  };
}

/** The hash bytes of an id that is written in hex after at most one letter. */
export function hashOfId(contentId: string): Buffer {
  return Buffer.from(contentId.length % 2 === 1 ? contentId.slice(1) : contentId, 'hex');
}

async function digester(name: string, key: Uint8Array): Promise<(bytes: Uint8Array) => Buffer> {
  const hmac = (algorithm: string, sizeBytes: number) => (bytes: Uint8Array) =>
    createHmac(algorithm, key).update(bytes).digest().subarray(0, sizeBytes);
  const wasm = (hasher: IHasher, sizeBytes: number) => (bytes: Uint8Array) =>
    Buffer.from(hasher.init().update(bytes).digest('binary').subarray(0, sizeBytes));
  switch (name) {
    case 'BLAKE2B-256-128':
      return wasm(await createBLAKE2b(256, key), 16);
    case 'BLAKE2B-256':
      return wasm(await createBLAKE2b(256, key), 32);
    case 'BLAKE2S-128':
      return wasm(await createBLAKE2s(128, key), 16);
    case 'BLAKE2S-256':
      return wasm(await createBLAKE2s(256, key), 32);
    case 'BLAKE3-256':
      return wasm(await createBLAKE3(256, key.length === 0 ? undefined : key), 32);
    case 'BLAKE3-256-128':
      return wasm(await createBLAKE3(256, key.length === 0 ? undefined : key), 16);
    case 'HMAC-SHA224':
      return hmac('sha224', 28);
    case 'HMAC-SHA256':
      return hmac('sha256', 32);
    case 'HMAC-SHA256-128':
      return hmac('sha256', 16);
    case 'HMAC-SHA3-224':
      return hmac('sha3-224', 28);
    case 'HMAC-SHA3-256':
      return hmac('sha3-256', 32);
    default:
      throw new Error(`cannot write a repository with hash "${name}"`);
  }
}

type Aead = 'aes-256-gcm' | 'chacha20-poly1305';

function cipherOf(algorithm: Aead, key: KeyObject | Uint8Array, nonce: Uint8Array) {
  if (algorithm === 'aes-256-gcm') return createCipheriv(algorithm, key, nonce);
  return createCipheriv(algorithm, key, nonce, { authTagLength: TAG_BYTES });
}

function sealWith(
  algorithm: Aead,
  key: KeyObject | Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
  nonce: Uint8Array,
): Buffer {
  const cipher = cipherOf(algorithm, key, nonce);
  cipher.setAAD(aad, { plaintextLength: plain.length });
  const body = [nonce, cipher.update(plain), cipher.final()];
  return Buffer.concat([...body, cipher.getAuthTag()]);
}

function unsealWith(
  algorithm: Aead,
  key: KeyObject | Uint8Array,
  aad: Uint8Array,
  stored: Uint8Array,
): Buffer {
  const nonce = stored.subarray(0, NONCE_BYTES);
  const body = stored.subarray(NONCE_BYTES, -TAG_BYTES);
  const decipher =
    algorithm === 'aes-256-gcm'
      ? createDecipheriv(algorithm, key, nonce)
      : createDecipheriv(algorithm, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad, { plaintextLength: body.length });
  decipher.setAuthTag(stored.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(body), decipher.final()]);
}

const formatKeys = new Map<string, Buffer>();

/**
 * The 32 bytes that open `kopia.repository` (reference 2.1). Derived once for each salt: it is slow
 * on purpose, and tests open the same repository over and over.
 */
export function formatKeyOf(kdf: string, password: string, uniqueId: Uint8Array): Buffer {
  const asked = JSON.stringify([kdf, password, Buffer.from(uniqueId).toString('hex')]);
  const key = formatKeys.get(asked) ?? deriveFormatKey(kdf, password, uniqueId);
  formatKeys.set(asked, key);
  return key;
}

function deriveFormatKey(kdf: string, password: string, uniqueId: Uint8Array): Buffer {
  if (kdf === 'scrypt-65536-8-1') {
    const cost = { N: 65536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 };
    return scryptSync(password, uniqueId, 32, cost);
  }
  if (kdf !== 'pbkdf2-sha256-600000') throw new Error(`cannot derive a key by "${kdf}"`);
  return pbkdf2Sync(password, uniqueId, 600_000, 32, 'sha256');
}

const purpose = (formatKey: Uint8Array, uniqueId: Uint8Array, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', formatKey, uniqueId, info, 32));

/** The layer of the encrypted part of `kopia.repository` and of `kopia.blobcfg` (reference 2.2). */
export function sealFormatBlock(
  plain: Uint8Array,
  formatKey: Uint8Array,
  uniqueId: Uint8Array,
  random: RandomBytes,
): Buffer {
  const [key, aad] = ['AES', 'CHECKSUM'].map((info) => purpose(formatKey, uniqueId, info));
  return sealWith('aes-256-gcm', key ?? plain, aad ?? plain, plain, random(NONCE_BYTES));
}

export function unsealFormatBlock(
  block: Uint8Array,
  formatKey: Uint8Array,
  uniqueId: Uint8Array,
): Buffer {
  const key = purpose(formatKey, uniqueId, 'AES');
  return unsealWith('aes-256-gcm', key, purpose(formatKey, uniqueId, 'CHECKSUM'), block);
}

/** `kopia.maintenance` (reference 2.4). */
export function sealMaintenance(
  plain: Uint8Array,
  masterKey: Uint8Array,
  uniqueId: Uint8Array,
  random: RandomBytes,
): Buffer {
  const key = purpose(masterKey, uniqueId, 'maintenance schedule');
  return sealWith('aes-256-gcm', key, Buffer.from('maintenance'), plain, random(NONCE_BYTES));
}
