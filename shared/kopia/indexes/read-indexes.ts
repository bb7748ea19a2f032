import { forEachLimited } from '../../model/limited.ts';
import type { ObjectReader } from '../../stores/store.ts';
import { isStoreError } from '../../stores/store-error.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import { SealError } from '../crypto/seal-error.ts';
import type { EntryRows } from './entry-rows.ts';
import type { IndexInfo } from './find-indexes.ts';
import { IndexDamage } from './index-damage.ts';
import { IndexDecoder } from './index-decoder.ts';

/** Of blobs with error correction, which are opened in one piece. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** Of others under way at once: what streams by is garbage for a while, beside a large table. */
const STREAMED_BYTES_MAX = 12 * 1024 * 1024;

/** Where index blobs are read from, and which of their entries are wanted. */
export interface IndexSource {
  readonly reader: ObjectReader;
  readonly prefix: string;
  readonly crypto: RepositoryCrypto;
  readonly keep: (bucket: number) => boolean;
  readonly signal?: AbortSignal;
  readonly concurrency: number;
}

/** How the reading of one blob ended when not well. */
export interface BlobFailure {
  readonly blob: IndexInfo;
  readonly kind: 'vanished' | 'unreadable' | 'foreign-key-length';
  readonly reason: string;
}

/**
 * Reads index blobs into `rows`, several at once and each piece by piece. Damage is answered, store
 * errors other than `not_found` are thrown.
 * @param onBlob called with each blob that was read well, with its number in `rows`.
 */
export async function readIndexes(
  source: IndexSource,
  rows: EntryRows,
  blobs: readonly IndexInfo[],
  onBlob: (blob: IndexInfo, number: number) => void = () => {},
): Promise<readonly BlobFailure[]> {
  const failures: BlobFailure[] = [];
  const stop = new AbortController();
  const signal = source.signal ? AbortSignal.any([source.signal, stop.signal]) : stop.signal;
  // Large ones first, so that no long one is left for the end.
  const ordered = [...blobs].sort((a, b) => b.sizeBytes - a.sizeBytes);
  const isHeldWhole = source.crypto.spec.eccOverheadPercent > 0;
  await forEachLimited(
    ordered,
    {
      concurrency: source.concurrency,
      weightMax: isHeldWhole ? HELD_BYTES_MAX : STREAMED_BYTES_MAX,
    },
    (blob) => blob.sizeBytes,
    async (blob) => {
      try {
        onBlob(blob, await readIndex(source, rows, blob, signal));
      } catch (error) {
        const failure = failureOf(error, blob);
        if (failure !== undefined) failures.push(failure);
        else {
          stop.abort(error);
          throw error;
        }
      }
    },
  );
  return failures;
}

async function readIndex(
  { reader, prefix, crypto, keep }: IndexSource,
  rows: EntryRows,
  blob: IndexInfo,
  signal: AbortSignal,
): Promise<number> {
  const { body } = await reader.read(`${prefix}${blob.id}`, { signal });
  const decoder = new IndexDecoder(rows, blob.sizeBytes, keep);
  for await (const piece of crypto.openBlob(blob.id, body)) decoder.push(piece);
  decoder.finish();
  return decoder.blob;
}

function failureOf(error: unknown, blob: IndexInfo): BlobFailure | undefined {
  if (isStoreError(error, 'not_found')) {
    return { blob, kind: 'vanished', reason: 'was listed and is gone' };
  }
  if (error instanceof IndexDamage) return { blob, kind: error.kind, reason: error.message };
  if (error instanceof SealError || isStoreError(error, 'corrupt')) {
    return { blob, kind: 'unreadable', reason: error.message };
  }
  return undefined;
}
