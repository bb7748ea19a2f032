import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { parsed } from './drydock.ts';
import { kopia, temporaryFolder } from './kopia-run.ts';

let s3: S3Server;
let url: string;
const env = { DRYDOCK_KOPIA_PASSWORD: 'fixture-passw0rd' };

beforeAll(async () => {
  s3 = await startS3Server();
  s3.createBucket('backups');
  await fixtureOnServer(await loadFixture('kopia/v3-default'), s3, 'backups');
  url = `s3://backups/repo?endpoint=${s3.endpoint}`;
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await s3.close();
});

afterEach(() => s3.setFault(undefined));

const kindOf = (key: string): string => parseBlobName(key.replace(/^repo\//, '')).kind;

describe('a bucket', () => {
  test('is read by the same commands, and nothing in it is changed', async () => {
    const before = s3.requests.length;
    const listed = await kopia(['snapshots', url], { env });
    expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: '' });
    expect((await kopia(['verify', url, '--level', 'content'], { env })).code).toBe(0);
    const folder = await temporaryFolder();
    const id = / ([0-9a-f]{32}) /.exec(listed.stdout)?.[1] ?? '';
    expect((await kopia(['restore', url, id, folder], { env })).code).toBe(0);
    expect((await readdir(folder)).length).toBeGreaterThan(3);
    const methods = new Set(s3.requests.slice(before).map(({ method }) => method));
    expect([...methods].filter((method) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
  });

  test.each([
    ['format', ['info']],
    ['index', ['snapshots']],
    ['pack', ['verify', '--level', 'content', '--threads', '1']],
    ['pack', ['snapshots']],
  ])('that denies a %s blob ends %j with 3: denied is never absent', async (kind, args) => {
    s3.setFault(({ key }) =>
      kindOf(key) === kind ? { answer: { status: 403, code: 'AccessDenied' } } : undefined,
    );
    const [command = '', ...options] = args;
    const { code, stdout, stderr } = await kopia([command, url, ...options], { env });
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain('error denied: ');
  });

  test('that denies a pack in the middle ends a restore, with the files that are whole', async () => {
    s3.setFault(({ key }) =>
      key.startsWith('repo/p') ? { answer: { status: 403, code: 'AccessDenied' } } : undefined,
    );
    const id = '923af3d0077fea45e8e36d78b71f588c';
    const folder = join(await temporaryFolder(), 'x');
    const ended = await kopia(['restore', url, id, folder, '-o', 'json'], { env });
    expect(ended.code).toBe(3);
    expect(parsed(ended.stdout)).toMatchObject({ problems: [], error: { code: 'denied' } });
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(files.filter((each) => each.isFile())).toEqual([]);
  });

  test('whose answers are cut off is asked again', async () => {
    const cut = new Set<string>();
    s3.setFault(({ key, method }) => {
      if (method !== 'GET' || kindOf(key) !== 'pack' || cut.has(key)) return undefined;
      cut.add(key);
      return { cutBodyAfterBytes: 100 };
    });
    const { code, stdout } = await kopia(['verify', url, '--level', 'content'], { env });
    expect(cut.size).toBeGreaterThan(0);
    expect(code).toBe(0);
    expect(stdout).toContain('1 repository: 1 verified');
  });
});

describe('--deadline', () => {
  // Whatever is asked for stays without an answer.
  const silent = (kind: string): void =>
    s3.setFault(({ key }) => (kindOf(key) === kind ? { silence: true } : undefined));

  test('ends what cannot be done in parts', async () => {
    silent('index');
    const { code, stderr } = await kopia(['snapshots', url, '--deadline', '1s'], { env });
    expect(code).toBe(3);
    expect(stderr).toContain('error DEADLINE: ');
  });
});
