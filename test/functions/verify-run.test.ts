import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runVerify, type VerifyRun } from '../../functions/verify-run.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { ed25519Signer } from '../../shared/ledger/signature.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { silentProgress } from '../../shared/model/progress.ts';
import type { Report } from '../../shared/model/report.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureInFolder } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { silentLogger } from '../support/logger.ts';

/** What is wired, on folders: the real Velero root, and a copy of it as its replica. */
const NOW = new Date('2026-11-24T11:10:00Z');
const NEWEST = 'frequent-20261121105615';

let folder: string;
let key: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-verify-run-'));
  await fixtureInFolder(await loadFixture('velero/v1.18.2'), join(folder, 'source'));
  await cp(join(folder, 'source/prod'), join(folder, 'replica'), {
    recursive: true,
    preserveTimestamps: true,
  });
  for (const state of ['state-1', 'state-2', 'witness']) await mkdir(join(folder, state));
  const pair = generateKeyPairSync('ed25519');
  key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(join(folder, 'key.pem'), key);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const config = (state: string, ...more: readonly string[]) =>
  parseConfig(
    [
      'version: 1',
      `state: file://${folder}/${state}`,
      'locations:',
      `  source: { url: "file://${folder}/source/prod" }`,
      `  replica: { url: "file://${folder}/replica" }`,
      'replicate: { routes: [{ name: away, source: source, target: replica }] }',
      ...more,
    ].join('\n'),
    'drydock.yaml',
  );

function run(
  of: ReturnType<typeof config>,
  more: Partial<VerifyRun> & { readonly only?: string } = {},
): Promise<Report> {
  const clock = fakeClock(NOW);
  const { only, ...rest } = more;
  const { state } = of;
  if (state === undefined) throw new Error('no state');
  const locations = [...of.locations.values()].filter(({ name }) => only === name);
  const asked: VerifyRun = {
    config: of,
    state,
    stateIsLocal: false,
    dryRun: false,
    // No repository is opened, which would take seconds.
    rung: 'present',
    ...(only !== undefined && { locations }),
    ...rest,
  };
  const context = { env: {}, clock, log: silentLogger, progress: silentProgress };
  return runVerify(asked, context, NOW, deadlineAt(undefined, clock));
}

const codesAt = ({ findings }: Report, url: string): string[] =>
  findings.filter(({ subject }) => subject.startsWith(url)).map(({ code }) => code);

/** Everything below a folder that mentions `text`. */
function mentioning(path: string, text: string): string[] {
  const found = execFileSync('grep', ['-rl', '--', text, path], { encoding: 'utf8' });
  return found.split('\n').filter((line) => line !== '');
}

describe('runVerify()', () => {
  test('looks at all locations, counts requests, and signs by the key of the configuration', async () => {
    const of = config(
      'state-1',
      `verify: { signingKey: "file:${folder}/key.pem", witnessState: "file://${folder}/witness" }`,
    );
    const report = await run(of, { runId: 'the-run' });
    expect(report.run).toMatchObject({ job: 'verify', id: 'the-run' });
    expect(report.ladders?.map(({ location }) => location).sort()).toEqual(['replica', 'source']);
    expect(report.measures['location.read']).toBeGreaterThan(0);
    expect(report.measures['state.write']).toBeGreaterThan(0);
    expect(report.measures['witnessState.write']).toBeGreaterThan(0);
    const { keyId } = ed25519Signer(key);
    expect(mentioning(join(folder, 'state-1'), keyId).length).toBeGreaterThan(0);
    expect(mentioning(join(folder, 'witness'), keyId).length).toBeGreaterThan(0);
    expect(JSON.stringify(report)).not.toContain('PRIVATE KEY');
  });

  test('compares the one location that it looks at with what is known of the others', async () => {
    const of = config('state-2');
    await run(of);
    const url = `file://${folder}/replica`;
    expect(codesAt(await run(of, { only: 'replica' }), url)).not.toContain('REPLICA_DIFFERS');
    const path = join(folder, `replica/backups/${NEWEST}/${NEWEST}-resource-list.json.gz`);
    const bytes = await readFile(path);
    await writeFile(path, gzipSync(gunzipSync(bytes), { level: 1 }));
    const report = await run(of, { only: 'replica' });
    await writeFile(path, bytes);
    expect(report.ladders?.map(({ location }) => location)).toEqual(['replica']);
    expect(codesAt(report, url)).toContain('REPLICA_DIFFERS');
  });

  test('leaves nothing behind after a dry run, whose report no bus is told of', async () => {
    const of = config('state-3', 'events: { bus: drydock }');
    const report = await run(of, { dryRun: true, stateIsLocal: true });
    expect(report.run.dryRun).toBe(true);
    await expect(readFile(join(folder, 'state-3'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('refuses a state within any root of the configuration, looked at or not', async () => {
    const location = { kind: 'file', path: join(folder, 'source/prod/state') } as const;
    const asked = { only: 'replica', state: { location, access: {} } };
    await expect(run(config('state-4'), asked)).rejects.toMatchObject({ code: 'STATE_IN_ROOT' });
  });

  test('says which secret is missing before it reads anything', async () => {
    const of = config('state-4', 'verify: { signingKey: "env:ABSENT" }');
    await expect(run(of)).rejects.toMatchObject({ code: 'SECRET_UNRESOLVED' });
  });
});
