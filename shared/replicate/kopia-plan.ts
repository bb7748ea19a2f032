import {
  BLOB_CONFIG,
  FORMAT_BLOB,
  MAINTENANCE_BLOB,
  parseBlobName,
  VELERO_MARKER,
} from '../kopia/blob-names.ts';
import { activeIndexes } from '../kopia/indexes/active-indexes.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { isCopyOf } from './copy.ts';

/** An index-class blob: `id` is its key below the repository's prefix. */
export interface ListedIndex {
  readonly id: string;
  readonly lastModified: Date;
  readonly info: ObjectInfo;
}

/**
 * The order in which indexes are published (reference `kopia-repository.md` 8.5 P3, without the
 * password 8.8): epoch markers; what readers use, ascending; what is superseded; the indexes of the
 * format before epochs and then its logs; the deletion watermark last, since it hides entries.
 *
 * @param dataSessions sessions that wrote data packs. Of two blobs of the same second theirs goes
 *   first: Velero flushes the data of a volume and a moment later the manifest that names it. Where
 *   neither or both did, the larger goes first: an index of a manifest alone has a single entry.
 */
export function publicationOrder(
  indexes: readonly ListedIndex[],
  dataSessions: ReadonlySet<string>,
): readonly ListedIndex[] {
  const ordered = [...indexes].sort(
    (a, b) =>
      a.lastModified.getTime() - b.lastModified.getTime() ||
      rank(a.id, dataSessions) - rank(b.id, dataSessions) ||
      b.info.sizeBytes - a.info.sizeBytes ||
      (a.id < b.id ? -1 : 1),
  );
  const kinds = new Map(ordered.map((blob) => [blob, parseBlobName(blob.id).kind]));
  const of = (...wanted: string[]): ListedIndex[] =>
    ordered.filter((blob) => wanted.includes(kinds.get(blob) ?? ''));
  const active = activeIndexes(ordered);
  const isActive = new Set(active);
  const epochBlobs = of('index', 'epoch-compaction', 'range-checkpoint');
  return [
    ...of('epoch-marker'),
    ...active,
    ...epochBlobs.filter((blob) => !isActive.has(blob)),
    ...of('index-v0'),
    ...of('compaction-log'),
    ...of('compaction-cleanup'),
    ...of('deletion-watermark'),
  ];
}

function rank(id: string, dataSessions: ReadonlySet<string>): number {
  const name = parseBlobName(id);
  return name.kind === 'index' && dataSessions.has(name.set.id) ? 0 : 1;
}

/** The blobs of a repository that are overwritten, each as listed, absent where there is none. */
export interface MutableBlobs {
  readonly format?: ObjectInfo;
  readonly blobConfig?: ObjectInfo;
  readonly maintenance?: ObjectInfo;
  readonly veleroMarker?: ObjectInfo;
  /** The clear-text `n` blob of an upgraded repository that stops clients without epochs. */
  readonly poison?: ObjectInfo;
}

export const MUTABLE_IDS: Readonly<Record<Exclude<keyof MutableBlobs, 'poison'>, string>> = {
  format: FORMAT_BLOB,
  blobConfig: BLOB_CONFIG,
  maintenance: MAINTENANCE_BLOB,
  veleroMarker: VELERO_MARKER,
};

export type MutableStep =
  | { readonly kind: 'put'; readonly source: ObjectInfo; readonly isNew: boolean }
  | { readonly kind: 'remove'; readonly target: ObjectInfo };

/**
 * The steps that bring the mutable blobs over (reference 8.5 P4): every prefix of them opens, or
 * cannot be opened at all. A changed password rewrites both `kopia.blobcfg` and `kopia.repository`,
 * and a pair of different passwords opens for nobody: so the old `kopia.blobcfg` goes first, and
 * without one the repository opens by either password. On first seeding `kopia.repository` is the
 * last of Kopia's blobs; Velero's marker follows it.
 */
export function planMutable(source: MutableBlobs, target: MutableBlobs): readonly MutableStep[] {
  const put = (name: keyof MutableBlobs): MutableStep[] => {
    const info = source[name];
    if (info === undefined || isCopyOf(target[name], info)) return [];
    return [{ kind: 'put', source: info, isNew: target[name] === undefined }];
  };
  const removeConfig: MutableStep[] =
    target.blobConfig === undefined ? [] : [{ kind: 'remove', target: target.blobConfig }];
  const config = put('blobConfig');
  const format = put('format');
  const isOrphaned = source.blobConfig === undefined && target.blobConfig !== undefined;

  if (target.format === undefined) {
    // An interrupted seeding left it, nobody could open it, and its password may have changed since.
    const stale = isOrphaned ? removeConfig : [];
    return [
      ...stale,
      ...put('maintenance'),
      ...config,
      ...format,
      ...put('poison'),
      ...put('veleroMarker'),
    ];
  }
  // A source that lost its config alone is not followed: Kopia never removes it.
  const threeSteps = format.length > 0 && (config.length > 0 || isOrphaned);
  const core = threeSteps ? [...removeConfig, ...format, ...config] : [...format, ...config];
  return [...core, ...put('poison'), ...put('veleroMarker'), ...put('maintenance')];
}

/**
 * Whether format and blob config may belong to different passwords: Kopia rewrites the config
 * first, so that a config younger than the format is a change half done, unless it stays so.
 */
export function isHalfChanged(source: MutableBlobs, now: Date): boolean {
  const { format, blobConfig } = source;
  if (format === undefined || blobConfig === undefined) return false;
  const time = (info: ObjectInfo): number =>
    (info.source?.lastModified ?? info.lastModified).getTime();
  const isYounger = time(blobConfig) > time(format);
  return isYounger && now.getTime() - time(blobConfig) < SETTLED_AFTER_MS;
}

/** Two writes of one change follow each other within seconds; clocks differ by less than this. */
const SETTLED_AFTER_MS = 15 * 60_000;
