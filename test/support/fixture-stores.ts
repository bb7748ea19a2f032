/** Fixtures as stores that were never copied to: original bytes and times, no source stamp. */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../shared/model/clock.ts';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import type { Fixture } from './fixtures.ts';
import type { S3Server } from './s3-server/server.ts';

/** In memory: filled under a clock that stands at each object's time, then on `clock`. */
export async function fixtureInMemory(fixture: Fixture, clock: Clock): Promise<ObjectStore> {
  let standing: Date | undefined;
  const store = memoryStore(fixture.name, {
    now: () => standing ?? clock.now(),
    sleep: (milliseconds, signal) => clock.sleep(milliseconds, signal),
  });
  for (const object of fixture.objects) {
    standing = object.lastModified;
    const bytes = await object.bytes();
    await store.write(object.key, bytesBody(bytes), { sizeBytes: bytes.length });
  }
  standing = undefined;
  return store;
}

/** In an existing bucket of the embedded S3 server, below `prefix`. */
export async function fixtureOnServer(
  fixture: Fixture,
  server: S3Server,
  bucket: string,
  prefix = '',
): Promise<void> {
  for (const { key, lastModified, bytes } of fixture.objects) {
    await server.putObject(bucket, `${prefix}${key}`, await bytes(), { lastModified });
  }
}

/** As plain files below `folder`, each with the object's time as its modification time. */
export async function fixtureInFolder(fixture: Fixture, folder: string): Promise<void> {
  for (const { key, lastModified, bytes } of fixture.objects) {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await bytes());
    await utimes(path, lastModified, lastModified);
  }
}
