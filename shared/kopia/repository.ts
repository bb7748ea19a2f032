import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { FORMAT_BLOB } from './blob-names.ts';
import { type ContentReader, contentReader } from './contents/content-reader.ts';
import { createRepositoryCrypto, type RepositoryCrypto } from './crypto/repository-crypto.ts';
import { openFormat } from './format/open-format.ts';
import type { RepositoryFormat } from './format/repository-format.ts';
import { loadIndexes } from './indexes/load-indexes.ts';
import type { LoadedIndexes, LoadOptions } from './indexes/loaded-indexes.ts';
import { loadManifests, type Manifests } from './manifests/manifests.ts';
import { type Snapshots, snapshotsOf } from './manifests/snapshots.ts';

/** An opened repository: what it holds is known, its trees and files can be read. Holds keys. */
export interface Repository {
  readonly format: RepositoryFormat;
  readonly crypto: RepositoryCrypto;
  /** With the problems of the index. */
  readonly indexes: LoadedIndexes;
  readonly contents: ContentReader;
  /** With those that were lost. */
  readonly manifests: Manifests;
  /** With those that cannot be understood. */
  readonly snapshots: Snapshots;
}

export interface OpenOptions extends CallOptions {
  /** Which part of the index to load, and within which memory. */
  readonly indexes?: Omit<LoadOptions, 'onProgress' | 'signal'>;
  /** Blobs or contents read, of how many. */
  readonly onProgress?: (stage: 'indexes' | 'manifests', done: number, all: number) => void;
}

/**
 * Opens the repository below `prefix` (empty, or with a trailing slash): its format, its indexes,
 * its manifests. Kopia refuses to open a repository of which one index blob or one manifest content
 * is damaged; here each such loss is a problem of the part that has it, and the rest is read.
 * @throws DrydockError as `openFormat` does, and when the index is beyond the memory allowed;
 * StoreErrors as they are.
 */
export async function openRepository(
  reader: ObjectReader,
  prefix: string,
  password: string,
  options: OpenOptions = {},
): Promise<Repository> {
  const { signal, onProgress } = options;
  const call: CallOptions = { ...(signal && { signal }) };
  const format = await openFormat(reader, prefix, password, call);
  const crypto = await createRepositoryCrypto(format.cryptoSpec);
  const indexes = await loadIndexes(reader, format, crypto, {
    ...options.indexes,
    ...call,
    onProgress: (done, all) => onProgress?.('indexes', done, all),
  });
  const contents = contentReader(reader, prefix, indexes.contents, crypto);
  const manifests = await loadManifests(indexes.contents, contents, {
    ...call,
    onProgress: (done, all) => onProgress?.('manifests', done, all),
  });
  return { format, crypto, indexes, contents, manifests, snapshots: snapshotsOf(manifests) };
}

/** Where Velero keeps a repository per namespace. Source: velero v1.18, pkg/repository/provider. */
const VELERO_FOLDER = 'kopia/';

/**
 * Prefixes of the repositories at a place: the place itself when it has a `kopia.repository`, else
 * each folder below `kopia/`, as at the root of a backup storage location, whether or not that one
 * is whole. Where there is neither it is the place itself too: opening it tells what is wrong
 * (`NOT_A_REPOSITORY`, `KOPIA_HALF_SEEDED`).
 * @param rootPrefix empty, or with a trailing slash.
 */
export async function listRepositories(
  reader: ObjectReader,
  rootPrefix: string,
  options: CallOptions = {},
): Promise<readonly string[]> {
  const format = await reader.stat(`${rootPrefix}${FORMAT_BLOB}`, options);
  if (format !== undefined) return [rootPrefix];
  const below = `${rootPrefix}${VELERO_FOLDER}`;
  const prefixes: string[] = [];
  for await (const folder of reader.listDirectories(below, options)) {
    prefixes.push(`${below}${folder}`);
  }
  return prefixes.length > 0 ? prefixes : [rootPrefix];
}
