import { describe, expect, test } from 'vitest';
import { createRepositoryCrypto } from '../../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import { findIndexes } from '../../../shared/kopia/indexes/find-indexes.ts';
import { loadIndexes } from '../../../shared/kopia/indexes/load-indexes.ts';
import { fakeClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { listFixtures, loadFixture } from '../../support/fixtures.ts';

/** A line of `content list --json --deleted`. */
interface KopiaContent {
  readonly contentID: string;
  readonly packFile: string;
  readonly packOffset: number;
  readonly length: number;
  readonly originalLength: number;
  readonly time: number;
  readonly deleted: boolean;
  readonly formatVersion: number;
  readonly compression?: number;
}

/** Inputs of the compaction log; indexes from before the upgrade to epochs, and the poison. */
const SUPERSEDED: Readonly<Record<string, readonly string[]>> = {
  'kopia/format-1-compacted': ['n319de14a', 'n3a9d838e'],
  'kopia/upgraded-1-to-3': ['n00000000', 'n1c2c6a79', 'nc6650aa4', 'nf51ad744'],
};

const opened = await Promise.all(
  listFixtures('kopia').map(async (name) => ({ name, fixture: await loadFixture(name) })),
);
/** Everything that some released Kopia opened; two sets are refused by all. */
const repositories = opened.flatMap(({ name, fixture }) =>
  fixture.meta.repositories.flatMap((repository) => {
    const newest = repository.readers.at(0);
    return newest ? [{ name, fixture, ...repository, answers: newest.answers }] : [];
  }),
);

describe('loadIndexes()', () => {
  test('is compared with the answers for all sets but the two that nobody opens', () => {
    expect(repositories.length).toBe(opened.length - 2 + 1); // velero-like has two
  });

  test.each(repositories)(
    '$name $prefix: takes the blobs and the entries that Kopia takes',
    async (set) => {
      const store = await fixtureInMemory(set.fixture, fakeClock());
      const format = await openFormat(store, set.prefix, set.password);
      const crypto = await createRepositoryCrypto(format.cryptoSpec);
      const loaded = await loadIndexes(store, format, crypto, { checkDivergence: true });
      const expected = set.fixture.answer(set.answers, 'contents') as readonly KopiaContent[];
      const { contents } = loaded;
      const entries = [...contents.positions()].map((position) => {
        const entry = contents.entry(position);
        expect(contents.find(entry.id)).toBe(position);
        expect(contents.packs.find(entry.packBlob)).toBe(entry.packId);
        expect(entry.encryptionKeyId).toBe(0);
        return {
          contentID: entry.id,
          packFile: entry.packBlob,
          packOffset: entry.packOffset,
          length: entry.packedLength,
          originalLength: entry.originalLength,
          time: entry.timeSeconds,
          deleted: entry.deleted,
          formatVersion: entry.formatVersion,
          ...(entry.compression > 0 && { compression: entry.compression }),
        };
      });
      expect(entries).toEqual(expected);
      expect(loaded.problems).toEqual([]);
      expect(loaded.complete).toBe(true);

      // `indexes` holds superseded blobs too, unmarked; where a set has epochs' worth of them, it has
      // the other list as well.
      const hasActive = set.fixture.answerNames(set.answers).includes('active-indexes');
      const list = hasActive ? 'active-indexes' : 'indexes';
      const blobs = set.fixture.answer(set.answers, list) as { id: string; length: number }[];
      const superseded = SUPERSEDED[set.name] ?? [];
      const active = blobs.filter(({ id }) => !superseded.some((start) => id.startsWith(start)));
      const found = await findIndexes(store, format, crypto);
      expect(found.active.map(({ id }) => id).sort()).toEqual(active.map(({ id }) => id).sort());
      expect(loaded.blobs.active).toBe(active.length);
      expect(loaded.blobs.sizeBytes).toBe(active.reduce((sum, { length }) => sum + length, 0));
      expect(blobs.length - active.length).toBe(superseded.length);
    },
  );
});
