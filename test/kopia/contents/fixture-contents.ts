/** Repositories of the fixtures with what the real tool says about their contents. */
import {
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import type { ContentEntry, ContentTable } from '../../../shared/kopia/indexes/content-table.ts';
import { loadIndexes } from '../../../shared/kopia/indexes/load-indexes.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { systemClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';

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
    const format = await openFormat(store, prefix, password);
    const crypto = await createRepositoryCrypto(format.cryptoSpec);
    const { contents } = await loadIndexes(store, format, crypto);
    opened.push({ prefix, store, crypto, listed, table: contents });
  }
  return opened;
}

/** One repository of a fixture that has only one. */
export async function onlyRepositoryOf(name: string): Promise<RepositoryContents> {
  const [only] = await repositoriesOf(name);
  if (only === undefined) throw new Error(`no release reads "${name}"`);
  return only;
}

/** A table of entries that a test makes up. */
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
