/**
 * Fixtures: stores as released tools left them, with what the same tools say about them. Each is
 * a folder `test/fixtures/<family>/<name>` with `fixture.json` (the index), `objects.tar` (the
 * bytes) and `answers/`. No tool is needed to read them.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const FIXTURES_FOLDER = join(import.meta.dirname, '..', 'fixtures');

/** One object of a fixture's index. */
export interface FixtureObject {
  /** Full key in the bucket, the prefix included. */
  key: string;
  sizeBytes: number;
  /** The time that the store gave it, milliseconds since 1970. */
  lastModified: number;
  /** Of the bytes, lower-case hex. */
  sha256: string;
  /** Where its bytes begin in objects.tar. */
  offset: number;
}

/** One Kopia repository in a fixture. */
export interface FixtureRepository {
  /** Its place in the bucket: empty, or with a trailing slash. */
  prefix: string;
  password: string;
  /** Version of the Kopia that created it. */
  createdBy: string;
  /** Versions that opened, verified and restored it, each with answers of its own. */
  readers: { version: string; answers: string }[];
  /** Versions that refuse to open it, in their own words. */
  refusals: { version: string; message: string }[];
  /** What was run to make it, without the places of the bucket. */
  commands: string[];
}

/** Content of `fixture.json`. */
export interface FixtureMeta {
  /** `<family>/<name>`, also its folder. */
  name: string;
  /** What it shows, one sentence. */
  title: string;
  /** When it was made, RFC 3339. */
  madeAt: string;
  /** Name and version of every tool that took part. */
  tools: Record<string, string>;
  repositories: FixtureRepository[];
  objects: FixtureObject[];
}

export interface LoadedObject {
  key: string;
  sizeBytes: number;
  lastModified: Date;
  sha256: string;
  /** Reads and checks the bytes. Throws when they are not what the index says. */
  bytes(): Promise<Uint8Array>;
}

export interface Fixture {
  name: string;
  meta: FixtureMeta;
  /** In key order. */
  objects: LoadedObject[];
  /** An answer of a real tool, for example `answer(repository.readers[0].answers, 'snapshots')`. */
  answer(folder: string, name: string): unknown;
  /** Names of the answers in a folder, in alphabetical order. */
  answerNames(folder: string): string[];
}

/** Names of all fixtures (`kopia/v3-default`, …), or of one family, in alphabetical order. */
export function listFixtures(family?: string): string[] {
  const families = family === undefined ? folders(FIXTURES_FOLDER) : [family];
  return families.flatMap((each) =>
    folders(join(FIXTURES_FOLDER, each))
      .map((name) => `${each}/${name}`)
      .filter((name) => existsSync(join(FIXTURES_FOLDER, name, 'fixture.json'))),
  );
}

/** Reads a fixture's index; bytes are read on demand. Throws when there is no such fixture. */
export async function loadFixture(name: string): Promise<Fixture> {
  const folder = join(FIXTURES_FOLDER, name);
  if (!existsSync(join(folder, 'fixture.json'))) {
    throw new Error(`cannot find fixture "${name}", there are ${listFixtures().join(', ')}`);
  }
  const meta = JSON.parse(readFileSync(join(folder, 'fixture.json'), 'utf8')) as FixtureMeta;
  const tar = join(folder, 'objects.tar');
  return {
    name,
    meta,
    objects: meta.objects.map((object) => loadedObject(tar, object)),
    answer: (where, what) => readAnswer(join(folder, where), what),
    answerNames: (where) => answerNames(join(folder, where)),
  };
}

/** Sum of the sizes of a fixture's objects. */
export function fixtureSizeBytes(fixture: Fixture): number {
  return fixture.meta.objects.reduce((sum, object) => sum + object.sizeBytes, 0);
}

function loadedObject(tar: string, object: FixtureObject): LoadedObject {
  const { key, sizeBytes, sha256 } = object;
  const lastModified = new Date(object.lastModified);
  return { key, sizeBytes, sha256, lastModified, bytes: () => readObject(tar, object) };
}

/** What was read and checked before, by SHA-256: the same few fixtures are loaded hundreds of times. */
const known = new Map<string, Uint8Array>();

/** A copy of its own for whoever asks, who may change it. */
async function readObject(tar: string, object: FixtureObject): Promise<Uint8Array> {
  const kept = known.get(object.sha256);
  if (kept !== undefined) return kept.slice();
  const file = await open(tar);
  try {
    const bytes = await readFully(file, object);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 === object.sha256) {
      known.set(sha256, bytes.slice());
      return bytes;
    }
    throw new Error(`bytes of "${object.key}" hash to ${sha256}, the index says ${object.sha256}`);
  } finally {
    await file.close();
  }
}

async function readFully(file: FileHandle, object: FixtureObject): Promise<Uint8Array> {
  const bytes = new Uint8Array(object.sizeBytes);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, object.offset + done);
    if (bytesRead === 0) throw new Error(`objects.tar ends within "${object.key}"`);
    done += bytesRead;
  }
  return bytes;
}

function readAnswer(folder: string, name: string): unknown {
  const plain = join(folder, `${name}.json`);
  if (existsSync(plain)) return JSON.parse(readFileSync(plain, 'utf8'));
  return JSON.parse(gunzipSync(readFileSync(`${plain}.gz`)).toString('utf8'));
}

function answerNames(folder: string): string[] {
  const names = readdirSync(folder).map((name) => name.replace(/\.json(\.gz)?$/, ''));
  return names.sort();
}

function folders(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
