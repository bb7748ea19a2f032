import { expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import { prefixed } from '../../shared/stores/prefixed.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { codesOf, findingOf, removeBelow, rowOf, verdictsOf } from './answers.ts';
import { type World, worldOf } from './world.ts';

const HOUR_MS = 3_600_000;
const SOURCE = 'ada@laptop:/srv/drydock-fixtures/plain/source/documents';

async function kopiaWorld(place: Partial<NamedLocation> = {}): Promise<World> {
  const fixture = await loadFixture('kopia/plain');
  const [repository] = fixture.meta.repositories;
  const newest = Math.max(...fixture.objects.map(({ lastModified }) => lastModified.getTime()));
  const clock = fakeClock(new Date(newest + HOUR_MS));
  const store = prefixed(await fixtureInMemory(fixture, clock), repository?.prefix ?? '');
  return worldOf(
    store,
    {
      name: 'laptop',
      layout: 'kopia',
      location: { kind: 's3', bucket: 'laptop', prefix: '' },
      access: {},
      ...place,
    },
    clock,
    { passwords: [repository?.password ?? ''] },
  );
}

test('each source of a repository is an application, its complete snapshots are the points', async () => {
  const world = await kopiaWorld({ intervalMs: 6 * HOUR_MS });
  const report = await world.run();
  const rows = report.ladders?.[0]?.rows ?? [];
  expect(rows.map(({ application, points }) => [application, points])).toEqual([
    ['ada@laptop:/srv/drydock-fixtures/plain/source/documents', 2],
    ['ada@laptop:/srv/drydock-fixtures/plain/source/logs', 1],
  ]);
  for (const row of rows) {
    expect(row).toMatchObject({ rpoHours: 6, newest: { rung: 'intact' }, why: [] });
    expect(row.proven).toEqual(row.newest);
  }
  expect(codesOf(report)).toEqual([]);
  expect([...verdictsOf(report).values()]).toEqual(['verified']);
});

test('a source that takes no more snapshots breaches its own interval', async () => {
  const world = await kopiaWorld({ intervalMs: 6 * HOUR_MS });
  await world.run();
  world.clock.advance(8 * HOUR_MS);
  const report = await world.run();
  expect(findingOf(report, 'RPO_BREACHED', 'source/logs').severity).toBe('critical');
  const daily = await kopiaWorld();
  daily.clock.advance(8 * HOUR_MS);
  expect(codesOf(await daily.run())).toEqual([]);
});

test('damage costs the points that need it, and a second run reads no pack again', async () => {
  const world = await kopiaWorld();
  const first = await world.run();
  const second = await world.run();
  expect(first.measures['packsNew']).toBeGreaterThan(1);
  expect(second.measures['packsNew']).toBe(0);
  await removeBelow(world.store, 'p');
  const report = await world.run();
  expect(codesOf(report)).toContain('KOPIA_PACK_MISSING');
  expect(rowOf(report, 'ada@laptop:/srv/drydock-fixtures/plain/source/documents')).toMatchObject({
    newest: { rung: 'reported' },
  });
});

test('a wrong password says nothing of the sources, and takes nothing back', async () => {
  const world = await kopiaWorld();
  const report = await world.run({ location: { passwords: ['wrong'] } });
  expect(codesOf(report)).toEqual(['KOPIA_UNCHECKED']);
  expect([...verdictsOf(report).values()]).toEqual(['unchecked']);
  expect(report.ladders).toBeUndefined();
  await world.run();
  await world.run({ location: { passwords: ['wrong'] } });
  const after = await world.run({ config: { rung: 'present' } });
  expect(rowOf(after, SOURCE).proven).toBeDefined();
});

test('a snapshot that is yet to be taken is no recovery point that counts', async () => {
  const world = await kopiaWorld();
  world.clock.advance(-HOUR_MS / 2);
  const [newest] = (await world.run()).ladders?.[0]?.rows.flatMap((row) => row.newest ?? []) ?? [];
  const ahead = Date.parse(newest?.takenAt ?? '') - HOUR_MS - world.clock.now().getTime();
  world.clock.advance(ahead);
  const report = await world.run();
  const row = rowOf(report, SOURCE);
  expect(row).toMatchObject({ newest: { point: newest?.point, rung: 'reported' } });
  expect(row.why.join()).toContain('yet to come');
  expect(row.proven?.point).not.toBe(newest?.point);
});

test('to the structure alone, the points are present and not proven', async () => {
  const world = await kopiaWorld();
  const report = await world.run({ config: { rung: 'present' } });
  for (const row of report.ladders?.[0]?.rows ?? []) {
    expect(row).toMatchObject({ newest: { rung: 'present' } });
    expect(row.proven).toBeUndefined();
  }
  expect(report.measures['packsRead'] ?? 0).toBe(0);
});

test('a dry run tells what would be read', async () => {
  const world = await kopiaWorld();
  const before = await world.run({ config: { dryRun: true } });
  await world.run();
  const after = await world.run({ config: { dryRun: true } });
  expect(before.measures['bytesToRead']).toBeGreaterThan(after.measures['bytesToRead'] ?? 0);
});

test('a repository that lost all of its snapshots lacks its sources', async () => {
  const world = await kopiaWorld();
  await world.run();
  for (const kind of ['q', 'x', 'p', '_log']) await removeBelow(world.store, kind);
  await world.run();
  world.clock.advance(30 * 24 * HOUR_MS);
  const report = await world.run();
  expect(rowOf(report, SOURCE)).toMatchObject({ points: 0 });
  expect(findingOf(report, 'APPLICATION_ABSENT', 'source/logs').severity).toBe('critical');
});
