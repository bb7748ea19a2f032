import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { toolPath } from './tools/tools.ts';

// The embedded S3 server before clients that nobody here wrote: minio-go in kopia, which signs
// every chunk of a body, and the AWS SDK for Go in rclone.

const run = promisify(execFile);
let server: S3Server;
let folder: string;
let source: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startS3Server();
  folder = await mkdtemp(join(tmpdir(), 'drydock-s3-server-'));
  source = join(folder, 'source');
  await mkdir(join(source, 'sub folder'), { recursive: true });
  await writeFile(join(source, 'small +ü.txt'), 'small');
  await writeFile(join(source, 'empty'), '');
  await writeFile(join(source, 'sub folder', 'large'), randomBytes(30 * 1024 * 1024));
  env = {
    HOME: folder,
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    KOPIA_PASSWORD: 'static-passw0rd',
    KOPIA_CHECK_FOR_UPDATES: 'false',
    KOPIA_CONFIG_PATH: join(folder, 'kopia.config'),
    KOPIA_CACHE_DIRECTORY: join(folder, 'cache'),
    KOPIA_LOG_DIR: join(folder, 'logs'),
  };
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function sameFiles(restored: string): Promise<void> {
  for (const name of ['small +ü.txt', 'empty', 'sub folder/large']) {
    const [left, right] = [join(source, name), join(restored, name)];
    expect((await readFile(left)).equals(await readFile(right)), name).toBe(true);
  }
}

describe('the embedded S3 server', () => {
  test('keeps a repository for kopia, which restores from it byte by byte', async () => {
    server.createBucket('kopia');
    const kopia = (...args: string[]) => run(toolPath('kopia'), args, { env });
    const place = ['--bucket=kopia', '--prefix=kopia/shop/', '--disable-tls'];
    const keys = [`--access-key=${env['AWS_ACCESS_KEY_ID']}`];
    const secret = [`--secret-access-key=${env['AWS_SECRET_ACCESS_KEY']}`];
    const endpoint = [`--endpoint=127.0.0.1:${server.port}`];
    const where = ['s3', ...place, ...endpoint, ...keys, ...secret];
    await kopia('repository', 'create', ...where);
    await kopia('snapshot', 'create', source);
    await kopia('repository', 'disconnect');
    await kopia('repository', 'connect', ...where, '--readonly');
    const { stdout } = await kopia('snapshot', 'list', '--json');
    const [snapshot] = JSON.parse(stdout) as { id: string }[];
    await kopia('snapshot', 'verify', '--verify-files-percent=100');
    const restored = join(folder, 'by-kopia');
    await kopia('snapshot', 'restore', snapshot?.id ?? '', restored);
    await sameFiles(restored);
    const names = server.objects('kopia').map(({ key }) => key);
    expect(names).toContain('kopia/shop/kopia.repository');
    const signed = server.requests.filter(({ headers }) =>
      headers['x-amz-content-sha256']?.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'),
    );
    expect(signed.length).toBeGreaterThan(0);
  });

  test('takes a tree from rclone, checks it and gives it back', async () => {
    server.createBucket('rclone');
    const remote =
      `:s3,provider=Other,env_auth=true,region=${server.region},force_path_style=true,` +
      `endpoint="${server.endpoint}":rclone`;
    const rclone = (...args: string[]) =>
      run(toolPath('rclone'), ['--config=', '--retries=1', ...args], { env });
    const parts = ['--s3-upload-cutoff=8M', '--s3-chunk-size=8M'];
    await rclone('copy', ...parts, source, remote);
    await rclone('check', '--download', source, remote);
    const { stderr } = await rclone('copy', '-v', ...parts, source, remote);
    expect(stderr).toMatch(/nothing to transfer/);
    const restored = join(folder, 'by-rclone');
    await rclone('copy', remote, restored);
    await sameFiles(restored);
    const large = server.objects('rclone').find(({ key }) => key === 'sub folder/large');
    expect(large?.etag).toMatch(/-4$/);
  });
});
