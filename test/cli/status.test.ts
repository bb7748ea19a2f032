import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ladderKey } from '../../shared/ledger/keys.ts';
import type { Ladder } from '../../shared/model/ladder.ts';
import { fakeClock } from '../support/clock.ts';
import { startS3Server } from '../support/s3-server/server.ts';
import { folder, parsed } from './drydock.ts';
import { inProcess } from './kopia-run.ts';
import { hoursAgo, ladder, NOW, point, row, stateWith } from './ladder-world.ts';

const PROD = 's3://acme-backups/velero';
const DR = 'azblob://acmebackups/velero';

async function statusOf(ladders: readonly Ladder[], args: readonly string[] = []) {
  const { url } = await stateWith(...ladders);
  return inProcess(['status', '--state', url, ...args], { clock: fakeClock(NOW) });
}

describe('drydock status', () => {
  test('shows its help with examples and exit codes', async () => {
    const { code, stdout } = await inProcess(['status', '--help']);
    expect(code).toBe(0);
    for (const part of ['Usage: drydock status', 'Examples:', 'Exit codes:', '--output <format>']) {
      expect(stdout).toContain(part);
    }
  });

  test('has a line for each application and location, with ages of now in plain hours', async () => {
    const moved = row('media', { rpoHours: 4, breachAfterHours: 9, proven: point(7.5) });
    const { code, stdout, stderr } = await statusOf([
      ladder('prod', PROD, { rows: [row('shop'), moved] }),
      ladder('dr', DR, { checkedAt: hoursAgo(3) }),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const words = (text: string) => text.split(/ {2,}/);
    const [head, ...lines] = stdout.split('\n');
    expect(words(head ?? '')).toEqual([
      'APPLICATION',
      'LOCATION',
      'NEWEST',
      'RUNG',
      'PROVEN AGE',
      'CHECKED',
    ]);
    expect(lines.slice(0, 3).map(words)).toEqual([
      ['media', 'prod', '7 h ago', 'intact', '7.5 h of 4 h, late', '12 min ago'],
      ['shop', 'dr', '7 h ago', 'intact', '7 h of 24 h', '3 h ago'],
      ['shop', 'prod', '7 h ago', 'intact', '7 h of 24 h', '12 min ago'],
    ]);
    expect(stdout).toMatch(/\nRUNG {2,}what is known.*\nPROVEN AGE .*\nCHECKED .*\n\n/);
    for (const left of ['managed databases', 'buckets', 'IAM', 'EFS', 'images', 'secrets stores']) {
      expect(stdout.split('Not covered by these backups:\n')[1]).toContain(left);
    }
    expect(stdout).toMatch(/\n2 applications at 2 locations: 2 within RPO, 1 late\n$/);
  });

  test('ends with 1 when nothing is proven, or it has become too old since the last run', async () => {
    const { proven: _, ...unproven } = row('shop', {
      newest: point(2, { rung: 'reported' }),
      why: ['volume shop/db is a disk snapshot of another account'],
    });
    const first = await statusOf([ladder('dr', DR, { rows: [unproven] })]);
    expect(first.code).toBe(1);
    expect(first.stdout).toMatch(/^shop +dr +2 h ago +reported +none of 24 h, unproven/m);
    expect(first.stdout).toContain('shop at dr: volume shop/db is a disk snapshot of another');
    expect(first.stdout).toMatch(/0 within RPO, 1 unproven\n$/);
    const old = ladder('prod', PROD, { rows: [row('shop', { proven: point(25.6) })] });
    const late = await statusOf([old]);
    expect(late.code).toBe(1);
    expect(late.stdout).toMatch(/ 25.6 h of 24 h, breached /);
    expect((await statusOf([old], ['--fail-on', 'critical'])).code).toBe(0);
    const atTheLimit = ladder('prod', PROD, { rows: [row('shop', { proven: point(25.5) })] });
    expect((await statusOf([atTheLimit])).code).toBe(0);
  });

  test('says when nobody looked for long, and what could not be asked', async () => {
    const old = ladder('prod', PROD, {
      checkedAt: hoursAgo(74),
      unchecked: ['the cluster "prod" could not be asked: it is unreachable'],
    });
    const { code, stdout } = await statusOf([old]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'warning: prod was last checked 3 days ago: run "drydock verify prod"',
    );
    expect(stdout).toContain('unchecked at prod: the cluster "prod" could not be asked');
    expect((await statusOf([old], ['--fail-on', 'warning'])).code).toBe(1);
  });

  test('with a configuration names what was never checked, and leaves foreign ladders out', async () => {
    const { cwd, url } = await stateWith(ladder(PROD, PROD), ladder('gone', 's3://gone/velero'));
    const file = join(cwd, 'drydock.yaml');
    await writeFile(
      file,
      `version: 1\nstate: ${url}\nlocations:\n  main: { url: ${PROD} }\n  dr: { url: ${DR} }\n`,
    );
    const run = (...args: string[]) =>
      inProcess(['status', '--config', file, ...args], { clock: fakeClock(NOW) });
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^shop +main /m);
    expect(stdout).toContain('warning: dr was never checked: run "drydock verify dr"');
    expect(stdout).toContain('the configuration does not name them: gone');
    expect(stdout).toMatch(/\n1 application at 1 location: 1 within RPO\n$/);
    const asJson = parsed((await run('-o', 'json')).stdout);
    expect(asJson).toMatchObject({
      schema: 'drydock/status/v1',
      at: NOW.toISOString(),
      state: url,
      rows: [
        {
          application: 'shop',
          location: 'main',
          url: PROD,
          rpoHours: 24,
          verdict: 'within-rpo',
          newest: { point: 'daily-7', rung: 'intact', ageHours: 7 },
          proven: { point: 'daily-7', ageHours: 7 },
          checkedAt: hoursAgo(0.2),
        },
      ],
      locations: [
        { location: 'dr', isStale: true, isConfigured: true },
        { location: 'gone', isStale: false, isConfigured: false },
        { location: 'main', isStale: false, isConfigured: true, checkedHoursAgo: 0.2 },
      ],
    });
  });

  test('shows no control characters of names from a bucket', async () => {
    const evil = row('shop\u001b[2J', { location: 'p\u202er', why: ['bad\nline'] });
    const { stdout } = await statusOf([ladder('p\u202er', PROD, { rows: [evil] })]);
    expect(stdout).toContain('shop\ufffd[2J at p\ufffdr: bad\ufffdline');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u202e');
  });

  test('without any result says which command makes one', async () => {
    const env = { XDG_STATE_HOME: await folder() };
    for (const [args, options] of [
      [['status', '-c', await emptyConfig()], { env }],
      [['status', '--state', (await stateWith()).url], {}],
    ] as const) {
      const { code, stdout, stderr } = await inProcess(args, options);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/^error LADDER_ABSENT: .*\nhint: Run "drydock verify"/);
    }
  });

  test('refuses a record that is damaged, or of a later Drydock', async () => {
    const { path, url } = await stateWith(ladder('prod', PROD));
    const file = join(path, ladderKey(PROD));
    const text = await readFile(file, 'utf8');
    for (const [bad, errorCode] of [
      ['{', 'RECORD_DAMAGED'],
      [text.replace('"schemaVersion": 1', '"schemaVersion": 2'), 'RECORD_NEWER'],
    ] as const) {
      await writeFile(file, bad);
      const { code, stdout, stderr } = await inProcess(['status', '--state', url]);
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
      expect(stderr).toContain(`error ${errorCode}: `);
    }
  });

  test('takes denied and absent for what they are', async () => {
    const missing = await inProcess(['status', '--state', 'file:///nowhere/at/all']);
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('bucket_not_found') });
    const s3 = await startS3Server();
    try {
      s3.createBucket('state');
      s3.setFault(() => ({ answer: { status: 403, code: 'AccessDenied' } }));
      vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
      const state = `s3://state/drydock?endpoint=${s3.endpoint}`;
      const { code, stdout, stderr } = await inProcess(['status', '--state', state]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain('error denied: ');
      expect(stderr).not.toContain(s3.credentials.secretAccessKey);
    } finally {
      vi.unstubAllEnvs();
      await s3.close();
    }
  });
});

async function emptyConfig(): Promise<string> {
  const cwd = await folder({
    'drydock.yaml': `version: 1\nlocations:\n  prod: { url: ${PROD} }\n`,
  });
  return join(cwd, 'drydock.yaml');
}
