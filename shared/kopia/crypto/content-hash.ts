import { createHmac, createSecretKey } from 'node:crypto';
import { createBLAKE2b, createBLAKE2s, createBLAKE3, type IHasher } from 'hash-wasm';
import { blake3DeriveKey } from './blake3-derive.ts';

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

interface HashKind {
  readonly family: 'blake2b' | 'blake2s' | 'blake3' | 'sha224' | 'sha256' | 'sha3-224' | 'sha3-256';
  /** What the function itself yields; for BLAKE2 a parameter that changes every bit. */
  readonly ownBytes: number;
  readonly digestBytes: number;
  readonly secretBytesMin?: number;
  readonly secretBytesMax?: number;
}

/** BLAKE2 limits the key; Go's BLAKE2s with 16 bytes refuses to go without. */
const HASHES: ReadonlyMap<string, HashKind> = new Map([
  ['BLAKE2B-256-128', { family: 'blake2b', ownBytes: 32, digestBytes: 16, secretBytesMax: 64 }],
  ['BLAKE2B-256', { family: 'blake2b', ownBytes: 32, digestBytes: 32, secretBytesMax: 64 }],
  [
    'BLAKE2S-128',
    { family: 'blake2s', ownBytes: 16, digestBytes: 16, secretBytesMin: 1, secretBytesMax: 32 },
  ],
  ['BLAKE2S-256', { family: 'blake2s', ownBytes: 32, digestBytes: 32, secretBytesMax: 32 }],
  ['BLAKE3-256', { family: 'blake3', ownBytes: 32, digestBytes: 32 }],
  ['BLAKE3-256-128', { family: 'blake3', ownBytes: 32, digestBytes: 16 }],
  ['HMAC-SHA256', { family: 'sha256', ownBytes: 32, digestBytes: 32 }],
  ['HMAC-SHA256-128', { family: 'sha256', ownBytes: 32, digestBytes: 16 }],
  ['HMAC-SHA224', { family: 'sha224', ownBytes: 28, digestBytes: 28 }],
  ['HMAC-SHA3-224', { family: 'sha3-224', ownBytes: 28, digestBytes: 28 }],
  ['HMAC-SHA3-256', { family: 'sha3-256', ownBytes: 32, digestBytes: 32 }],
] satisfies [string, HashKind][]);

const BLAKE3_KEY_BYTES = 32;
const BLAKE3_CONTEXT = 'kopia blake3 derived key v1';

/** Bytes of a hash by Kopia's name; `undefined` for a name that Kopia v0.23.1 does not know. */
export function digestBytesOf(name: string): number | undefined {
  return HASHES.get(name)?.digestBytes;
}

/** Whether Kopia would take a secret of this length (0: none) for this hash. */
export function takesSecret(name: string, secretBytes: number): boolean {
  const { secretBytesMin = 0, secretBytesMax = Number.POSITIVE_INFINITY } = HASHES.get(name) ?? {};
  return secretBytes >= secretBytesMin && secretBytes <= secretBytesMax;
}

/**
 * @param secret the key; absent is the empty one.
 * @throws RangeError for an unknown name, or a secret that this hash cannot have.
 */
export async function createContentHash(
  name: string,
  secret: Uint8Array = new Uint8Array(),
): Promise<ContentHash> {
  const kind = HASHES.get(name);
  if (kind === undefined) throw new RangeError(`no content hash is named "${name}"`);
  if (!takesSecret(name, secret.length)) {
    throw new RangeError(`"${name}" takes no secret of ${secret.length} bytes`);
  }
  const { family, ownBytes, digestBytes } = kind;
  const key = secret.length > 0 ? secret : undefined;
  switch (family) {
    case 'blake2b':
      return sharing(name, digestBytes, await createBLAKE2b(8 * ownBytes, key));
    case 'blake2s':
      return sharing(name, digestBytes, await createBLAKE2s(8 * ownBytes, key));
    case 'blake3':
      return sharing(name, digestBytes, await createBLAKE3(8 * ownBytes, blake3Key(secret)));
    default:
      return hmac(name, digestBytes, family, secret);
  }
}

/** BLAKE3 is never without a key: even an absent secret is stretched to one. */
function blake3Key(secret: Uint8Array): Uint8Array {
  if (secret.length >= BLAKE3_KEY_BYTES) return secret.subarray(0, BLAKE3_KEY_BYTES);
  return blake3DeriveKey(BLAKE3_CONTEXT, secret);
}

/**
 * One WebAssembly instance for any number of hashes: creating one is asynchronous and takes memory,
 * while parking a running state and taking it up again costs a copy of less than 2 KiB.
 */
function sharing(name: string, digestBytes: number, hasher: IHasher): ContentHash {
  // Weak: who gives up on a hash says nothing.
  const parked = new WeakMap<RunningHash, Uint8Array>();
  let loaded: RunningHash | undefined;
  const park = (): void => {
    if (loaded !== undefined) parked.set(loaded, hasher.save());
    loaded = undefined;
  };
  const take = (running: RunningHash): void => {
    if (loaded === running) return;
    park();
    const state = parked.get(running);
    if (state === undefined) hasher.init();
    else hasher.load(state);
    parked.delete(running);
    loaded = running;
  };
  const finish = (): Uint8Array => hasher.digest('binary').subarray(0, digestBytes);
  return {
    name,
    digestBytes,
    digest(bytes) {
      park();
      hasher.init().update(bytes);
      return finish();
    },
    start() {
      const running: RunningHash = {
        update(bytes) {
          take(running);
          hasher.update(bytes);
        },
        digest() {
          take(running);
          loaded = undefined;
          return finish();
        },
      };
      return running;
    },
  };
}

function hmac(name: string, digestBytes: number, hash: string, secret: Uint8Array): ContentHash {
  // As a key object: Node 24 takes 10 µs longer each time when the key is a buffer.
  const key = createSecretKey(secret);
  return {
    name,
    digestBytes,
    digest: (bytes) => createHmac(hash, key).update(bytes).digest().subarray(0, digestBytes),
    start() {
      const running = createHmac(hash, key);
      return {
        update: (bytes) => void running.update(bytes),
        digest: () => running.digest().subarray(0, digestBytes),
      };
    },
  };
}
