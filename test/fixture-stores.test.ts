import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fakeClock } from './support/clock.ts';
import { fixtureInFolder, fixtureInMemory, fixtureOnServer } from './support/fixture-stores.ts';
import { loadFixture } from './support/fixtures.ts';
import { startS3Server } from './support/s3-server/server.ts';

const fixture = await loadFixture('kopia/format-1');
const expected = fixture.objects.map(({ key, sizeBytes, lastModified }) => [
  key,
  sizeBytes,
  lastModified.getTime(),
]);

test('a fixture in memory lists its keys, sizes and original times', async () => {
  const store = await fixtureInMemory(fixture, fakeClock());
  const listed: unknown[] = [];
  for await (const { key, sizeBytes, lastModified, source } of store.list('')) {
    listed.push([key, sizeBytes, lastModified.getTime()]);
    expect(source).toBeUndefined();
  }
  expect(listed).toEqual(expected);
});

test('a fixture on the embedded server has its original times', async () => {
  const server = await startS3Server();
  try {
    server.createBucket('backups');
    await fixtureOnServer(fixture, server, 'backups', 'prod/');
    const objects = server.objects('backups');
    const listed = objects.map(({ key, bytes, lastModified }) => [
      key.slice('prod/'.length),
      bytes.length,
      lastModified.getTime(),
    ]);
    expect(listed).toEqual(expected);
  } finally {
    await server.close();
  }
});

test('a fixture in a folder has its original times as modification times', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-'));
  try {
    await fixtureInFolder(fixture, folder);
    for (const { key, sizeBytes, lastModified } of fixture.objects) {
      const file = await stat(join(folder, key));
      expect([file.size, file.mtimeMs]).toEqual([sizeBytes, lastModified.getTime()]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
