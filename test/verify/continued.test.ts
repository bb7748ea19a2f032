import { expect, test } from 'vitest';
import type { Report } from '../../shared/model/report.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { codesOf, removeBelow, rowOf } from './answers.ts';
import { checkKills } from './kills.ts';
import { veleroWorld, type World } from './world.ts';

/** Each read of the location takes a second. */
function slow(world: World) {
  const { reader } = world.location;
  const read: typeof reader.read = (key, options) => {
    world.clock.advance(1000);
    return reader.read(key, options);
  };
  return { ...reader, read };
}

test('a run that its deadline cuts is continued, reads nothing twice, and judges only at the end', async () => {
  const world = await veleroWorld();
  const whole = await (await veleroWorld()).run();
  const reads = async (): Promise<number> => world.requests()['source.read'] ?? 0;
  const reports: Report[] = [];
  for (let run = 0; run < 30; run += 1) {
    const report = await world.run({ location: { reader: slow(world) }, deadlineMs: 60_000 });
    reports.push(report);
    if (report.unfinished === undefined) break;
    expect(report.ladders).toBeUndefined();
    expect(codesOf(report)).not.toContain('RPO_BREACHED');
  }
  const last = reports.at(-1);
  expect(reports.length).toBeGreaterThan(2);
  expect(last?.unfinished).toBeUndefined();
  expect(last && rowOf(last, 'shop').newest?.rung).toBe('intact');
  const read = reports.reduce((sum, { measures }) => sum + (measures['backupsRead'] ?? 0), 0);
  // The unfinished backup is read in each of them.
  expect(read).toBeLessThanOrEqual(10 + reports.length);
  expect(last?.ladders?.[0]?.rows.map((row) => row.proven?.point)).toEqual(
    whole.ladders?.[0]?.rows.map((row) => row.proven?.point),
  );
  expect(await reads()).toBeGreaterThan(0);
});

// After every one of them: continued.long.test.ts.
test('killed after some writes to the ledger, the next run finds the same', () => checkKills(7));

test('two runs at once find the same, and leave one ledger', async () => {
  const world = await veleroWorld();
  const [one, other] = await Promise.all([world.run(), world.run()]);
  expect(one.ladders?.[0]?.rows).toEqual(other.ladders?.[0]?.rows);
  const state: ObjectStore = world.state;
  const third = await world.run({ deps: { state } });
  expect(third.measures['proofsWritten']).toBe(0);
});

test('the run of the next day does not judge by what a run that crashed had read', async () => {
  const world = await veleroWorld();
  const write: ObjectStore['write'] = (key, ...rest) =>
    key.startsWith('proofs/')
      ? Promise.reject(new Error('killed'))
      : world.state.write(key, ...rest);
  const crashed = await world.run({ deps: { state: { ...world.state, write } } });
  expect(crashed.errors).toHaveLength(1);
  world.clock.advance(23.9 * 3_600_000);
  await removeBelow(world.store, 'kopia/shop/p');
  expect(rowOf(await world.run(), 'shop').newest?.rung).toBe('reported');
});

test('a message of a run that is delivered again a day later finds what is there then', async () => {
  const world = await veleroWorld();
  const config = { runId: 'once' };
  expect(rowOf(await world.run({ config }), 'shop').newest?.rung).toBe('intact');
  world.clock.advance(25 * 3_600_000);
  await removeBelow(world.store, 'kopia/shop/p');
  expect(rowOf(await world.run({ config }), 'shop').newest?.rung).toBe('reported');
});
