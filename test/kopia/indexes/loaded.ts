/** Repositories that tests write, and their indexes as they are read. */
import { createRepositoryCrypto } from '../../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import type { RepositoryFormat } from '../../../shared/kopia/format/repository-format.ts';
import { loadIndexes } from '../../../shared/kopia/indexes/load-indexes.ts';
import type { LoadedIndexes, LoadOptions } from '../../../shared/kopia/indexes/loaded-indexes.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import type { IndexEntry } from '../../support/kopia-index-writer.ts';
import type { KopiaWorld } from '../../support/kopia-writer/world.ts';

export const idOf = (name: string | number): string => `${name}`.padStart(32, '0');

export function entry(name: string | number, change: Partial<IndexEntry> = {}): IndexEntry {
  return {
    id: idOf(name),
    packBlob: `p${'a'.repeat(32)}`,
    packOffset: 32,
    packedLength: 128,
    originalLength: 100,
    timeSeconds: 1000,
    deleted: false,
    formatVersion: 3,
    compression: 0,
    encryptionKeyId: 0,
    ...change,
  };
}

/** Worlds of one seed have the same format, and to open it takes a tenth of a second. */
const formats = new Map<string, Promise<RepositoryFormat>>();

/** What a test did to a repository, opened and read. */
export async function load(
  world: KopiaWorld,
  options: LoadOptions = {},
  wrap: (reader: ObjectReader) => ObjectReader = (reader) => reader,
): Promise<LoadedIndexes> {
  const store = await world.store();
  const formatBlob = world.blobs.get('kopia.repository')?.bytes.toString('hex') ?? '';
  const opened = formats.get(formatBlob) ?? openFormat(store, world.prefix, world.password);
  formats.set(formatBlob, opened);
  const format = await opened;
  return loadIndexes(wrap(store), format, await createRepositoryCrypto(format.cryptoSpec), options);
}

export const idsOf = ({ contents }: LoadedIndexes): readonly string[] =>
  [...contents.positions()].map((position) => contents.idOf(position));
export const ids = (...names: readonly (string | number)[]): readonly string[] =>
  names.map(idOf).sort();
