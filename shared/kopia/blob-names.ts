/**
 * The names of a Kopia repository's blobs. Source: Kopia v0.23.1, repo/content, internal/epoch,
 * repo/format, internal/repodiag, and Velero v1.18 for `udmrepo.Repository`.
 */
export type BlobName =
  /** `p` data and `q` metadata packs: immutable, named at random. */
  | { readonly kind: 'pack'; readonly metadata: boolean; readonly session?: string }
  /** `n`: an index of the format before epochs. */
  | { readonly kind: 'index-v0' }
  /** `m`: which `n` blobs were compacted into which. */
  | { readonly kind: 'compaction-log' }
  /** `l`: which compaction logs may go. */
  | { readonly kind: 'compaction-cleanup' }
  /** `n000…`: stops clients that know no epochs from opening an upgraded repository. */
  | { readonly kind: 'poison' }
  /** `xe`: the epoch has begun. */
  | { readonly kind: 'epoch-marker'; readonly epoch: number }
  /** `xn`: an index as a writer flushed it. */
  | { readonly kind: 'index'; readonly epoch: number; readonly set: BlobSet }
  /** `xs`: all indexes of one settled epoch. */
  | { readonly kind: 'epoch-compaction'; readonly epoch: number; readonly set: BlobSet }
  /** `xr`: all indexes of a range of epochs. */
  | {
      readonly kind: 'range-checkpoint';
      readonly first: number;
      readonly last: number;
      readonly set: BlobSet;
    }
  /** `xw`: deleted entries up to this time (unix seconds) are gone for good. */
  | { readonly kind: 'deletion-watermark'; readonly unixSeconds: number }
  /** `kopia.repository`: whoever has it can open the repository. */
  | { readonly kind: 'format' }
  | { readonly kind: 'blob-config' }
  | { readonly kind: 'maintenance' }
  | { readonly kind: 'upgrade-backup' }
  /** `udmrepo.Repository`: Velero's mark (since 1.18) that it made this repository. */
  | { readonly kind: 'velero-marker' }
  | { readonly kind: 'session' }
  | { readonly kind: 'log' }
  | { readonly kind: 'provider-test' }
  | { readonly kind: 'storage-config' }
  /** `.shards`: the folder is laid out by Kopia's sharding, not flat as in a bucket. */
  | { readonly kind: 'shards' }
  /** Nothing that we know; never copied, never deletable. */
  | { readonly kind: 'unknown' };

/** Blobs written together share an id; the set is whole when all `size` of them are there. */
export interface BlobSet {
  readonly id: string;
  readonly size: number;
}

export const FORMAT_BLOB = 'kopia.repository';
export const BLOB_CONFIG = 'kopia.blobcfg';
export const MAINTENANCE_BLOB = 'kopia.maintenance';
export const VELERO_MARKER = 'udmrepo.Repository';
export const SHARDS_FILE = '.shards';

/** First letters of the blobs that make up the index; a listing per letter leaves the packs out. */
export const INDEX_PREFIXES = ['l', 'm', 'n', 'x'] as const;
export const PACK_PREFIXES = ['p', 'q'] as const;

const FIXED: Readonly<Record<string, BlobName>> = {
  [FORMAT_BLOB]: { kind: 'format' },
  [BLOB_CONFIG]: { kind: 'blob-config' },
  [MAINTENANCE_BLOB]: { kind: 'maintenance' },
  [VELERO_MARKER]: { kind: 'velero-marker' },
  '.storageconfig': { kind: 'storage-config' },
  [SHARDS_FILE]: { kind: 'shards' },
};

const PACK = /^([pq])[0-9a-f]{32}(?:-(s[0-9a-f]+))?$/;
const INDEX_V0 = /^n(?:[0-9a-f]{32}|[0-9a-f]{56}|[0-9a-f]{64})(?:-s[0-9a-f]+)?$/;
const POISON = /^n0{32}-repository_unreadable_by_this_kopia_version_upgrade_required$/;
const EPOCH_MARKER = /^xe(\d+)$/;
const WATERMARK = /^xw(\d+)$/;
const INDEX = /^xn(\d+)_[0-9a-f]+-(s[0-9a-f]+)-c(\d+)$/;
const EPOCH_COMPACTION = /^xs(\d+)_[0-9a-f]+-(s[0-9a-f]+)-c(\d+)$/;
const RANGE = /^xr(\d+)_(\d+)_[0-9a-f]+-(s[0-9a-f]+)-c(\d+)$/;

/** Says what a blob is by its id (its key below the repository's prefix). Never throws. */
export function parseBlobName(id: string): BlobName {
  const fixed = Object.hasOwn(FIXED, id) ? FIXED[id] : undefined;
  if (fixed !== undefined) return fixed;
  const pack = PACK.exec(id);
  if (pack)
    return { kind: 'pack', metadata: pack[1] === 'q', ...(pack[2] && { session: pack[2] }) };
  if (POISON.test(id)) return { kind: 'poison' };
  if (INDEX_V0.test(id)) return { kind: 'index-v0' };
  if (/^m[0-9a-f]{32,64}(-s[0-9a-f]+)?$/.test(id)) return { kind: 'compaction-log' };
  if (/^l[0-9a-f]{32,64}(-s[0-9a-f]+)?$/.test(id)) return { kind: 'compaction-cleanup' };
  if (id.startsWith('x')) return parseEpochName(id);
  if (/^s[0-9a-f]{32,64}-s[0-9a-f]+$/.test(id)) return { kind: 'session' };
  if (id.startsWith('_log_')) return { kind: 'log' };
  if (id.startsWith('kopia.repository.backup.')) return { kind: 'upgrade-backup' };
  if (/^z[0-9a-f-]{36}/.test(id)) return { kind: 'provider-test' };
  return { kind: 'unknown' };
}

function parseEpochName(id: string): BlobName {
  const marker = EPOCH_MARKER.exec(id);
  if (marker) return { kind: 'epoch-marker', epoch: Number(marker[1]) };
  const watermark = WATERMARK.exec(id);
  if (watermark) return { kind: 'deletion-watermark', unixSeconds: Number(watermark[1]) };
  const index = INDEX.exec(id);
  if (index) return { kind: 'index', epoch: Number(index[1]), set: setOf(index[2], index[3]) };
  const compaction = EPOCH_COMPACTION.exec(id);
  if (compaction) {
    const [, epoch, set, size] = compaction;
    return { kind: 'epoch-compaction', epoch: Number(epoch), set: setOf(set, size) };
  }
  const range = RANGE.exec(id);
  if (range) {
    const [, first, last, set, size] = range;
    return {
      kind: 'range-checkpoint',
      first: Number(first),
      last: Number(last),
      set: setOf(set, size),
    };
  }
  return { kind: 'unknown' };
}

function setOf(id: string | undefined, size: string | undefined): BlobSet {
  return { id: id ?? '', size: Number(size) };
}
