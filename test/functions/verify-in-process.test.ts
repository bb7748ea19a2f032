import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { configuredVerify } from '../../functions/configured-verify.ts';
import { systemClock } from '../../functions/system-clock.ts';
import { acquireLease } from '../../shared/ledger/lease.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { fixtureInFolder } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';

/** What the timer does without a queue: the real root twice, under the names of two locations. */

let folder: string;
let lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-in-process-'));
  await fixtureInFolder(await loadFixture('velero/v1.18.2'), join(folder, 'a'));
  await mkdir(join(folder, 'state'));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rm(folder, { recursive: true, force: true }));

async function verify(remainingMs: number, ...locations: readonly string[]) {
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const path = join(folder, 'drydock.yaml');
  const all = locations.map((name) => `  ${name}: { url: "file://${folder}/${name}/prod" }`);
  const text = ['version: 1', `state: file://${folder}/state`, 'locations:', ...all].join('\n');
  await writeFile(path, text);
  return configuredVerify({ DRYDOCK_CONFIG: path }, { now: new Date(), remainingMs });
}

const logged = (message: string) =>
  lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);

test('a run without time reads nothing, gives no verdict and leaves the rest to the next one', async () => {
  const { runId, shardsSent, reports } = await verify(1, 'a');
  expect(shardsSent).toBe(0);
  expect(reports).toMatchObject([{ run: { id: runId }, verdicts: [], unfinished: {} }]);
  expect(logged('shard left for the next run')).toMatchObject([
    { runId, location: 'a', continuation: 1 },
  ]);
});

test('a location that cannot be read keeps no other one from its turn', async () => {
  await expect(verify(1, 'absent', 'a')).rejects.toMatchObject({ code: 'bucket_not_found' });
  expect(logged('shard failed')).toMatchObject([{ location: 'absent' }]);
  expect(logged('shard verified')).toMatchObject([{ location: 'a', unfinished: true }]);
});

test('a location that another worker is at is left to it, and looked at when that has ended', async () => {
  const deps = {
    state: fileStore({ path: join(folder, 'state') }),
    clock: systemClock,
    uniqueId: () => 'another',
    isRunning: () => true,
  };
  const owner = { name: 'worker', host: 'another', processId: 1 };
  const lease = await acquireLease(deps, `verify file://${folder}/a/prod`, owner);
  expect(await verify(1, 'a')).toMatchObject({ reports: [] });
  expect(logged('shard left to the worker that is at its location')).toMatchObject([
    { location: 'a', continuation: 0 },
  ]);
  await lease.release();
  expect(await verify(1, 'a')).toMatchObject({ reports: [{ unfinished: {} }] });
  expect(logged('shard left to the worker that is at its location')).toEqual([]);
});
