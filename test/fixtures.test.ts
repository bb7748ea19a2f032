import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  FIXTURES_FOLDER,
  fixtureSizeBytes,
  listFixtures,
  loadFixture,
} from './support/fixtures.ts';

const LARGEST_TOTAL_BYTES = 25 * 1024 * 1024;

/** Answers that every released Kopia gives. */
const ESSENTIAL_ANSWERS = ['manifests', 'restored', 'snapshots'];

interface ListedBlob {
  id: string;
  length: number;
}

describe('fixtures', () => {
  test('all together stay below 25 MiB', () => {
    const files = readdirSync(FIXTURES_FOLDER, { recursive: true, encoding: 'utf8' });
    const sizes = files.map((name) => statSync(join(FIXTURES_FOLDER, name)));
    const total = sizes.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
    expect(total).toBeLessThan(LARGEST_TOTAL_BYTES);
  });

  test('an unknown name is answered with the names there are', async () => {
    await expect(loadFixture('kopia/nothing')).rejects.toThrow('kopia/v3-default');
  });

  describe.each(listFixtures())('%s', (name) => {
    test('every object has the bytes that the index says', async () => {
      const fixture = await loadFixture(name);
      expect(fixture.objects.length).toBeGreaterThan(0);
      let sizeBytes = 0;
      for (const object of fixture.objects) sizeBytes += (await object.bytes()).length;
      expect(sizeBytes).toBe(fixtureSizeBytes(fixture));
    });

    test('keys are in byte order and times are real', async () => {
      const { objects, meta } = await loadFixture(name);
      const keys = objects.map((object) => object.key);
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(keys).toEqual(sorted);
      const newest = Math.max(...objects.map((object) => object.lastModified.getTime()));
      expect(newest).toBeLessThanOrEqual(Date.parse(meta.madeAt));
    });

    test('no index, answer or command names a machine', async () => {
      const fixture = await loadFixture(name);
      const folders = fixture.meta.repositories.flatMap(({ readers }) => readers);
      const answers = folders.flatMap(({ answers: folder }) =>
        fixture.answerNames(folder).map((answer) => fixture.answer(folder, answer)),
      );
      const text = JSON.stringify([fixture.meta, answers]);
      expect(text).not.toMatch(/127\.0\.0\.1|localhost|\/tmp\/|\/root\/|\/home\//);
    });
  });

  test('only repositories made to be refused have no reader', async () => {
    const fixtures = await Promise.all(listFixtures('kopia').map((name) => loadFixture(name)));
    const unread = fixtures.filter(({ meta }) => meta.repositories.some((r) => !r.readers.length));
    expect(unread.map(({ name }) => name)).toEqual([
      'kopia/required-feature',
      'kopia/upgrade-locked',
    ]);
  });

  describe.each(listFixtures('kopia'))('%s', (name) => {
    test('a released Kopia restored every snapshot of it, or has said why not', async () => {
      const { meta, answer, answerNames } = await loadFixture(name);
      expect(meta.repositories.length).toBeGreaterThan(0);
      for (const { readers, refusals } of meta.repositories) {
        expect(readers.length + refusals.length).toBeGreaterThan(0);
        for (const { answers } of readers) {
          expect(answerNames(answers)).toEqual(expect.arrayContaining(ESSENTIAL_ANSWERS));
          const snapshots = answer(answers, 'snapshots') as { id: string }[];
          const restored = answer(answers, 'restored') as Record<string, unknown[]>;
          expect(Object.keys(restored).sort()).toEqual(snapshots.map(({ id }) => id).sort());
          expect(Object.values(restored).every((entries) => entries.length > 0)).toBe(true);
        }
      }
    });

    test("the tool's list of blobs is the list of objects", async () => {
      const { meta, objects, answer } = await loadFixture(name);
      for (const { prefix, readers } of meta.repositories) {
        const mine = objects.filter(({ key }) => key.startsWith(prefix));
        const expected = mine.map(({ key, sizeBytes }) => [key.slice(prefix.length), sizeBytes]);
        for (const { answers } of readers) {
          const blobs = answer(answers, 'blobs') as ListedBlob[];
          const listed = blobs.map(({ id, length }) => [id, length]);
          expect(listed.sort()).toEqual(expected.sort());
        }
      }
    });
  });
});
