import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Interrupted } from '../../functions/cli/outcome.ts';
import { reportSchema } from '../../infra/build/schemas.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { folder } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, inProcess } from './kopia-run.ts';
import { published } from './published.ts';

/** When most of the backups of the fixture are settled, and none is stuck. */
const NOW = new Date('2026-11-21T11:30:00Z');
const CANARY = 'canary-5ecre7';

let world: FixtureFolder;
let root: string;

beforeAll(async () => {
  world = await fixtureFolder('velero/v1.18.2', false);
  root = `${world.root}/prod`;
  return () => rm(dirname(world.folder), { recursive: true });
});

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly file: string;
}

/** A folder with a configuration, and a home for a state that nobody names. */
async function place(more = '', locations = '', url = root): Promise<Place> {
  const cwd = await folder({
    'drydock.yaml': `version: 1
clusters:
  lab: { kubeconfig: { path: /nowhere/kubeconfig } }
locations:
  prod: { url: "${url}" }
${locations}${more}`,
  });
  const env = { XDG_STATE_HOME: cwd, AWS_SECRET_ACCESS_KEY: CANARY, DRYDOCK_KOPIA_PASSWORD: '' };
  return { cwd, env, file: join(cwd, 'drydock.yaml') };
}

function run({ env, file }: Place, command: string, ...args: readonly string[]) {
  return inProcess([command, '-c', file, ...args], { env, clock: fakeClock(NOW) });
}

describe('drydock verify', () => {
  test('shows its help with examples and exit codes', async () => {
    const { code, stdout } = await inProcess(['verify', '--help']);
    expect(code).toBe(0);
    for (const part of ['Usage: drydock verify', 'Examples:', 'Exit codes:', '--output <format>']) {
      expect(stdout).toContain(part);
    }
  });

  test('as JSON is the report that its schema describes, of a bare URL as of a name', async () => {
    const { env } = await place();
    const state = `file://${await folder()}`;
    const args = ['verify', root, '--state', state, '--rung', 'present', '-o', 'json'];
    const { code, stdout } = await inProcess(args, { env, clock: fakeClock(NOW) });
    expect(code).toBe(1);
    const report = published('report', stdout);
    expect(report).toMatchObject({
      schema: 'drydock/report/v1',
      run: { job: 'verify', dryRun: false },
      scope: { locations: root, rung: 'present' },
      ladders: [{ location: root, url: root }],
    });
    expect(report).not.toHaveProperty('costs');
    expect(existsSync(join(env['XDG_STATE_HOME'] ?? '', 'drydock'))).toBe(false);
    const status = await inProcess(['status', '--state', state], { env, clock: fakeClock(NOW) });
    expect(status.stdout).toContain(root);
  });

  test('and so are the reports of other jobs', async () => {
    const at = await place();
    const target = `file://${await folder()}`;
    for (const args of [
      ['replicate', root, target, '--dry-run'],
      ['kopia', 'verify', `${root}/kopia/media`],
      ['evidence', 'verify', '--state', target],
    ]) {
      const { stdout } = await run(at, ...(args as [string, ...string[]]), '-o', 'json');
      // They may say more than the schema, each about its own things.
      expect(reportSchema.parse(JSON.parse(stdout))).toHaveProperty('run.job');
    }
  });

  test('a dry run states what would be read, and writes nothing', async () => {
    const at = await place();
    const { code, stdout } = await run(at, 'verify', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Plan: verify file:.*\n\nWould read \d+ objects, [\d.]+ MiB, by \d+ req/,
    );
    // A folder costs nothing.
    expect(stdout).not.toContain('USD');
    expect(stdout).toMatch(/\nPlanned, nothing was written\n$/);
    expect(existsSync(join(at.cwd, 'drydock'))).toBe(false);
    const { stdout: text } = await run(at, 'verify', '--dry-run', '-o', 'json');
    const { measures } = published('report', text) as { measures: Record<string, number> };
    for (const name of ['objectsToRead', 'bytesToRead', 'requestsToMake']) {
      expect(measures[name]).toBeGreaterThan(0);
    }
  });

  test('looks at one application, and since a time', async () => {
    const at = await place('', `  other: { url: "file://${await folder()}" }\n`);
    const { stdout } = await run(
      at,
      'verify',
      '--rung',
      'present',
      '--application',
      'billing',
      '-o',
      'json',
    );
    const { ladders } = published('report', stdout) as {
      ladders: readonly { readonly rows: readonly { readonly application: string }[] }[];
    };
    expect(ladders.flatMap(({ rows }) => rows.map((row) => row.application))).toEqual(['billing']);
    const since = ['--since', '2026-11-21T10:56:00Z', '--rung', 'present'];
    const later = await run(at, 'verify', ...since, '-o', 'json');
    expect(published('report', later.stdout)['scope']).toMatchObject({
      since: '2026-11-21T10:56:00.000Z',
    });
    const wrong = await run(at, 'verify', '--rung', 'present', '--application', 'biling');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^error APPLICATION_UNKNOWN: .*\nhint: Did you mean "billing"\? /);
    // It is one of another location: that it was meant is no help.
    const elsewhere = await run(at, 'verify', 'other', '--application', 'billing');
    expect(elsewhere.stderr).toMatch(/^error APPLICATION_UNKNOWN: .*\nhint: Run it without --appl/);
  });

  test('narrowed to a cluster looks at its locations, and says when it could not be asked', async () => {
    const at = await place();
    const text = await readFile(at.file, 'utf8');
    await writeFile(at.file, text.replace(`"${root}" }`, `"${root}", cluster: lab }`));
    const args = ['--cluster', 'lab', '--location', 'prod', '--rung', 'present', '-o', 'json'];
    const { code, stdout } = await run(at, 'verify', ...args);
    expect(code).toBe(1);
    const { findings, ladders } = published('report', stdout);
    expect(findings).toContainEqual(expect.objectContaining({ code: 'CLUSTER_UNCHECKED' }));
    expect(ladders).toMatchObject([{ location: 'prod', unchecked: [expect.any(String)] }]);
  });

  test('with a wrong password of the repositories proves nothing, and does not tell it', async () => {
    const at = await place();
    const text = await readFile(at.file, 'utf8');
    const secret = join(at.cwd, 'password');
    await writeFile(secret, CANARY);
    const reference = `"${root}", repositoryPassword: "file:${secret}" }`;
    await writeFile(at.file, text.replace(`"${root}" }`, reference));
    const { code, stdout, stderr } = await run(at, 'verify', '--rung', 'present');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^shop +3 +34 min +- +- +- {2}none of 24 h, unproven$/m);
    expect(stdout).toContain('the password does not decrypt its format');
    expect(stdout + stderr).not.toContain(CANARY);
  });

  test.each([
    [['prdo'], 'LOCATION_UNKNOWN', 'Did you mean "prod"?'],
    [['--location', 'prdo'], 'LOCATION_UNKNOWN', 'Did you mean "prod"?'],
    [['--cluster', 'lba'], 'CLUSTER_UNKNOWN', 'Did you mean "lab"?'],
    [['--cluster', 'lab'], 'LOCATIONS_MISSING', 'cluster: lab'],
    [['--application', 'shpo'], 'APPLICATION_UNKNOWN', 'Did you mean "shop"?'],
    [['--since', 'yesterday'], 'OPTION_INVALID', '36h or 7d'],
    [['--since', '2026-02-31T25:00:00Z'], 'OPTION_INVALID', '36h or 7d'],
    [['--since', '2026-11-22T00:00:00Z'], 'OPTION_INVALID', 'a time that has passed'],
    [['--rung', 'restored'], 'OPTION_INVALID', 'one of present, intact'],
    [['--rung', 'intct'], 'OPTION_INVALID', 'Did you mean "intact"?'],
  ])('refuses %j by %s', async (args, errorCode, hint) => {
    const at = await place('protect: { applications: [{ name: shop, namespaces: [shop] }] }\n');
    const { code, stdout, stderr } = await run(at, 'verify', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error ${errorCode}: `));
    expect(stderr.split('\nhint: ')[1]).toContain(hint);
  });

  test('says so where the folder for results cannot be made, or where nothing has a name', async () => {
    const env = { XDG_STATE_HOME: '/dev/null/state' };
    const made = await inProcess(['verify', root], { env });
    expect(made).toMatchObject({ code: 2, stdout: '' });
    expect(made.stderr).toMatch(
      /^error STATE_FOLDER_MISSING: .*"\/dev\/null\/state\/drydock" .*\(ENOTDIR\)\nhint: .*--state/,
    );
    const named = await inProcess(['verify', root, '--cluster', 'prod'], { env });
    expect(named.stderr).toContain('hint: Add it to "clusters:" of the configuration');
  });

  test('without a location or a configuration says what is missing', async () => {
    const { code, stderr } = await inProcess(['verify', '-c', '/nowhere/drydock.yaml']);
    expect(code).toBe(2);
    expect(stderr).toContain('error CONFIG_NOT_FOUND: ');
  });

  test.each([['verify'], ['status'], ['velero', 'backups']])(
    'ends "%s %s" with 130 when somebody stops it',
    async (...command) => {
      const { env, file } = await place();
      const state = `file://${await folder()}`;
      const where = command[0] === 'velero' ? [root] : ['--state', state];
      const signal = AbortSignal.abort(new Interrupted());
      const args = [...command.filter(Boolean), ...where, '-c', file];
      const { code, stdout, stderr } = await inProcess(args, { env, signal });
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).toContain('error INTERRUPTED: ');
    },
  );

  test('that its deadline ends is unfinished, and ends with 3', async () => {
    const { env, file } = await place();
    let minutes = 0;
    const clock = { ...fakeClock(NOW), now: () => new Date(NOW.getTime() + 60_000 * minutes++) };
    const args = ['verify', '-c', file, '--deadline', '5m'];
    const { code, stdout } = await inProcess(args, { env, clock });
    expect(code).toBe(3);
    expect(stdout).toMatch(/\nUnfinished: The deadline came before everything was read\n/);
    expect(stdout).toMatch(/\nUnfinished after \d+ min.*\n$/);
    expect(stdout).not.toContain('PROVEN AGE');
  });

  test('refuses a state whose records cannot be believed', async () => {
    const at = await place();
    await run(at, 'verify', '--rung', 'present');
    const looks = join(at.cwd, 'drydock/looks');
    for (const name of await readdir(looks)) {
      if (!name.endsWith('.json')) continue;
      const text = await readFile(join(looks, name), 'utf8');
      await writeFile(join(looks, name), text.slice(0, -20));
    }
    const { code, stdout } = await run(at, 'verify', '--rung', 'present');
    expect(code).toBe(4);
    expect(stdout).toContain('error: RECORD_DAMAGED');
  });
});

describe('drydock verify of a bucket', () => {
  let s3: S3Server;

  beforeEach(async () => {
    s3 = await startS3Server();
    s3.createBucket('backups');
    await fixtureOnServer(world.fixture, s3, 'backups');
    vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await s3.close();
  });

  test('shows the ladder, what was found and a verdict; status shows what it left', async () => {
    const at = await place('', '', `s3://backups/prod?endpoint=${s3.endpoint}`);
    const before = s3.requests.length;
    const { code, stdout, stderr } = await run(at, 'verify');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [title, head = '', ...lines] = stdout.split('\n');
    expect(title).toBe('prod s3://backups/prod');
    expect(head).toMatch(/^APPLICATION +POINTS +REPORTED +PRESENT +INTACT +RESTORED +PROVEN AGE$/);
    const rows = new Map(
      lines.map((line) => line.split(/ {2,}/)).map(([name = '', ...rest]) => [name, rest]),
    );
    expect(rows.get('shop')?.slice(1)).toEqual([
      '34 min',
      '34 min',
      '34 min',
      '-',
      '34 min of 24 h',
    ]);
    expect(rows.get('archive')?.slice(1)).toEqual([
      '38 min',
      '-',
      '-',
      '-',
      'none of 24 h, unproven',
    ]);
    expect(stdout).toMatch(/^archive: volume "archive\/cold": /m);
    const severities = [...stdout.matchAll(/^(critical|error|warning|info) [A-Z_]+ /gm)];
    const order = ['critical', 'error', 'warning', 'info'];
    const found = severities.map(([, severity = '']) => order.indexOf(severity));
    expect(found.length).toBeGreaterThan(5);
    expect(found).toEqual([...found].sort());
    expect(stdout).toMatch(
      /\nDone in .*; 4 applications: 3 within RPO, 1 unproven; .*\d errors, .*\d unchecked \(.*\)\n$/,
    );
    expect(stdout).not.toContain(CANARY);
    expect(stdout).not.toContain(s3.credentials.secretAccessKey);
    // A bucket is only ever read.
    const methods = new Set(s3.requests.slice(before).map(({ method }) => method));
    expect([...methods].filter((method) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    const status = await run(at, 'status', '-o', 'json');
    expect(status.code).toBe(1);
    const { rows: kept, state } = published('status', status.stdout);
    expect(state).toBe(`file://${at.cwd}/drydock`);
    expect(kept).toContainEqual(
      expect.objectContaining({ application: 'shop', location: 'prod', verdict: 'within-rpo' }),
    );
    expect(kept).toContainEqual(
      expect.objectContaining({ application: 'archive', verdict: 'unproven' }),
    );
  });

  test('that denies everything ends with 3, and the others still have their turn', async () => {
    s3.setFault(() => ({ answer: { status: 403, code: 'AccessDenied' } }));
    const url = `s3://backups/prod?endpoint=${s3.endpoint}`;
    const at = await place('', `  denied: { url: "${url}" }\n`);
    const alone = await run(at, 'verify', 'denied');
    expect(alone.code).toBe(3);
    expect(alone.stdout).toContain('critical LOCATION_UNREADABLE s3://backups/prod');
    const other = await run(at, 'verify', 'denied', `${url.replace('prod', 'other')}`);
    expect(other.code).toBe(3);
    expect(other.stdout.match(/LOCATION_UNREADABLE s3:\/\/backups\/(?:prod|other)/g)).toHaveLength(
      2,
    );
    const { code, stdout } = await run(at, 'verify', '--rung', 'present', '-o', 'json');
    expect(code).toBe(3);
    expect(published('report', stdout)).toMatchObject({
      errors: [{ code: 'denied', failure: 'operation' }],
      ladders: [{ location: 'prod' }],
    });
    expect(stdout + alone.stdout).not.toContain(s3.credentials.secretAccessKey);
  });
});
