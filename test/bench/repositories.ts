import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { toolPath } from '../real/tools/tools.ts';
import { type BulkRepository, writeBulk } from '../support/kopia-writer/bulk.ts';
import { ACCESS_KEY, REGION, SECRET_KEY, type SourceServer } from './servers.ts';

/** A repository in a bucket of its own, to be verified. */
export interface Repository {
  readonly bucket: string;
  /** Empty, or with a trailing slash. */
  readonly prefix: string;
  readonly password: string;
}

/**
 * Puts a repository of so many small contents into a bucket: written by the tests' own writer, which
 * Kopia reads. It is made in `folder`, and taken from there where it was made before.
 */
export async function bulkRepository(
  contents: number,
  bucket: string,
  server: SourceServer,
  folder: string,
): Promise<Repository> {
  const place = join(folder, `bulk-${contents}`);
  const made = await writtenBulk(contents, place);
  await server.client.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const id of await readdir(join(place, made.prefix))) {
    const Body = await readFile(join(place, made.prefix, id));
    const Key = `${made.prefix}${id}`;
    await server.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  }
  return { bucket, prefix: made.prefix, password: made.password };
}

/** What is written last says that the rest is whole. */
async function writtenBulk(contents: number, place: string): Promise<BulkRepository> {
  const note = `${place}.json`;
  const text = await readFile(note, 'utf8').catch(() => undefined);
  if (text !== undefined) return JSON.parse(text) as BulkRepository;
  await rm(place, { recursive: true, force: true });
  const made = await writeBulk({ contents, folder: place });
  await writeFile(note, JSON.stringify(made));
  return made;
}

const PASSWORD = 'static-passw0rd';

/** Lets Kopia make a repository in its default algorithms, and back up so many random bytes. */
export async function randomRepository(
  sizeBytes: number,
  bucket: string,
  server: SourceServer,
  folder: string,
): Promise<Repository> {
  const repository = { bucket, prefix: '', password: PASSWORD };
  await server.client.send(new CreateBucketCommand({ Bucket: bucket }));
  const home = await mkdtemp(join(folder, 'maker-'));
  const env = kopiaEnv(home, PASSWORD);
  await runKopia(['repository', 'create', ...kopiaPlace(repository, server)], env);
  const bytes = createReadStream('/dev/urandom', { end: sizeBytes - 1 });
  const upload = ['snapshot', 'create', '/srv/data', '--stdin-file', 'random', '--no-progress'];
  await runKopia(upload, env, bytes);
  await rm(home, { recursive: true, force: true });
  return repository;
}

/** Everything that Kopia keeps lies below `home`. */
export function kopiaEnv(home: string, password: string): Record<string, string> {
  return {
    HOME: home,
    PATH: process.env['PATH'] ?? '',
    KOPIA_CONFIG_PATH: join(home, 'kopia.config'),
    KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
    KOPIA_LOG_DIR: join(home, 'logs'),
    KOPIA_PASSWORD: password,
    KOPIA_CHECK_FOR_UPDATES: 'false',
    KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: 'true',
  };
}

function kopiaPlace({ bucket, prefix }: Repository, { endpoint }: SourceServer): string[] {
  return [
    ...['s3', '--bucket', bucket, '--prefix', prefix, '--region', REGION],
    ...['--endpoint', new URL(endpoint).host, '--disable-tls'],
    ...['--access-key', ACCESS_KEY, '--secret-access-key', SECRET_KEY],
  ];
}

/** Connects Kopia, and empties the cache that connecting has filled; answers its environment. */
export async function connectCold(
  repository: Repository,
  server: SourceServer,
  folder: string,
): Promise<Record<string, string>> {
  const home = join(folder, 'kopia');
  await mkdir(home);
  const env = kopiaEnv(home, repository.password);
  const place = kopiaPlace(repository, server);
  await runKopia(['repository', 'connect', ...place, '--readonly'], env);
  await rm(join(home, 'cache'), { recursive: true, force: true });
  return env;
}

async function runKopia(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: NodeJS.ReadableStream,
): Promise<void> {
  const child = spawn(toolPath('kopia'), args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  if (input === undefined) child.stdin.end();
  else input.pipe(child.stdin);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`kopia ${args[0]} ${args[1]} ended with ${code}: ${said}`);
}
