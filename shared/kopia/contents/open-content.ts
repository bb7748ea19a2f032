import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import { SealError } from '../crypto/seal-error.ts';
import type { ContentEntry } from '../indexes/content-table.ts';
import {
  COMPRESSION_HEADER_BYTES,
  compressionHeader,
  DecompressionError,
  decompress,
} from './compression.ts';
import { ContentDamage, type DamageReason } from './content-damage.ts';

/**
 * Longest stored and longest original content that is held: Kopia's packs end at 120 MiB, its
 * splitters at 16 MiB; only a manifest content with tens of thousands of entries comes near.
 */
export const CONTENT_SIZE_BYTES_MAX = 128 << 20;

/** What the index says of a content, as far as opening it goes. */
export type ContentFacts = Pick<
  ContentEntry,
  'id' | 'packBlob' | 'originalLength' | 'compression' | 'encryptionKeyId'
>;

/** The plaintext, or why there is none: failures are ordinary here and carry no stack. */
export type OpenedContent = Buffer | DamageReason;

/**
 * Decrypts, decompresses and re-hashes one stored content.
 * @param stored what the pack holds at the entry's place.
 * @throws ContentDamage
 */
export function openContent(
  crypto: RepositoryCrypto,
  entry: ContentFacts,
  stored: Uint8Array,
): Buffer {
  const { id, packBlob, encryptionKeyId, compression, originalLength } = entry;
  const opened =
    encryptionKeyId === 0
      ? openStored(crypto, stored, contentHashOf(id), compression, originalLength)
      : 'encryption-key-unknown';
  if (typeof opened === 'string') throw new ContentDamage(id, packBlob, opened);
  return opened;
}

/** The hash in a content id: its hex digits, without the letter in front. */
export function contentHashOf(contentId: string): Buffer {
  return Buffer.from(contentId.slice(contentId.length % 2), 'hex');
}

/**
 * The same for bulk work, without an object per content. Kopia itself stops after decryption: that
 * the plaintext has the hash of the id nothing but this re-hash proves.
 * Source: Kopia v0.23.1, repo/content/committed_read_manager.go.
 */
export function openStored(
  crypto: RepositoryCrypto,
  stored: Uint8Array,
  contentHash: Uint8Array,
  compression: number,
  originalLength: number,
): OpenedContent {
  if (stored.length > CONTENT_SIZE_BYTES_MAX) return 'too-large';
  let content: Buffer;
  try {
    content = crypto.open(stored, contentHash);
    if (compression !== 0) {
      if (compressionHeader(content) !== compression) return 'header-mismatch';
      if (originalLength > CONTENT_SIZE_BYTES_MAX) return 'too-large';
      content = decompress(compression, content.subarray(COMPRESSION_HEADER_BYTES), originalLength);
    }
  } catch (error) {
    if (error instanceof SealError || error instanceof DecompressionError) return error.reason;
    throw error;
  }
  if (content.length !== originalLength) return 'length-mismatch';
  return Buffer.compare(crypto.hash.digest(content), contentHash) === 0 ? content : 'hash-mismatch';
}
