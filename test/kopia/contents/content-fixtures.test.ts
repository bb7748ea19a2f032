import { describe, expect, test } from 'vitest';
import { checkPacks } from '../../../shared/kopia/contents/check-packs.ts';
import { ContentDamage } from '../../../shared/kopia/contents/content-damage.ts';
import { contentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { inProcessChecker } from '../../../shared/kopia/contents/in-process-checker.ts';
import { groupByPack } from '../../../shared/kopia/contents/pack-positions.ts';
import { listFixtures } from '../../support/fixtures.ts';
import { type RepositoryContents, repositoriesOf } from './fixture-contents.ts';

/** No release opens them, so that nothing is known of their contents. */
const REFUSED = ['kopia/required-feature', 'kopia/upgrade-locked'];
const LZ4 = 0x1400;

async function checkAll({ store, prefix, table, crypto }: RepositoryContents) {
  const deps = { reader: store, prefix, table, checker: inProcessChecker(crypto) };
  const all = groupByPack(table, () => true);
  const found = { contents: 0, failures: [] as string[], unread: 0 };
  for await (const pack of checkPacks(deps, all.packs())) {
    found.contents += pack.contents;
    found.unread += pack.unread?.contents ?? 0;
    for (const { position, reason } of pack.failures) {
      found.failures.push(`${table.idOf(position)} ${reason}`);
    }
  }
  return found;
}

async function readAll({ store, prefix, table, crypto, listed }: RepositoryContents) {
  const reader = contentReader(store, prefix, table, crypto);
  const failures: string[] = [];
  let sizeBytes = 0;
  for (const { contentID } of listed) {
    try {
      sizeBytes += (await reader.read(contentID)).length;
    } catch (error) {
      if (!(error instanceof ContentDamage)) throw error;
      failures.push(`${contentID} ${error.reason}`);
    }
  }
  return { failures, sizeBytes };
}

describe('every content that the real tool lists', () => {
  const counts = { contents: 0, unsupported: 0, compressions: new Set<number>() };

  test.each(listFixtures('kopia').filter((name) => !REFUSED.includes(name)))(
    'opens and has the hash of its id: %s',
    async (name) => {
      for (const repository of await repositoriesOf(name)) {
        const { listed } = repository;
        const lz4 = listed.filter(({ compression }) => compression === LZ4);
        const unsupported = lz4.map(({ contentID }) => `${contentID} compression-unsupported`);
        expect(await checkAll(repository)).toEqual({
          contents: listed.length,
          failures: unsupported,
          unread: 0,
        });
        const readable = listed.filter(({ compression }) => compression !== LZ4);
        expect(await readAll(repository)).toEqual({
          failures: unsupported,
          sizeBytes: readable.reduce((sum, { originalLength }) => sum + originalLength, 0),
        });
        counts.contents += listed.length;
        counts.unsupported += unsupported.length;
        for (const { compression = 0 } of listed) counts.compressions.add(compression);
      }
    },
  );

  test('was there: all fixtures, and every compression that releases write today', () => {
    expect(counts.contents).toBeGreaterThanOrEqual(2273);
    expect(counts.unsupported).toBeGreaterThanOrEqual(1);
    const hex = [...counts.compressions].map((id) => id.toString(16));
    const known =
      '0 1000 1001 1002 1100 1101 1102 1200 1201 1202 1203 1300 1301 1302 1400 1500 1501 1502';
    expect(hex).toEqual(expect.arrayContaining(known.split(' ')));
  });
});
