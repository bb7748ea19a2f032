import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Azurite, azuriteAccount } from '../support/azurite.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { drydock, folder, parsed } from './drydock.ts';
import { drydockHere } from './drydock-here.ts';

/** Three backups, and the one repository that they need, for what is not about the whole root. */
const SMALL = /^prod\/(kopia\/media|backups\/(media-moved|platform-manual|archive-native))\//;

let s3: S3Server;
let azurite: Omit<Azurite, 'close'>;
let env: Record<string, string>;

beforeAll(async () => {
  [s3, azurite] = await Promise.all([startS3Server(), azuriteAccount()]);
  for (const bucket of ['origin', 'small', 'other', 'state']) s3.createBucket(bucket);
  const fixture = await loadFixture('velero/v1.18.2');
  await fixtureOnServer(fixture, s3, 'origin');
  const objects = fixture.objects.filter(({ key }) => SMALL.test(key));
  await fixtureOnServer({ ...fixture, objects }, s3, 'small');
  await fixtureOnServer(await loadFixture('kopia/plain'), s3, 'other');
  env = {
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AZURE_STORAGE_KEY: azurite.accountKey,
  };
});

afterAll(async () => {
  await s3.close();
});

afterEach(() => s3.setFault(undefined));

const at = (path: string): string => `s3://${path}?endpoint=${s3.endpoint}`;
const blob = (path: string): string =>
  `azblob://${azurite.account}/${path}?endpoint=${azurite.endpoint}`;

let names = 0;
/** An empty bucket with a state of its own, so that tests do not meet. */
function replica(): { readonly bucket: string; readonly url: string; readonly state: string } {
  names += 1;
  const bucket = `replica-${names}`;
  s3.createBucket(bucket);
  return { bucket, url: at(bucket), state: at(`state/${bucket}`) };
}

interface JsonReport {
  readonly schema: string;
  readonly run: { readonly dryRun: boolean };
  readonly actions: readonly { readonly kind: string; readonly objects: number }[];
}
const reportOf = (text: string): JsonReport => JSON.parse(text) as JsonReport;

describe('drydock replicate', () => {
  test('copies a Velero root by two URLs alone, and a second time nothing', async () => {
    await azurite.container('copy').create();
    const cwd = await folder();
    const args = ['replicate', at('origin/prod'), blob('copy/replica')];
    const plan = await drydock([...args, '--dry-run'], { cwd, env });
    expect({ code: plan.code, stderr: plan.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readdir(cwd)).toEqual([]);
    const first = await drydock(args, { cwd, env });
    expect(first.stderr).toBe('');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^Run: replicate s3:\/\/origin\/prod -> azblob:\/\/drydocktest/);
    expect(first.stdout).toMatch(/\ncopy {4}kopia\/\S+ +/);
    expect(first.stdout).toContain('LOCAL_STATE');
    expect(first.stdout).toMatch(/\nDone in .*: \d+ objects, .*\n$/);
    expect(await readdir(join(cwd, '.local/state/drydock'))).not.toEqual([]);
    const second = await drydock(args, { cwd, env });
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/\nNothing to do \(.*\n$/);
  });

  test('copies from S3 to Azure Blob and back', async () => {
    const { bucket, url, state } = replica();
    await azurite.container(bucket).create();
    const away = ['replicate', at('origin/prod'), blob(`${bucket}/away`), '--state', state];
    const home = ['replicate', blob(`${bucket}/away`), url, '--state', state];
    for (const args of [away, home]) {
      const { code, stdout, stderr } = await drydockHere(args, { env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/\nDone in .*: \d+ objects/);
    }
    const originals = new Map(s3.objects('origin').map((object) => [object.key, object.etag]));
    for (const { key, etag } of s3.objects(bucket)) {
      expect([key, etag]).toEqual([key, originals.get(`prod/${key}`)]);
    }
  });

  test('--dry-run prints the plan and writes nothing anywhere', async () => {
    const { bucket, url, state } = replica();
    const args = ['replicate', at('small/prod'), url, '--state', state, '--dry-run'];
    const { code, stdout, stderr } = await drydockHere(args, { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Plan: /);
    expect(stdout).toMatch(/\nPlanned: \d+ objects, .*; nothing was written/);
    expect(s3.objects(bucket)).toEqual([]);
    expect(s3.objects('state').filter(({ key }) => key.startsWith(bucket))).toEqual([]);
  });

  test('--output json prints the report and nothing else on stdout', async () => {
    const { bucket, url, state } = replica();
    const args = ['replicate', at('small/prod'), url, '--state', state, '--output', 'json'];
    const { code, stdout } = await drydockHere(args, { env });
    expect(code).toBe(0);
    const report = reportOf(stdout);
    expect(report).toMatchObject({ schema: 'drydock/report/v1', run: { dryRun: false } });
    const copied = report.actions.reduce((sum, { objects }) => sum + objects, 0);
    expect(s3.objects(bucket).length).toBe(copied);
  });

  test('--fail-on decides which findings make the exit code 1', async () => {
    const { url, state } = replica();
    await s3.putObject('other', 'root/stray/x', Buffer.from('x'));
    await s3.putObject('other', 'root/backups/broken/velero-backup.json', Buffer.from('{'));
    const args = ['replicate', at('other/root'), url, '--state', state, '--dry-run'];
    const lenient = await drydockHere(args, { env });
    const strict = await drydockHere([...args, '--fail-on', 'warning'], { env });
    expect([lenient.code, strict.code]).toEqual([0, 1]);
    expect(strict.stdout).toContain('warning FOREIGN_OBJECTS');
    expect(strict.stdout).toMatch(/; \d+ warnings/);
  });

  test('copies one Kopia repository with --layout kopia', async () => {
    const { bucket, url, state } = replica();
    const source = await plainRepository();
    const args = ['replicate', source, url, '--layout', 'kopia', '--state', state];
    const { code, stderr } = await drydockHere(args, { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(s3.objects(bucket).map(({ key }) => key)).toContain('kopia.repository');
  });

  test('refuses a target that holds another repository, with exit code 4', async () => {
    const { bucket, url, state } = replica();
    const other = await loadFixture('kopia/v3-default');
    for (const { key, bytes } of other.objects) {
      const below = key.slice(other.meta.repositories[0]?.prefix.length);
      await s3.putObject(bucket, below, await bytes());
    }
    const before = s3.objects(bucket).length;
    const source = await plainRepository();
    const args = ['replicate', source, url, '--layout', 'kopia', '--state', state];
    const { code, stderr } = await drydockHere(args, { env });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error [A-Z_]+: /m);
    expect(s3.objects(bucket).length).toBe(before);
  });

  test('refuses to run beside another replicator, naming it, with exit code 4', async () => {
    const { bucket, url, state } = replica();
    const args = ['replicate', at('small/prod'), url, '--state', state];
    s3.setFault((request) => (request.bucket === bucket ? { silence: true } : undefined));
    const running = drydock(args, {
      env,
      onStart: (child) => onTestFinished(() => void child.kill('SIGKILL')),
    });
    await until(() => s3.objects('state').some(({ key }) => key.startsWith(`${bucket}/leases/`)));
    const { code, stdout, stderr } = await drydockHere(args, { env });
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(/error LEASE_HELD: .*process \d+/);
    s3.setFault(undefined);
    void running;
  });

  test('ends with 130 on the first Ctrl-C, frees its lease, and is continued by the next run', async () => {
    const { bucket, url, state } = replica();
    const args = ['replicate', at('small/prod'), url, '--state', state];
    let writes = 0;
    s3.setFault((request) => {
      if (request.bucket !== bucket || request.method !== 'PUT') return undefined;
      writes += 1;
      return writes > 3 ? { silence: true } : undefined;
    });
    const { code, stdout, stderr } = await drydock(args, {
      env,
      onStart: (child) => {
        void until(() => writes > 3).then(() => child.kill('SIGINT'));
      },
    });
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toContain('error INTERRUPTED: ');
    expect(stderr).toContain('hint: Run the same command again');
    s3.setFault(undefined);
    const next = await drydockHere(args, { env });
    expect({ code: next.code, stderr: next.stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('ends with 3 when its deadline comes first, and is continued by the next run', async () => {
    const { bucket, url, state } = replica();
    const args = ['replicate', at('small/prod'), url, '--state', state];
    const tries = new Map<string, number>();
    // Each write is refused four times, so that with the waits between it takes most of a second.
    s3.setFault(({ method, key, bucket: asked }) => {
      if (method !== 'PUT' || asked !== bucket) return undefined;
      tries.set(key, (tries.get(key) ?? 0) + 1);
      return (tries.get(key) ?? 0) > 4 ? undefined : { answer: { status: 503, code: 'SlowDown' } };
    });
    const slow = ['--deadline', '2s', '--concurrency', '1'];
    const { code, stdout } = await drydockHere([...args, ...slow], { env });
    expect(code).toBe(3);
    expect(stdout).toMatch(/\nUnfinished: .*\n\nUnfinished after .*\n$/s);
    s3.setFault(undefined);
    expect((await drydockHere(args, { env })).code).toBe(0);
  });
});

async function plainRepository(): Promise<string> {
  const fixture = await loadFixture('kopia/plain');
  const prefix = fixture.meta.repositories[0]?.prefix ?? '';
  return at(`other/${prefix}`);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('what cannot be carried out ends with 3, each by its own code', () => {
  async function failing(source: string, more: Record<string, string> = {}) {
    const { url, state } = replica();
    const args = ['replicate', source, url, '--state', state];
    return drydockHere(args, { env: { ...env, ...more } });
  }

  test('a bucket that does not exist', async () => {
    const { code, stderr } = await failing(at('absent'));
    expect(code).toBe(3);
    expect(stderr).toContain('error bucket_not_found: ');
    expect(stderr).toContain('\nhint: Check the name of the bucket');
  });

  test('access denied', async () => {
    s3.setFault(({ bucket }) =>
      bucket === 'origin' ? { answer: { status: 403, code: 'AccessDenied' } } : undefined,
    );
    const { code, stderr } = await failing(at('origin/prod'));
    expect(code).toBe(3);
    expect(stderr).toContain('error denied: ');
  });

  test('an endpoint that is down', async () => {
    const { code, stderr } = await failing('s3://acme/velero?endpoint=http://127.0.0.1:1');
    expect(code).toBe(3);
    expect(stderr).toContain('error unreachable: ');
  });

  test('a TLS handshake that fails', async () => {
    const tls = s3.endpoint.replace('http:', 'https:');
    const { code, stderr } = await failing(`s3://origin/prod?endpoint=${tls}`);
    expect(code).toBe(3);
    expect(stderr).toContain('error tls_failed: ');
  });

  test('a clock that is wrong', async () => {
    const skewed = await startS3Server({ clock: () => new Date(Date.now() + 3_600_000) });
    onTestFinished(() => skewed.close());
    skewed.createBucket('origin');
    const { code, stderr } = await failing(`s3://origin/prod?endpoint=${skewed.endpoint}`);
    expect(code).toBe(3);
    expect(stderr).toContain('error clock_skewed: ');
    expect(stderr).toContain('NTP');
  });
});

describe('drydock replicate with a configuration', () => {
  const CANARIES = ['hunter2-canary-one', 'hunter2-canary-two'] as const;

  async function routes(targets: readonly string[], more = ''): Promise<string> {
    const locations = targets.map((url, index) => `  target-${index}: { url: "${url}" }`);
    const list = targets.map(
      (_, index) => `    - { name: route-${index}, source: prod, target: target-${index} }`,
    );
    const lines = [
      'version: 1',
      `state: ${at(`state/config-${names}`)}`,
      'locations:',
      `  prod: { url: "${at('small/prod')}" }`,
      ...locations,
      'replicate:',
      '  routes:',
      ...list,
      more,
    ];
    return folder({ 'drydock.yaml': lines.join('\n') });
  }

  test('runs every route, and one that fails does not keep the next from its turn', async () => {
    const [good, absent] = [replica(), at('absent-bucket')];
    const cwd = await routes([absent, good.url]);
    const { code, stdout } = await drydockHere(['replicate', '--output', 'json'], { cwd, env });
    expect(code).toBe(3);
    expect(parsed(stdout)).toMatchObject({
      schema: 'drydock/reports/v1',
      reports: [{ scope: { route: 'route-1' } }],
      errors: [{ route: 'route-0', code: 'bucket_not_found' }],
    });
    const one = await drydockHere(['replicate', '--route', 'route-1'], { cwd, env });
    expect(one.code).toBe(0);
    expect(one.stdout).toContain('Nothing to do');
  });

  test('publishes what came out of a run, but not a plan', async () => {
    const events: unknown[] = [];
    const bus = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        events.push(JSON.parse(body));
        response.end('{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}');
      });
    });
    await new Promise<void>((resolve) => bus.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void bus.close());
    const endpoint = `http://127.0.0.1:${(bus.address() as AddressInfo).port}`;
    const cwd = await routes([replica().url], 'events: { bus: drydock, region: eu-central-1 }');
    const more = { env: { ...env, AWS_ENDPOINT_URL_EVENTBRIDGE: endpoint }, cwd };
    expect((await drydockHere(['replicate', '--dry-run'], more)).code).toBe(0);
    expect(events).toEqual([]);
    expect((await drydockHere(['replicate'], more)).code).toBe(0);
    expect(events).toEqual([
      {
        Entries: [
          expect.objectContaining({
            EventBusName: 'drydock',
            Source: 'drydock',
            DetailType: 'Drydock Report',
            Detail: expect.stringContaining('"schema":"drydock/report-summary/v1"'),
          }),
        ],
      },
    ]);
  });

  test('a bus that cannot be reached is a warning, never a failure', async () => {
    const cwd = await routes([replica().url], 'events: { bus: drydock, region: eu-central-1 }');
    const down = { ...env, AWS_ENDPOINT_URL_EVENTBRIDGE: 'http://127.0.0.1:1' };
    const { code, stderr } = await drydockHere(['replicate'], { cwd, env: down });
    expect(code).toBe(0);
    expect(stderr).toContain('warning report not published bus=drydock');
  });

  test('never shows a secret, whatever goes wrong', async () => {
    const cwd = await folder({
      canary: CANARIES[1],
      'drydock.yaml': `version: 1
state: ${at('state/canary')}
locations:
  prod:
    url: ${at('small/prod')}
    accessKeyId: env:CANARY
    secretAccessKey: file:CWD/canary
  down:
    url: azblob://devstoreaccount1/velero?endpoint=http://127.0.0.1:1/devstoreaccount1
    accountKey: file:CWD/canary
  replica: { url: "${replica().url}" }
replicate:
  routes:
    - { name: one, source: prod, target: replica }
    - { name: two, source: down, target: replica }
`,
    });
    const file = join(cwd, 'drydock.yaml');
    const { readFile, writeFile } = await import('node:fs/promises');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('CWD', cwd));
    const canaries = { ...env, CANARY: CANARIES[0], DRYDOCK_DEBUG: '1' };
    for (const [output, command] of [
      ['text', drydock],
      ['json', drydockHere],
    ] as const) {
      const ended = await command(['replicate', '--output', output], { cwd, env: canaries });
      expect(ended.code).toBe(3);
      const seen = ended.stdout + ended.stderr;
      expect(seen).toContain('denied');
      for (const canary of CANARIES) expect(seen).not.toContain(canary);
    }
  });
});
