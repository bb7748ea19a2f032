import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { forEachLimited } from '../../shared/model/limited.ts';
import { toolPath } from '../real/tools/tools.ts';
import { ACCESS_KEY, REGION, SECRET_KEY, type SourceServer } from './servers.ts';

/** A Kopia repository with so many more packs of random bytes, of one size. */
export interface Workload {
  /** Also the bucket. */
  readonly name: string;
  readonly title: string;
  readonly objects: number;
  readonly objectSizeBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const WORKLOADS: readonly Workload[] = [
  { name: 'large', title: '2 GiB in packs of 20 MiB', objects: 103, objectSizeBytes: 20 * MIB },
  { name: 'small', title: '20,000 objects of 4 KiB', objects: 20_000, objectSizeBytes: 4 * KIB },
];

export const QUICK_WORKLOADS: readonly Workload[] = [
  { name: 'large', title: '160 MiB in packs of 20 MiB', objects: 8, objectSizeBytes: 20 * MIB },
  { name: 'small', title: '1,000 objects of 4 KiB', objects: 1000, objectSizeBytes: 4 * KIB },
];

/** The workload as it stands in its bucket. */
export interface FilledWorkload extends Workload {
  /** MD5 (hex) of each pack that was added. */
  readonly packs: ReadonlyMap<string, string>;
  /** The environment in which Kopia is connected to the bucket. */
  readonly kopiaEnv: Readonly<Record<string, string>>;
}

/** Creates the repository by Kopia itself and puts the packs beside what it wrote. */
export async function fill(
  workload: Workload,
  source: SourceServer,
  folder: string,
): Promise<FilledWorkload> {
  const { name, objects, objectSizeBytes } = workload;
  await source.client.send(new CreateBucketCommand({ Bucket: name }));
  const kopiaEnv = createRepository(name, source, folder);
  const packs = new Map<string, string>();
  const limits = { concurrency: 16, weightMax: 64 * MIB };
  const one = () => objectSizeBytes;
  await forEachLimited(Array(objects).keys(), limits, one, async () => {
    const Body = randomBytes(objectSizeBytes);
    const Key = `p${randomBytes(16).toString('hex')}`;
    await source.client.send(new PutObjectCommand({ Bucket: name, Key, Body }));
    packs.set(Key, createHash('md5').update(Body).digest('hex'));
  });
  return { ...workload, packs, kopiaEnv };
}

function createRepository(
  bucket: string,
  source: SourceServer,
  folder: string,
): Record<string, string> {
  const env = {
    HOME: folder,
    PATH: process.env['PATH'] ?? '',
    KOPIA_CONFIG_PATH: join(folder, `kopia-${bucket}.config`),
    KOPIA_CACHE_DIRECTORY: join(folder, `kopia-${bucket}-cache`),
    KOPIA_LOG_DIR: join(folder, 'kopia-logs'),
    KOPIA_PASSWORD: 'static-passw0rd',
    KOPIA_CHECK_FOR_UPDATES: 'false',
  };
  const args = ['repository', 'create', 's3', '--bucket', bucket, '--region', REGION];
  const where = ['--endpoint', new URL(source.endpoint).host, '--disable-tls'];
  const keys = ['--access-key', ACCESS_KEY, '--secret-access-key', SECRET_KEY];
  const options = { env, encoding: 'utf8' } as const;
  const done = spawnSync(toolPath('kopia'), [...args, ...where, ...keys], options);
  if (done.status !== 0) throw new Error(`kopia repository create failed: ${done.stderr}`);
  return env;
}
