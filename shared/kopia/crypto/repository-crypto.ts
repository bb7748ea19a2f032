import {
  type ContentCipher,
  createContentCipher,
  endDecipher,
  NONCE_BYTES,
  TAG_BYTES,
} from './content-cipher.ts';
import { type ContentHash, createContentHash } from './content-hash.ts';
import { eccShape, stripParity } from './error-correction.ts';
import { SealError } from './seal-error.ts';

/** Everything that opens contents. Plain data: it can be sent to a worker thread. Secret. */
export interface CryptoSpec {
  /** Kopia's name of the content hash. */
  readonly hash: string;
  /** Key of the content hash; absent: unkeyed. */
  readonly secret?: Uint8Array;
  /** Kopia's name of the content encryption. */
  readonly encryption: string;
  /** What the keys of all contents are derived from. */
  readonly masterKey: Uint8Array;
  /** 1 to 100; 0 = none. */
  readonly eccOverheadPercent: number;
}

/** Opens what a repository's writers sealed. Holds keys; never prints them. */
export interface RepositoryCrypto {
  readonly spec: CryptoSpec;
  readonly hash: ContentHash;
  /**
   * Undoes error correction and encryption of one stored content (or pack-local index), not its
   * compression. Does not hash: that needs the decompressed bytes.
   * @param contentHash all bytes of the hash in the content's id.
   * @throws SealError
   */
  open(stored: Uint8Array, contentHash: Uint8Array): Buffer;
  /**
   * Streams the plaintext of a blob that is encrypted as a whole (`n`, `m`, `l`, `x` indexes, `s`,
   * `_log_`); key and nonce come from its id. Never holds the whole, unless the repository has
   * error correction: then at most 256 MiB. Consumers must not trust a byte before the end.
   * Source: Kopia v0.23.1, internal/blobcrypto; that Kopia never compares the hash is our gain.
   * @throws SealError at the end when the tag, or the hash against the name, does not match.
   */
  openBlob(blobId: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer>;
  /**
   * The same for a small blob, in one piece, checked.
   * @param sizeBytesMax most bytes of plaintext that are held.
   * @throws SealError, `too-large` when there are more.
   */
  readBlob(blobId: string, body: AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<Buffer>;
}

/** Of a content's or blob's hash, what its key is derived with: the last bytes. */
const IV_BYTES = 16;
/** Such repositories are rare, Velero makes none; an index of 5 M contents fits. */
const ECC_BLOB_SIZE_BYTES_MAX = 256 * 1024 * 1024;

/** @throws RangeError for algorithms that are unknown, which `openFormat` refuses. */
export async function createRepositoryCrypto(spec: CryptoSpec): Promise<RepositoryCrypto> {
  const hash = await createContentHash(spec.hash, spec.secret);
  const cipher = createContentCipher(spec.encryption, spec.masterKey);
  const shape = spec.eccOverheadPercent > 0 ? eccShape(spec.eccOverheadPercent) : undefined;

  async function* openBlob(blobId: string, body: AsyncIterable<Uint8Array>) {
    const expected = hashInName(blobId, hash.digestBytes);
    const running = hash.start();
    const sealed = shape === undefined ? body : corrected(body);
    for await (const piece of decrypted(cipher, expected.subarray(-IV_BYTES), sealed)) {
      running.update(piece);
      yield piece;
    }
    if (expected.compare(running.digest()) !== 0) throw new SealError('hash-mismatch');
  }

  async function* corrected(body: AsyncIterable<Uint8Array>) {
    const stored = await collectAtMost(body, ECC_BLOB_SIZE_BYTES_MAX);
    yield shape === undefined ? stored : stripParity(stored, shape);
  }

  return {
    spec,
    hash,
    open(stored, contentHash) {
      const sealed = shape === undefined ? stored : stripParity(stored, shape);
      return cipher.open(sealed, contentHash.subarray(-IV_BYTES));
    },
    openBlob,
    readBlob: (blobId, body, sizeBytesMax) => collectAtMost(openBlob(blobId, body), sizeBytesMax),
  };
}

/**
 * The hash that a blob's id promises: the hex digits before its first `-`.
 * @throws SealError `hash-mismatch` when there are none.
 */
function hashInName(blobId: string, digestBytes: number): Buffer {
  const [stem = ''] = blobId.split('-', 1);
  const hex = stem.slice(-2 * digestBytes);
  const hash = Buffer.from(hex, 'hex');
  if (hash.length !== digestBytes) throw new SealError('hash-mismatch');
  return hash;
}

/** Holds back what may be the tag, so that the last bytes never count as ciphertext. */
async function* decrypted(
  cipher: ContentCipher,
  iv: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let held: Uint8Array = new Uint8Array();
  let decipher: ReturnType<ContentCipher['start']> | undefined;
  for await (const piece of body) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    if (decipher === undefined) {
      if (held.length < NONCE_BYTES + TAG_BYTES) {
        held = Buffer.from(held);
        continue;
      }
      decipher = cipher.start(held.subarray(0, NONCE_BYTES), iv);
      held = held.subarray(NONCE_BYTES);
    }
    // A tag's worth is always there: so much was held back before.
    const plain = decipher.update(held.subarray(0, -TAG_BYTES));
    held = Buffer.from(held.subarray(-TAG_BYTES));
    if (plain.length > 0) yield plain;
  }
  if (decipher === undefined) throw new SealError('too-short');
  endDecipher(decipher, held);
}

async function collectAtMost(
  body: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of body) {
    sizeBytes += piece.length;
    if (sizeBytes > sizeBytesMax) throw new SealError('too-large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces, sizeBytes);
}
