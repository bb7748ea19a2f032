import { describe, expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import { forgetAllBut, forgetPoints } from '../../shared/ledger/forget.ts';
import { readLocationLook } from '../../shared/ledger/location-look.ts';
import { addProof, readProofs } from '../../shared/ledger/proofs.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { prefixed } from '../../shared/stores/prefixed.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { openLookKeeper } from '../../shared/verify/look-keeper.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { put, removeBelow } from '../verify/answers.ts';
import { type World, worldOf } from '../verify/world.ts';
import { entriesOf, OLDER, present, smallWorld, takeAway } from './job-world.ts';
import { at, keysOf, uniqueId } from './world.ts';

const DAY_MS = 24 * 3_600_000;

/** What is remembered of points: proofs and first sights. */
async function remembered(world: World): Promise<readonly string[]> {
  const keys = await keysOf(world.state);
  return keys.filter((key) => /^(proofs|first-sight)\//.test(key));
}

/** A state that tells how often proofs were listed, and may refuse to remove. */
function watched(world: World, refuses = false) {
  const seen = { listings: 0 };
  const { state } = world;
  const store: ObjectStore = {
    ...state,
    list(prefix, options) {
      if (prefix.startsWith('proofs/')) seen.listings += 1;
      return state.list(prefix, options);
    },
    removeMany(keys, options) {
      if (refuses) return Promise.reject(new StoreError('denied', 'Cannot remove: denied'));
      return state.removeMany(keys, options);
    },
  };
  return { seen, deps: { state: store } };
}

describe('of a backup that is gone', () => {
  test('proofs and the first sight stay for 90 days, then they go, and nothing else', async () => {
    const world = await smallWorld();
    await world.run(present());
    const before = await remembered(world);
    await removeBelow(world.store, `backups/${OLDER}/`);
    world.clock.advance(DAY_MS);
    const { seen, deps } = watched(world);
    const { findings } = await world.run(present(deps));
    expect(findings.map(({ code }) => code)).toContain('BACKUP_VANISHED');
    // Its end, a month later, was the hour of its garbage collection.
    world.clock.advance(100 * DAY_MS);
    await world.run(present(deps));
    expect(await remembered(world)).toEqual(before);
    expect(seen.listings).toBe(0);
    world.clock.advance(20 * DAY_MS);
    await world.run(present(deps));
    const after = await remembered(world);
    // Its proofs for two applications, and its first sight.
    expect(before.filter((key) => !after.includes(key))).toHaveLength(3);
    expect(after.filter((key) => !before.includes(key))).toEqual([]);
    expect(seen.listings).toBe(1);
    await world.run(present(deps));
    expect(seen.listings).toBe(1);
  });

  test('nothing goes when it came back, and was only away', async () => {
    const world = await smallWorld();
    await world.run(present());
    const before = await remembered(world);
    const bringBack = await takeAway(world.store, `backups/${OLDER}/`);
    await world.run(present());
    await bringBack();
    world.clock.advance(300 * DAY_MS);
    await world.run(present());
    expect(await remembered(world)).toEqual(before);
  });

  test('nothing goes when a backup of its name is there that cannot be read', async () => {
    const world = await smallWorld();
    await world.run(present());
    const before = await remembered(world);
    await removeBelow(world.store, `backups/${OLDER}/`);
    await world.run(present());
    world.clock.advance(300 * DAY_MS);
    await put(world.store, `backups/${OLDER}/velero-backup.json`, Buffer.from('{'));
    await world.run(present());
    expect(await remembered(world)).toEqual(before);
  });

  test('nothing goes because the ledger lost what it knew', async () => {
    const world = await smallWorld();
    await world.run(present());
    await removeBelow(world.store, `backups/${OLDER}/`);
    await world.run(present());
    const before = await remembered(world);
    await removeBelow(world.state, 'looks/');
    world.clock.advance(300 * DAY_MS);
    const { seen, deps } = watched(world);
    await world.run(present(deps));
    expect(await remembered(world)).toEqual(before);
    expect(seen.listings).toBe(0);
  });

  test('nothing goes while the location cannot be listed', async () => {
    const world = await smallWorld();
    await world.run(present());
    await removeBelow(world.store, `backups/${OLDER}/`);
    await world.run(present());
    const before = await remembered(world);
    world.clock.advance(300 * DAY_MS);
    const { reader } = world.location;
    const list: typeof reader.list = () => {
      throw new StoreError('denied', 'Cannot list: denied');
    };
    await world.run({
      ...present(),
      location: { reader: { ...reader, list, listDirectories: list as never } },
    });
    expect(await remembered(world)).toEqual(before);
  });

  test('what may not be removed is no failure of the run, and the next one tries again', async () => {
    const world = await smallWorld();
    await world.run(present());
    await removeBelow(world.store, `backups/${OLDER}/`);
    await world.run(present());
    const before = await remembered(world);
    world.clock.advance(300 * DAY_MS);
    const report = await world.run(present(watched(world, true).deps));
    expect(report.errors).toBeUndefined();
    expect(await remembered(world)).toEqual(before);
    await world.run(present());
    expect(await remembered(world)).toHaveLength(before.length - 3);
  });
});

test('of a Kopia repository what has long gone is forgotten when the next snapshot goes', async () => {
  const fixture = await loadFixture('kopia/plain');
  const [repository] = fixture.meta.repositories;
  const clock = fakeClock(new Date('2027-01-01T00:00:00Z'));
  const store = prefixed(await fixtureInMemory(fixture, clock), repository?.prefix ?? '');
  const location = { kind: 's3', bucket: 'laptop', prefix: '' } as const;
  const place: NamedLocation = { name: 'laptop', layout: 'kopia', location, access: {} };
  const world = worldOf(store, place, clock, { passwords: [repository?.password ?? ''] });
  await world.run(present());
  const there = await remembered(world);
  const { identity } = world.location;
  /** As a run left it that saw a snapshot more. */
  const left = async (point: string): Promise<void> => {
    const id = { location: identity, application: 'a', point, takenAt: at(1) };
    const found = { rung: 'present', outcome: 'proven', provenAt: at(2) } as const;
    await addProof(world.state, id, { ...found, runId: 'r', kind: 'kopia' }, uniqueId);
    const keeper = await openLookKeeper({ state: world.state, uniqueId }, identity);
    if (keeper.previous === undefined) throw new Error('no look');
    const mark = { application: 'a', point, ...found };
    await keeper.save({ ...keeper.previous, marks: [...keeper.previous.marks, mark] });
  };
  await left('one');
  clock.advance(DAY_MS);
  await world.run(present());
  expect(await remembered(world)).toHaveLength(there.length + 1);
  clock.advance(91 * DAY_MS);
  await left('other');
  await world.run({ config: { rung: 'present', application: 'b' } });
  expect(await remembered(world)).toHaveLength(there.length + 2);
  // A repository that cannot be opened says of nothing that it is gone.
  const marks = async () => (await readLocationLook(world.state, identity))?.value.marks;
  const known = await marks();
  await world.run({ ...present(), location: { passwords: ['wrong'] } });
  expect(await marks()).toEqual(known);
  expect(await remembered(world)).toHaveLength(there.length + 2);
  await left('third');
  await world.run(present());
  const after = await remembered(world);
  expect(after).toHaveLength(there.length + 2);
  expect(after).toEqual(expect.arrayContaining([...there]));
});

describe('proofs', () => {
  const LOCATION = 's3://acme-backups/velero';
  const point = (name: string, application = 'shop') => ({
    location: LOCATION,
    application,
    point: name,
    takenAt: at(1),
  });
  const proof = {
    rung: 'intact',
    outcome: 'proven',
    provenAt: at(2),
    runId: 'r',
    kind: 'kopia',
  } as const;

  test('of other points and other locations stay', async () => {
    const state = memoryStore('state', fakeClock(new Date(at(0))));
    const kept = [point('a'), point('a', 'blog'), { ...point('b'), location: 'file:///other' }];
    for (const id of [...kept, point('b'), point('b', 'blog')]) {
      await addProof(state, id, proof, uniqueId);
    }
    await put(state, 'proofs/not-ours.json', Buffer.from('{}'));
    const others = (await entriesOf(state)).size - 2;
    expect(await forgetPoints(state, LOCATION, [])).toEqual({ removed: 0, failures: [] });
    await forgetPoints(state, LOCATION, ['b', 'c']);
    expect((await entriesOf(state)).size).toBe(others);
    for (const id of kept) expect(await readProofs(state, id)).toBeDefined();
  });

  test('of what is not in a repository go when nobody has renewed them for long', async () => {
    const clock = fakeClock(new Date(at(0)));
    const state = memoryStore('state', clock);
    for (const name of ['there', 'gone']) await addProof(state, point(name), proof, uniqueId);
    clock.advance(90 * DAY_MS);
    await addProof(state, point('gone lately'), proof, uniqueId);
    const before = new Date(clock.now().getTime() - DAY_MS);
    expect(await forgetAllBut(state, LOCATION, ['there'], before)).toMatchObject({ removed: 1 });
    expect(await readProofs(state, point('gone'))).toBeUndefined();
    expect(await readProofs(state, point('there'))).toBeDefined();
    expect(await readProofs(state, point('gone lately'))).toBeDefined();
  });
});
