import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { isStoreError } from '../../stores/store-error.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { ContentTable } from '../indexes/content-table.ts';
import { ContentDamage, type DamageReason } from './content-damage.ts';
import { CONTENT_SIZE_BYTES_MAX, openContent } from './open-content.ts';
import { packCache } from './pack-cache.ts';

/** A walk reads directories about in the order of their packs; beside a large index more is felt. */
const CACHE_SIZE_BYTES = 32 << 20;

/** Reads contents one at a time: manifests, directories, files. Many reads may be under way. */
export interface ContentReader {
  /**
   * The plaintext, re-hashed. Entries that are deleted and not yet forgotten can be read too.
   * @throws ContentDamage for what is wrong with the content or its pack.
   * @throws StoreError for what says nothing about it: denied, throttled, unreachable, …
   */
  read(contentId: string, options?: CallOptions): Promise<Buffer>;
}

export interface ContentReaderOptions {
  /** Of stored bytes that are kept, 64 MiB by default. Decrypted contents are never kept. */
  readonly cacheSizeBytes?: number;
  /** Sizes of packs that a listing has told; of any other the store is asked once. */
  readonly packSizes?: (packId: number) => number | undefined;
}

/** @param prefix of the repository: empty or with a trailing slash. */
export function contentReader(
  reader: ObjectReader,
  prefix: string,
  table: ContentTable,
  crypto: RepositoryCrypto,
  options: ContentReaderOptions = {},
): ContentReader {
  const cache = packCache(reader, options.cacheSizeBytes ?? CACHE_SIZE_BYTES);
  /** As far as they were asked for; `undefined` is proven absent. */
  const sizes = new Map<number, number | undefined>();

  async function sizeOf(packId: number, key: string, call?: CallOptions) {
    const known = options.packSizes?.(packId);
    if (known !== undefined || sizes.has(packId)) return known ?? sizes.get(packId);
    const sizeBytes = (await reader.stat(key, call))?.sizeBytes;
    sizes.set(packId, sizeBytes);
    return sizeBytes;
  }

  return {
    async read(contentId, call) {
      const position = table.find(contentId);
      if (position < 0) throw new ContentDamage(contentId, undefined, 'not-in-index');
      const entry = table.entry(position);
      const { packId, packBlob, packOffset, packedLength } = entry;
      const damage = (reason: DamageReason, cause?: unknown) =>
        new ContentDamage(contentId, packBlob, reason, { cause });
      if (packedLength > CONTENT_SIZE_BYTES_MAX) throw damage('too-large');
      if (packedLength < 1) throw damage('too-short');
      const key = `${prefix}${packBlob}`;
      const packSizeBytes = await sizeOf(packId, key, call);
      if (packSizeBytes === undefined) throw damage('pack-missing');
      if (packOffset + packedLength > packSizeBytes) throw damage('pack-too-short');
      const range = {
        packId,
        key,
        packSizeBytes,
        offsetBytes: packOffset,
        lengthBytes: packedLength,
      };
      let stored: Uint8Array;
      try {
        stored = await cache.read(range, call);
      } catch (error) {
        const reason = packDamage(error);
        throw reason === undefined ? error : damage(reason, error);
      }
      return openContent(crypto, entry, stored);
    },
  };
}

/** The store failures that are facts about the pack itself; all others say nothing about it. */
export function packDamage(error: unknown): DamageReason | undefined {
  if (isStoreError(error, 'not_found')) return 'pack-missing';
  if (isStoreError(error, 'range')) return 'pack-too-short';
  if (isStoreError(error, 'archived')) return 'archived';
  return undefined;
}
