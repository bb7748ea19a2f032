import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drydock } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, kopia } from './kopia-run.ts';

const ZOO = '7faa1d2cd02626fe59306256212c88b8';
let zoo: FixtureFolder;

beforeAll(async () => {
  zoo = await fixtureFolder('kopia/zoo', false);
  return () => rm(dirname(zoo.folder), { recursive: true });
});

describe('the password', () => {
  const CANARY = 'hunter2-canary';

  test('comes from the option, else the location, else the environment', async () => {
    const good = 'fixture-passw0rd';
    const file = join(zoo.folder, '../password');
    await writeFile(file, `${good}\n`);
    const config = join(zoo.folder, '../drydock.yaml');
    const url = `"${zoo.root}"`;
    await writeFile(
      config,
      `version: 1\nlocations:\n  zoo: { url: ${url}, layout: kopia, repositoryPassword: "env:GOOD" }\n`,
    );
    const bad = { DRYDOCK_KOPIA_PASSWORD: CANARY };
    for (const [args, env] of [
      [['info', zoo.url(), '--password', 'env:GOOD'], { ...bad, GOOD: good }],
      [['info', zoo.url(), '--password', `file:${file}`], bad],
      [['info', zoo.url(), '--password', 'env:GOOD'], { GOOD: ` ${good}\n` }],
      [['info', 'zoo/repo', '--config', config], { ...bad, GOOD: good }],
      [['info', zoo.url()], { DRYDOCK_KOPIA_PASSWORD: good }],
    ] as const) {
      expect(await kopia(args, { env })).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test.each([
    [{}, [], "no password was named, and Velero's default one does not open it"],
    [{ P: CANARY }, ['--password', 'env:P'], 'the password from env:P (--password)'],
    [{ DRYDOCK_KOPIA_PASSWORD: CANARY }, [], 'the password from env:DRYDOCK_KOPIA_PASSWORD'],
  ])('that is wrong is told by its place, never by its value', async (env, args, message) => {
    for (const output of ['text', ...(args.length > 0 ? ['json'] : [])]) {
      const all = ['info', zoo.url(), ...args, '--output', output];
      const { code, stdout, stderr } = await kopia(all, { env });
      expect(code).toBe(3);
      expect(stdout + stderr).toContain('KOPIA_WRONG_PASSWORD');
      expect(stdout + stderr).toContain(
        output === 'json' ? message.replaceAll('"', '\\"') : message,
      );
      expect(stdout + stderr).not.toContain(CANARY);
    }
  });

  test('is never taken from the command line itself', async () => {
    const { code, stderr } = await kopia(['info', zoo.url(), '--password', CANARY]);
    expect(code).toBe(2);
    expect(stderr).toContain('error PASSWORD_INVALID');
    expect(stderr).not.toContain(CANARY);
  });
});

describe('locations', () => {
  test.each([
    [['info', 'nowhere'], 'LOCATION_UNKNOWN', 2],
    [['info', 'nowhere/kopia/shop'], 'LOCATION_UNKNOWN', 2],
    [['info', '/srv/backups'], 'LOCATION_INVALID', 2],
    [['info', 'file:///nowhere/at/all'], 'bucket_not_found', 3],
  ])('%j ends by %s', async (args, errorCode, code) => {
    const ended = await kopia(args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(`error ${errorCode}: `);
  });

  test('without a repository are told so', async () => {
    const { code, stderr } = await kopia(['info', zoo.root]);
    expect(code).toBe(3);
    expect(stderr).toContain('error NOT_A_REPOSITORY: ');
    expect(stderr).toContain('or the Velero root that holds kopia/');
  });

  test('the real command says the same', async () => {
    const { code, stdout, stderr } = await drydock(['kopia', 'snapshots', zoo.url()], {
      env: { ...zoo.env },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(ZOO);
  });
});
