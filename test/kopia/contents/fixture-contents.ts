/** Repositories of the fixtures with what the real tool says about their contents. */
import {
  type CryptoSpec,
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../../shared/kopia/crypto/repository-crypto.ts';
import type { ContentEntry, ContentTable } from '../../../shared/kopia/indexes/content-table.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { systemClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';
import { keysOf, unsealFormat } from '../../support/kopia-writer/format.ts';

/** A row of `kopia content list --json`. */
export interface ListedContent {
  contentID: string;
  packFile: string;
  packOffset: number;
  length: number;
  originalLength: number;
  compression?: number;
  deleted: boolean;
  time: number;
  formatVersion: number;
}

export interface RepositoryContents {
  readonly prefix: string;
  readonly store: ObjectStore;
  readonly spec: CryptoSpec;
  readonly crypto: RepositoryCrypto;
  /** As a current release lists them, deleted ones too. */
  readonly listed: readonly ListedContent[];
  readonly table: ContentTable;
}

/** The repositories of a fixture that a release can list. */
export async function repositoriesOf(name: string): Promise<RepositoryContents[]> {
  const fixture = await loadFixture(name);
  const store = await fixtureInMemory(fixture, systemClock);
  const opened: RepositoryContents[] = [];
  for (const { prefix, password, readers } of fixture.meta.repositories) {
    // Old releases leave out what tables have today.
    const reader = readers.find(({ version }) => version === '0.23.1') ?? readers.at(-1);
    if (reader === undefined) continue;
    const listed = fixture.answer(reader.answers, 'contents') as ListedContent[];
    const blob = fixture.objects.find(({ key }) => key === `${prefix}kopia.repository`);
    if (blob === undefined) throw new Error(`there is no format blob in "${name}"`);
    const format = unsealFormat(await blob.bytes(), password);
    const { secret, ...keys } = keysOf(format);
    const eccOverheadPercent = Number(format.config['eccOverheadPercent'] ?? 0);
    const spec: CryptoSpec = { ...keys, ...(secret && { secret }), eccOverheadPercent };
    const crypto = await createRepositoryCrypto(spec);
    opened.push({ prefix, store, spec, crypto, listed, table: tableOf(listed) });
  }
  return opened;
}

/** One repository of a fixture that has only one. */
export async function onlyRepositoryOf(name: string): Promise<RepositoryContents> {
  const [only] = await repositoriesOf(name);
  if (only === undefined) throw new Error(`no release reads "${name}"`);
  return only;
}

/** Contents as they are listed, so that these tests stand without our reading of indexes. */
export function tableOf(listed: readonly ListedContent[]): ContentTable {
  const names = [...new Set(listed.map(({ packFile }) => packFile))];
  const packIds = new Map(names.map((name, packId) => [name, packId]));
  const entries = listed.map((content): ContentEntry => {
    return {
      id: content.contentID,
      packId: packIds.get(content.packFile) ?? -1,
      packBlob: content.packFile,
      packOffset: content.packOffset,
      packedLength: content.length,
      originalLength: content.originalLength,
      deleted: content.deleted,
      timeSeconds: content.time,
      formatVersion: content.formatVersion,
      compression: content.compression ?? 0,
      encryptionKeyId: 0,
    };
  });
  return tableOfEntries(entries, names);
}

export function tableOfEntries(
  entries: readonly ContentEntry[],
  names: readonly string[],
): ContentTable {
  const positions = new Map(entries.map(({ id }, position) => [id, position]));
  const entry = (position: number): ContentEntry => {
    const found = entries[position];
    if (found === undefined) throw new RangeError(`there is no content ${position}`);
    return found;
  };
  return {
    size: entries.length,
    packs: {
      count: names.length,
      name: (packId) => names[packId] ?? '',
      find: (name) => names.indexOf(name),
    },
    find: (contentId) => positions.get(contentId) ?? -1,
    entry,
    positions: () => entries.keys(),
    rangeOf: () => ({ first: 0, end: 0 }),
    idOf: (position) => entry(position).id,
    packOf: (position) => entry(position).packId,
    offsetOf: (position) => entry(position).packOffset,
    packedLengthOf: (position) => entry(position).packedLength,
    originalLengthOf: (position) => entry(position).originalLength,
    isDeleted: (position) => entry(position).deleted,
    timeOf: (position) => entry(position).timeSeconds,
  };
}
