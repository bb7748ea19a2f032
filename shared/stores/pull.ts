import { readCost } from './storage-class.ts';
import type {
  ByteRange,
  CallOptions,
  Checksums,
  ObjectInfo,
  ObjectReader,
  WriteOptions,
} from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';

/** Whether an object may take the short way, and by which checksum its bytes are proven there. */
export type PullDecision =
  | { readonly way: 'pull'; readonly proof: 'crc64nvme' | 'md5' }
  /** `reason` continues "is streamed: "; words only, nothing in it changes from run to run. */
  | { readonly way: 'stream'; readonly reason: string };

/** As of `ObjectStore.write`; the length and the checksums are those of the source. */
export type PullOptions = Pick<WriteOptions, 'condition' | 'source' | 'signal'>;

/**
 * Brings objects of one store to another by the shortest way that the two have. Means what
 * `ObjectStore.write` means: atomic, conditional, asked once (`repeating` repeats it), and an aborted
 * `signal` rejects with its reason. What a failed or killed pull of several parts has brought stays
 * at the target, invisible, and the next pull of the same version goes on behind it.
 */
export interface ServerCopy {
  /** `source` as `stat` of its store tells it: listings know no checksums. */
  canPull(source: ObjectInfo): PullDecision;
  /**
   * Nothing is visible before the bytes are proven to be `expected`; without a checksum that proves
   * them it throws `unsupported` and asks nobody. When the source is the reason of a failure, the
   * message names the source: `not_found`, `changed` when it is no longer this version, `denied` when
   * the target may not read it.
   * @param expected what the source's store vouches for, or the caller knows better.
   */
  pull(
    source: ObjectInfo,
    key: string,
    expected: Checksums,
    options?: PullOptions,
  ): Promise<ObjectInfo>;
}

/** Where a target reads by itself. */
export interface PullSource {
  readonly vendor: 's3' | 'blob';
  readonly reader: Pick<ObjectReader, 'url' | 'stat'>;
  /**
   * A URL by which anybody reads the object for some minutes: a secret, for the request that needs
   * it and nothing else (S9).
   */
  address(key: string, options?: CallOptions): Promise<string>;
}

/** How large an object may be for each proof. A CRC64 can be put together from those of parts. */
export interface PullLimits {
  readonly crc64nvmeBytesMax: number;
  readonly md5BytesMax: number;
}

export function decidePull(
  { sizeBytes, storageClass, checksums }: ObjectInfo,
  limits: PullLimits,
): PullDecision {
  if (readCost(storageClass) === 'archived') return stream('it lies in an archive tier');
  // The services refuse empty sources, and there is nothing to save.
  if (sizeBytes === 0) return stream('it is empty');
  const { crc64nvme, md5 } = checksums ?? {};
  if (crc64nvme !== undefined && sizeBytes <= limits.crc64nvmeBytesMax) {
    return { way: 'pull', proof: 'crc64nvme' };
  }
  if (md5 !== undefined && sizeBytes <= limits.md5BytesMax) return { way: 'pull', proof: 'md5' };
  if (crc64nvme === undefined && md5 === undefined) {
    return stream('its store vouches for neither CRC64NVME nor MD5 of the whole');
  }
  return stream('it is too large for what proves its bytes');
}

function stream(reason: string): PullDecision {
  return { way: 'stream', reason };
}

/** The proof that a pull relies on. Throws `unsupported` where there is none. */
export function requiredProof(url: string, decision: PullDecision): 'crc64nvme' | 'md5' {
  if (decision.way === 'pull') return decision.proof;
  const hint = 'Stream the object through write()';
  throw new StoreError('unsupported', `Cannot pull "${url}": ${decision.reason}`, { hint });
}

/** Failures that the source may be the reason of. */
const DOUBTFUL = ['not_found', 'changed', 'exists', 'corrupt', 'denied', 'unreachable'] as const;

/**
 * What a failed pull means, after a look at the source: services tell by the same codes what went
 * wrong at either end, and a 404 that they hand on proves nothing absent (S7).
 */
export async function judgedBySource(
  error: unknown,
  reader: PullSource['reader'],
  source: ObjectInfo,
  options: CallOptions,
): Promise<unknown> {
  if (options.signal?.aborted || !isStoreError(error, ...DOUBTFUL)) return error;
  const url = `${reader.url}/${source.key}`;
  try {
    const now = await reader.stat(source.key, options);
    if (now === undefined) {
      return new StoreError('not_found', `Cannot pull "${url}": there is no such object`);
    }
    if (now.etag === source.etag) return error;
    return new StoreError('changed', `Cannot pull "${url}": it is another version by now`);
  } catch (failure) {
    // Who cannot look has learned nothing; but that the source is denied explains more.
    return isStoreError(failure, 'denied') || options.signal?.aborted ? failure : error;
  }
}

const MEBIBYTE = 1024 * 1024;

/** Pieces of `pieceBytes`, larger in whole MiB where there would be more than `piecesMax`. */
export function piecesOf(sizeBytes: number, pieceBytes: number, piecesMax: number): ByteRange[] {
  const leastBytes = Math.ceil(sizeBytes / piecesMax / MEBIBYTE) * MEBIBYTE;
  const each = pieceBytes * piecesMax >= sizeBytes ? pieceBytes : leastBytes;
  return Array.from({ length: Math.ceil(sizeBytes / each) }, (_, at) => ({
    offsetBytes: at * each,
    lengthBytes: Math.min(each, sizeBytes - at * each),
  }));
}
