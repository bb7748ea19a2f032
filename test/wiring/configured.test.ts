import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { configuredReplicate } from '../../functions/wiring.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';

const NOW = new Date('2026-11-21T08:00:00Z');

let s3: S3Server;
let folder: string;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-wiring-'));
  s3 = await startS3Server();
  for (const bucket of ['origin', 'one', 'two', 'drydock']) s3.createBucket(bucket);
  await fixtureOnServer(await loadFixture('velero/v1.18.2'), s3, 'origin');
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

const at = (path: string): string => `s3://${path}?endpoint=${s3.endpoint}`;

function yaml(targets: readonly string[], state = `state: ${at('drydock/state')}`): string {
  return [
    'version: 1',
    state,
    'locations:',
    `  prod: { url: "${at('origin/prod')}" }`,
    ...targets.map((target) => `  ${target}: { url: "${at(`${target}/replica`)}" }`),
    'replicate:',
    '  routes:',
    ...targets.map((target) => `    - { name: to-${target}, source: prod, target: ${target} }`),
  ].join('\n');
}

async function file(text: string): Promise<string> {
  const path = join(folder, 'drydock.yaml');
  await writeFile(path, text);
  return path;
}

const routesOf = (reports: readonly { readonly scope: Readonly<Record<string, string>> }[]) =>
  reports.map(({ scope }) => scope['route']);

describe('configuredReplicate()', () => {
  test('runs every route of the file, and logs JSON lines', async () => {
    const env = { DRYDOCK_CONFIG: await file(yaml(['one', 'two'])) };
    const reports = await configuredReplicate(env, { now: NOW, remainingMs: 600_000 });
    expect(routesOf(reports)).toEqual(['to-one', 'to-two']);
    expect(s3.objects('one').length).toBe(s3.objects('two').length);
    expect(lines.filter(({ message }) => message === 'route replicated')).toEqual([
      expect.objectContaining({ level: 'info', route: 'to-one', unfinished: false }),
      expect.objectContaining({ level: 'info', route: 'to-two', unfinished: false }),
    ]);
  });

  test('reads the configuration from an object of a bucket', async () => {
    await s3.putObject('drydock', 'config/drydock.yaml', Buffer.from(yaml(['one'])));
    const env = { DRYDOCK_CONFIG: at('drydock/config/drydock.yaml') };
    expect(routesOf(await configuredReplicate(env, { now: NOW }))).toEqual(['to-one']);
  });

  test('runs only the routes of DRYDOCK_ROUTES, and knows their names', async () => {
    const DRYDOCK_CONFIG = await file(yaml(['one', 'two']));
    const chosen = { DRYDOCK_CONFIG, DRYDOCK_ROUTES: ' to-two ,' };
    expect(routesOf(await configuredReplicate(chosen, { now: NOW }))).toEqual(['to-two']);
    const unknown = { DRYDOCK_CONFIG, DRYDOCK_ROUTES: 'to-tow' };
    await expect(configuredReplicate(unknown, { now: NOW })).rejects.toMatchObject({
      code: 'ROUTE_UNKNOWN',
      hint: expect.stringContaining('to-two'),
    });
  });

  test('runs the other routes when one fails, and then throws what it threw', async () => {
    const env = { DRYDOCK_CONFIG: await file(yaml(['absent', 'one'])) };
    await expect(configuredReplicate(env, { now: NOW })).rejects.toMatchObject({
      code: 'bucket_not_found',
    });
    expect(s3.objects('one')).not.toEqual([]);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'error', route: 'to-absent', code: 'bucket_not_found' }),
    );
    const both = { DRYDOCK_CONFIG: await file(yaml(['absent', 'gone'])) };
    await expect(configuredReplicate(both, { now: NOW })).rejects.toBeInstanceOf(AggregateError);
  });

  test('reports the rest as unfinished when there is no time left', async () => {
    const env = { DRYDOCK_CONFIG: await file(yaml(['one'])) };
    const [report] = await configuredReplicate(env, { now: NOW, remainingMs: 0 });
    expect(report?.unfinished).toBeDefined();
  });

  test.each([
    ['nothing', {}, 'CONFIG_NOT_FOUND'],
    ['a file that is not there', { DRYDOCK_CONFIG: '/nowhere/drydock.yaml' }, 'CONFIG_NOT_FOUND'],
    ['a bucket without a key', { DRYDOCK_CONFIG: 's3://drydock' }, 'CONFIG_NOT_FOUND'],
    ['no location', { DRYDOCK_CONFIG: 'gs://drydock/drydock.yaml' }, 'LOCATION_INVALID'],
  ])('says what is wrong when DRYDOCK_CONFIG names %s', async (_, env, code) => {
    await expect(configuredReplicate(env, { now: NOW })).rejects.toMatchObject({ code });
  });

  test('demands a state that all replicators share', async () => {
    const env = { DRYDOCK_CONFIG: await file(yaml(['one'], '')) };
    await expect(configuredReplicate(env, { now: NOW })).rejects.toMatchObject({
      code: 'STATE_MISSING',
      hint: expect.stringContaining('state:'),
    });
  });

  test('refuses an object that is too large to be a configuration', async () => {
    await s3.putObject('drydock', 'big.yaml', Buffer.alloc(1024 * 1024 + 1, 0x20));
    const env = { DRYDOCK_CONFIG: at('drydock/big.yaml') };
    await expect(configuredReplicate(env, { now: NOW })).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
    });
  });
});
