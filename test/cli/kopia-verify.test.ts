import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Interrupted } from '../../functions/cli/outcome.ts';
import type { Report } from '../../shared/model/report.ts';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { writeTwin } from '../support/kopia-damage/make.ts';
import { drydock } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, kopia, temporaryFolder } from './kopia-run.ts';

interface VerifyJson extends Omit<Report, 'errors'> {
  readonly repositories: readonly {
    readonly repository: string;
    readonly verdict: string;
    readonly snapshots: readonly { readonly id: string; readonly verdict: string }[];
  }[];
  readonly errors: readonly unknown[];
}
const reportOf = (text: string): VerifyJson => JSON.parse(text) as VerifyJson;

let velero: FixtureFolder;
let small: FixtureFolder;

beforeAll(async () => {
  [velero, small] = (await Promise.all(
    ['velero/v1.18.2', 'kopia/chacha20'].map((name) => fixtureFolder(name, false)),
  )) as [FixtureFolder, FixtureFolder];
  const folders = [velero, small].map(({ folder }) => dirname(folder));
  return () => Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

async function twin(name: string): Promise<{ url: string; env: Record<string, string> }> {
  const damage = DAMAGES.find((each) => each.name === name);
  if (damage === undefined) throw new Error(`there is no damage "${name}"`);
  const made = await damage.make();
  const folder = await temporaryFolder();
  await writeTwin(made, folder);
  return {
    url: `file://${folder}/${made.prefix}`,
    env: { DRYDOCK_KOPIA_PASSWORD: made.password },
  };
}

describe('drydock kopia verify', () => {
  test('of a Velero root tells the verdict of each repository', async () => {
    const { code, stdout } = await kopia(['verify', `${velero.root}/prod`]);
    expect(code).toBe(0);
    expect(stdout.match(/^verified$/gm)).toHaveLength(3);
    expect(stdout).toContain('warning KOPIA_DEFAULT_PASSWORD');
    expect(stdout).toMatch(/\nDone in .*: 3 repositories: 3 verified, \d+ warnings\n$/);
  });

  test('as JSON is a report', async () => {
    const args = ['verify', small.url(), '--level', 'content', '--output', 'json'];
    const { code, stdout } = await kopia([...args, '--threads', '1'], { env: small.env });
    expect(code).toBe(0);
    const report = reportOf(stdout);
    expect(report).toMatchObject({
      schema: 'drydock/report/v1',
      run: { job: 'kopia-verify', dryRun: false },
      scope: { location: small.url(), level: 'content', password: 'env:DRYDOCK_KOPIA_PASSWORD' },
      verdicts: [{ kind: 'verified' }],
      actions: [],
      errors: [],
    });
    expect(report.measures).toMatchObject({ coveragePercent: 100, packsUnproven: 0 });
    expect(report.measures['store.readBytes']).toBeGreaterThan(10_000);
    expect(report.repositories[0]?.snapshots.every(({ verdict }) => verdict === 'verified')).toBe(
      true,
    );
  });

  test('tells what a lost pack costs, and ends with 1', async () => {
    const { url, env } = await twin('pack-missing');
    const { code, stdout } = await kopia(['verify', url], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error KOPIA_PACK_MISSING file:\S+\/p[0-9a-f]{32}-s\w+/m);
    expect(stdout).toMatch(/^damaged 2026-\S+ [0-9a-f]{32} backup@files:\S+: \d+ files? lost: /m);
    expect(stdout).toMatch(/\n {2}hint: Restore the object from an older version/);
    expect(stdout).toMatch(/\nDone in .*: 1 repository: 1 damaged, 1 error/);
  });

  test('sees at the content level what the structure does not show', async () => {
    const { url, env } = await twin('pack-bit-flipped');
    const structure = await kopia(['verify', url], { env });
    expect(structure.code).toBe(0);
    const content = await kopia(['verify', url, '--level', 'content'], { env });
    expect(content.code).toBe(1);
    expect(content.stdout).toContain('error KOPIA_CONTENT_DAMAGED');
  });

  test('what cannot be opened is unchecked, with the place of the password and not its value', async () => {
    const env = { CANARY: 'hunter2-canary' };
    const args = ['verify', small.url(), '--password', 'env:CANARY'];
    for (const output of ['text', 'json']) {
      const { code, stdout, stderr } = await kopia([...args, '--output', output], { env });
      expect(code).toBe(1);
      expect(stdout).toContain('KOPIA_UNCHECKED');
      expect(stdout).toContain('the password from env:CANARY (--password) does not open it');
      expect(stdout + stderr).not.toContain('hunter2');
    }
  });

  test('one repository that fails does not keep the next from its turn', async () => {
    const at = await fixtureFolder('kopia/velero-like');
    await rm(join(at.folder, 'kopia/crm/kopia.repository'));
    const { code, stdout } = await kopia(['verify', at.root, '-o', 'json']);
    expect(code).toBe(1);
    const { repositories, findings } = reportOf(stdout);
    expect(repositories.map(({ verdict }) => verdict)).toEqual(['damaged', 'verified']);
    expect(findings.map((each) => each.code)).toContain('REPOSITORY_ABSENT');
    const shop = await kopia(['verify', at.root, '--repository', 'shop']);
    expect(shop.code).toBe(0);
  });

  test.each([
    [['--share', '2/7'], 'OPTION_INVALID', '--level content'],
    [['--threads', '2'], 'OPTION_INVALID', '--level content'],
    [['--level', 'contents'], 'OPTION_INVALID', 'Did you mean "content"?'],
    [['--level', 'content', '--share', '8/7'], 'OPTION_INVALID', '1/7'],
    [['--level', 'content', '--state', 'SELF'], 'STATE_IN_ROOT', 'another bucket'],
  ])('refuses %j', async (args, errorCode, hint) => {
    const given = args.map((arg) => (arg === 'SELF' ? `${small.url()}/state` : arg));
    const ended = await kopia(['verify', small.url(), ...given], { env: small.env });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`error ${errorCode}: `);
    expect(ended.stderr).toContain(hint);
  });

  test('ends by a signal as an interruption', async () => {
    const controller = new AbortController();
    controller.abort(new Interrupted());
    const ended = await kopia(['verify', small.url()], {
      env: small.env,
      signal: controller.signal,
    });
    expect(ended.code).toBe(130);
  });
});

describe('the state', () => {
  test('lets the next run read what is new, and one slice', async () => {
    const state = `file://${await temporaryFolder()}`;
    const content = ['--level', 'content', '--threads', '1', '--share', '4'];
    const args = ['verify', small.url(), ...content, '--state', state, '-o', 'json'];
    const first = reportOf((await kopia(args, { env: small.env })).stdout);
    expect(first.measures).toMatchObject({ coveragePercent: 100 });
    expect(first.measures['packsRead']).toBe(first.measures['packsNew']);
    const slices = new Set<number | undefined>();
    for (let run = 0; run < 2; run += 1) {
      const next = reportOf((await kopia(args, { env: small.env })).stdout);
      expect(next.measures).toMatchObject({ coveragePercent: 100, packsNew: 0 });
      expect(next.measures['packsRead']).toBeLessThan(first.measures['packsRead'] ?? 0);
      slices.add(next.measures['slice']);
    }
    expect(slices.size).toBe(2);
  });
});

describe('the built command', () => {
  test('checks contents in worker threads', async () => {
    const main = join(import.meta.dirname, '../../dist/cli/main.mjs');
    const args = ['kopia', 'verify', small.url(), '--level', 'content', '--threads', '2'];
    const ended = await drydock(args, { env: small.env, launcher: main });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toContain('100 % of the packs are proven');
  });

  test('and so do the sources', async () => {
    const args = ['kopia', 'verify', small.url(), '--level', 'content', '--threads', '2'];
    expect(await drydock(args, { env: small.env })).toMatchObject({ code: 0, stderr: '' });
  });
});
