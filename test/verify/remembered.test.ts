import { describe, expect, test } from 'vitest';
import { ladderKey } from '../../shared/ledger/keys.ts';
import { LADDER } from '../../shared/ledger/location-look.ts';
import { readRecord } from '../../shared/ledger/record.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { removeBelow, rowOf } from './answers.ts';
import { application, veleroWorld, type World } from './world.ts';

const NEWEST = 'frequent-20261121105615';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The location, with one repository that nobody may read. */
function denying(world: World, namespace: string) {
  const { reader } = world.location;
  const read: typeof reader.read = (key, options) =>
    key.startsWith(`kopia/${namespace}/`)
      ? Promise.reject(new StoreError('denied', 'Cannot read: denied'))
      : reader.read(key, options);
  return { reader: { ...reader, read } };
}

describe('what was proven of an application', () => {
  test('says nothing of a namespace that it was given since', async () => {
    const world = await veleroWorld();
    const before = [application('store', { namespaces: ['shop'] })];
    const first = await world.run({ config: { applications: before } });
    expect(rowOf(first, 'store').proven?.point).toBe(NEWEST);
    world.clock.advance(HOUR_MS);
    const applications = [application('store', { namespaces: ['shop', 'billing'] })];
    const config = { applications };
    const blind = await world.run({ config, location: denying(world, 'billing') });
    expect(rowOf(blind, 'store').proven).toBeUndefined();
    expect(rowOf(blind, 'store').why.join()).toContain('"billing" could not be checked');
    const seen = await world.run({ config });
    expect(rowOf(seen, 'store').proven?.point).toBe(NEWEST);
    const later = await world.run({ config, location: denying(world, 'billing') });
    expect(rowOf(later, 'store').proven?.point).toBe(NEWEST);
  });
});

/** A run of a machine whose clock was a year ahead, and one whose clock is right. */
async function afterClockAhead(): Promise<World> {
  const world = await veleroWorld();
  world.clock.advance(365 * DAY_MS);
  await world.run();
  world.clock.advance(-365 * DAY_MS);
  await world.run();
  return world;
}

describe('after a run whose clock was ahead', () => {
  test('proofs grow old as ever', async () => {
    const world = await afterClockAhead();
    world.clock.advance(20 * DAY_MS);
    const report = await world.run({ location: { passwords: ['wrong'] } });
    expect(rowOf(report, 'shop').proven).toBeUndefined();
  });

  test('backups are read again, and what goes missing is missed', async () => {
    const world = await afterClockAhead();
    await removeBelow(world.store, 'kopia/shop/');
    world.clock.advance(HOUR_MS);
    const report = await world.run();
    expect(rowOf(report, 'shop')).toMatchObject({ newest: { rung: 'reported' } });
    expect(rowOf(report, 'shop').proven).toBeUndefined();
  });
});

test('a look at one application does not keep a row of it that is no longer true', async () => {
  const world = await veleroWorld();
  await world.run();
  for await (const { key } of world.store.list('backups/')) {
    if (!key.startsWith('backups/media-')) await world.store.remove(key);
  }
  world.clock.advance(HOUR_MS);
  const report = await world.run({ config: { application: 'billing' } });
  expect(report.ladders?.[0]?.rows).toEqual([]);
  const ladder = await readRecord(world.state, ladderKey(world.location.identity), LADDER);
  const names = ladder?.value.rows.map((row) => row.application);
  expect(names).toEqual(['archive', 'media', 'shop']);
});
