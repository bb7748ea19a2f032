import { expect, test } from 'vitest';
import { repositoryLookKey } from '../../shared/ledger/keys.ts';
import { REPOSITORY_LOOK } from '../../shared/ledger/location-look.ts';
import { readRecord } from '../../shared/ledger/record.ts';
import { slicesOf } from '../../shared/verify/repositories.ts';
import { veleroWorld } from './world.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-11-25T12:00:00Z');
const slices = (hoursAgo: number) =>
  slicesOf(
    { contentDays: 7, now },
    { contentReadAt: new Date(now.getTime() - hoursAgo * HOUR_MS).toISOString() },
  );

test('a run reads as much as makes all packs come round within the days allowed', () => {
  expect([1, 6, 24, 72, 2000].map(slices)).toEqual([167, 27, 6, 1, 1]);
  expect(slicesOf({ contentDays: 7, now }, undefined)).toBe(167);
});

test('runs in between that read no contents do not make a slice smaller', async () => {
  const world = await veleroWorld();
  await world.run();
  const readAt = world.clock.now().toISOString();
  world.clock.advance(23 * HOUR_MS);
  await world.run({ config: { rung: 'present' } });
  await world.run({ location: { passwords: ['wrong'] } });
  const key = repositoryLookKey(world.location.identity, 'kopia/shop/');
  const look = await readRecord(world.state, key, REPOSITORY_LOOK);
  expect(look?.value.contentReadAt).toBe(readAt);
  world.clock.advance(HOUR_MS);
  await world.run();
  const after = await readRecord(world.state, key, REPOSITORY_LOOK);
  expect(after?.value.contentReadAt).toBe(world.clock.now().toISOString());
});
