import { describe, expect, test } from 'vitest';
import { listChains } from '../../shared/ledger/evidence-chains.ts';
import { locationLookKey } from '../../shared/ledger/keys.ts';
import { LOCATION_LOOK } from '../../shared/ledger/location-look.ts';
import { listProofs } from '../../shared/ledger/proofs.ts';
import { readRecord } from '../../shared/ledger/record.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { bytesOf, codesOf, findingOf, put, removeBelow, rowOf, verdictsOf } from './answers.ts';
import { application, NOW, PLACE, veleroWorld } from './world.ts';

const NEWEST = 'frequent-20261121105615';
const DAY_MS = 24 * 3_600_000;

describe('a run over the real Velero root', () => {
  test('puts the points of each namespace with claims on their rungs', async () => {
    const world = await veleroWorld();
    const report = await world.run();
    const rows = report.ladders?.[0]?.rows ?? [];
    expect(rows.map((row) => [row.application, row.newest?.rung, row.proven?.point])).toEqual([
      ['archive', 'present', 'archive-native'],
      ['billing', 'intact', NEWEST],
      ['media', 'intact', 'media-moved'],
      ['shop', 'intact', NEWEST],
    ]);
    expect(rows.map(({ why }) => why)).toEqual([[], [], [], []]);
    expect(rowOf(report, 'media')).toMatchObject({ points: 2 });
    expect(rowOf(report, 'shop')).toMatchObject({
      points: 3,
      newest: { takenAt: '2026-11-21T10:56:15.000Z', provenAt: NOW.toISOString() },
      rpoHours: 24,
    });
  });

  test('gives each backup and each repository one verdict', async () => {
    const report = await (await veleroWorld()).run();
    expect(Object.fromEntries(verdictsOf(report))).toEqual({
      'archive-native': 'verified',
      'frequent-20261121105415': 'verified',
      [NEWEST]: 'verified',
      'lost-upload': 'damaged',
      'media-csi': 'damaged',
      'media-moved': 'verified',
      'media-moving': 'unchecked',
      'platform-manual': 'verified',
      'shop-bad-selector': 'damaged',
      'shop-failing-hook': 'damaged',
      billing: 'verified',
      media: 'verified',
      shop: 'verified',
    });
    // The handle that the fake snapshot controller of the fixture gave names nothing.
    expect(findingOf(report, 'SNAPSHOT_MISSING').subject).toMatch(/backups\/media-csi$/);
    expect(codesOf(report, `backups/${NEWEST}`)).toEqual(['SECRETS_IN_CLEAR']);
  });

  test('keeps proofs, a ladder and evidence, and writes nothing to the location', async () => {
    const world = await veleroWorld();
    const before: string[] = [];
    for await (const { key, etag } of world.store.list('')) before.push(`${key} ${etag}`);
    const report = await world.run();
    const after: string[] = [];
    for await (const { key, etag } of world.store.list('')) after.push(`${key} ${etag}`);
    expect(after).toEqual(before);
    const proofs = await Array.fromAsync(
      listProofs(world.state, { location: world.location.identity, application: 'shop' }),
    );
    expect(proofs.map(({ id, proofs: own }) => [id.point.split(' ')[0], own[0]?.rung])).toEqual([
      ['frequent-20261121105415', 'intact'],
      [NEWEST, 'intact'],
    ]);
    expect(report.measures['proofsWritten']).toBe(6);
    const chains = await Array.fromAsync(listChains(world.state));
    expect(chains).toHaveLength(1);
  });

  test('reads nothing of a backup again that is as it was, and proves nothing twice', async () => {
    const world = await veleroWorld();
    const first = await world.run();
    const readFirst = world.requests()['source.read'] ?? 0;
    world.clock.advance(3_600_000);
    const second = await world.run();
    const readSecond = (world.requests()['source.read'] ?? 0) - readFirst;
    // Of ten backups the one that is not finished is read again.
    expect(first.measures['backupsRead']).toBe(10);
    expect(second.measures['backupsRead']).toBe(1);
    expect(second.measures['proofsWritten']).toBe(0);
    expect(readSecond).toBeLessThan(readFirst / 2);
    expect(second.ladders?.[0]?.rows.map(({ proven }) => proven?.point)).toEqual(
      first.ladders?.[0]?.rows.map(({ proven }) => proven?.point),
    );
  });

  test('reads every backup again within the days allowed, though nothing seems to change', async () => {
    const world = await veleroWorld();
    await world.run();
    const most: number[] = [];
    for (let day = 1; day <= 7; day += 1) {
      world.clock.advance(DAY_MS);
      most.push((await world.run()).measures['backupsRead'] ?? 0);
    }
    const key = locationLookKey(world.location.identity);
    const look = await readRecord(world.state, key, LOCATION_LOOK);
    for (const { backup, lookedAt, completeness } of look?.value.backups ?? []) {
      const ageMs = world.clock.now().getTime() - Date.parse(lookedAt);
      if (completeness === 'complete') expect(ageMs, backup).toBeLessThan(7 * DAY_MS);
    }
    // Each at a turn of its own.
    expect(Math.max(...most)).toBeLessThan(8);
  });

  test('looks at one application alone, and leaves what is known of the others', async () => {
    const world = await veleroWorld();
    await world.run();
    const report = await world.run({ config: { application: 'billing' } });
    expect(report.ladders?.[0]?.rows.map((row) => row.application)).toEqual(['billing']);
    const again = await world.run();
    expect(again.measures['proofsWritten']).toBe(0);
  });

  test('a dry run says what would be read, and writes nothing', async () => {
    const world = await veleroWorld();
    const report = await world.run({ config: { dryRun: true } });
    expect(report.measures).toMatchObject({ backupsToRead: 10, repositories: 3 });
    expect(report.measures['objectsToRead']).toBeGreaterThan(70);
    expect(report.measures['bytesToRead']).toBeGreaterThan(2_000_000);
    expect(await Array.fromAsync(world.state.list(''))).toEqual([]);
    expect(world.requests()['source.read'] ?? 0).toBe(0);
  });
});

describe('what is damaged is no point to restore from', () => {
  test('a pack that is gone costs the applications that need it, and a proof falls', async () => {
    const world = await veleroWorld();
    await world.run();
    await removeBelow(world.store, 'kopia/shop/p');
    world.clock.advance(3_600_000);
    const report = await world.run();
    expect(codesOf(report, 'kopia/shop/')).toContain('KOPIA_DEFAULT_PASSWORD');
    expect(codesOf(report)).toContain('KOPIA_PACK_MISSING');
    expect(rowOf(report, 'shop')).toMatchObject({ newest: { rung: 'reported' } });
    expect(rowOf(report, 'shop').proven).toBeUndefined();
    expect(rowOf(report, 'billing').proven).toBeDefined();
    const [, proof] = await Array.fromAsync(
      listProofs(world.state, { location: world.location.identity, application: 'shop' }),
    );
    expect(proof?.proofs.map(({ outcome, rung }) => `${rung} ${outcome}`)).toEqual([
      'present refuted',
      'intact proven',
    ]);
  });

  test('a repository that is gone is told once, and costs its volumes', async () => {
    const world = await veleroWorld();
    await removeBelow(world.store, 'kopia/billing/');
    const report = await world.run();
    expect(codesOf(report)).toEqual(
      expect.arrayContaining(['KOPIA_REPOSITORY_MISSING', 'VOLUME_MANIFEST_MISSING']),
    );
    expect(rowOf(report, 'billing').proven).toBeUndefined();
    expect(rowOf(report, 'shop').proven).toBeDefined();
  });

  test('a tarball that is gone, of which the phase says Completed', async () => {
    const world = await veleroWorld();
    await world.store.remove(`backups/${NEWEST}/${NEWEST}.tar.gz`);
    const report = await world.run();
    expect(codesOf(report, `backups/${NEWEST}`)).toContain('ARTEFACT_MISSING');
    expect(verdictsOf(report).get(NEWEST)).toBe('damaged');
    expect(rowOf(report, 'shop').proven?.point).toBe('frequent-20261121105415');
  });
});

describe('what could not be asked proves nothing, and refutes nothing', () => {
  const denied = new StoreError('denied', 'Cannot read: denied');

  test('a wrong password leaves volumes unchecked, and what was proven stands', async () => {
    const world = await veleroWorld();
    const before = await world.run({ location: { passwords: ['wrong'] } });
    expect(rowOf(before, 'shop')).toMatchObject({ newest: { rung: 'reported' } });
    expect(rowOf(before, 'shop').why[0]).toContain('could not be checked');
    await world.run();
    world.clock.advance(3_600_000);
    const after = await world.run({ location: { passwords: ['wrong'] } });
    expect(codesOf(after)).toContain('KOPIA_UNCHECKED');
    expect(rowOf(after, 'shop').proven).toMatchObject({ point: NEWEST, rung: 'intact' });
    world.clock.advance(15 * DAY_MS);
    const late = await world.run({ location: { passwords: ['wrong'] } });
    expect(rowOf(late, 'shop').proven).toBeUndefined();
  });

  test('a store that denies one repository spoils no other', async () => {
    const world = await veleroWorld();
    const { reader } = world.location;
    const guarded: typeof reader = {
      ...reader,
      read: (key, options) =>
        key.startsWith('kopia/shop/') ? Promise.reject(denied) : reader.read(key, options),
    };
    const report = await world.run({ location: { reader: guarded } });
    expect(findingOf(report, 'KOPIA_UNCHECKED').subject).toContain('kopia/shop');
    expect(codesOf(report)).not.toContain('KOPIA_REPOSITORY_MISSING');
    expect(codesOf(report)).not.toContain('VOLUME_MANIFEST_MISSING');
    expect(rowOf(report, 'billing').proven).toBeDefined();
  });

  test('a location that cannot be listed is an error beside the others', async () => {
    const world = await veleroWorld();
    const closed = {
      ...world.location,
      place: { ...PLACE, name: 'closed' },
      identity: 'closed',
      reader: {
        ...world.location.reader,
        url: 's3://closed',
        list: () => {
          throw denied;
        },
        listDirectories: () => {
          throw denied;
        },
      },
    };
    const report = await world.run({ deps: { locations: [closed, world.location] } });
    expect(report.errors).toMatchObject([{ subject: 's3://closed', failure: 'operation' }]);
    expect(findingOf(report, 'LOCATION_UNREADABLE').severity).toBe('critical');
    expect(rowOf(report, 'shop').proven).toBeDefined();
    const alone = await world.run({ deps: { locations: [closed] } });
    expect(alone.errors).toMatchObject([{ code: 'denied', message: 'Cannot read: denied' }]);
    expect(alone.verdicts).toMatchObject([{ kind: 'unchecked', subject: 's3://closed' }]);
  });
});

describe('the applications of the configuration', () => {
  test('need all of their namespaces, and are missed where they have no point', async () => {
    const world = await veleroWorld();
    const report = await world.run({
      config: {
        applications: [
          application('store', { namespaces: ['shop', 'billing'] }),
          application('crm'),
        ],
      },
    });
    expect(rowOf(report, 'store')).toMatchObject({ points: 2, proven: { point: NEWEST } });
    expect(rowOf(report, 'crm')).toMatchObject({ points: 0 });
    expect(codesOf(report, 'application crm')).toEqual(['APPLICATION_ABSENT']);
  });

  test('say nothing of what else is in a backup: it is only verified where that is proven', async () => {
    const applications = [application('billing')];
    const world = await veleroWorld();
    const verdicts = verdictsOf(await world.run({ config: { applications } }));
    expect(verdicts.get('media-moved')).toBe('verified');
    expect(verdicts.get('media-csi')).toBe('unchecked');
    expect(verdicts.get('shop-failing-hook')).toBe('unchecked');
    // Of the repository of another namespace this run has read nothing.
    const one = verdictsOf(await world.run({ config: { application: 'billing' } }));
    expect(one.get('media-moved')).toBe('unchecked');
    expect(one.get('billing')).toBe('verified');
    const unprotected = ['media'];
    const left = verdictsOf(await world.run({ config: { applications, unprotected } }));
    expect(left.get('media-csi')).toBe('verified');
  });

  test('an objective that is breached is told in hours', async () => {
    const world = await veleroWorld();
    await world.run();
    world.clock.advance(26 * 3_600_000);
    const report = await world.run({ config: { application: 'shop' } });
    expect(findingOf(report, 'RPO_BREACHED', 'application shop').message).toContain('26 hours');
  });
});

test('what vanished before its end is told for a week, and what came back is there again', async () => {
  const world = await veleroWorld();
  await world.run();
  const folder = 'backups/platform-manual/';
  const kept = new Map<string, Buffer>();
  for await (const { key } of world.store.list(folder)) {
    kept.set(key, await bytesOf(world.store, key));
  }
  await removeBelow(world.store, folder);
  expect(codesOf(await world.run(), 'backups/platform-manual')).toEqual(['BACKUP_VANISHED']);
  world.clock.advance(DAY_MS);
  expect(codesOf(await world.run(), 'backups/platform-manual')).toEqual(['BACKUP_VANISHED']);
  for (const [key, bytes] of kept) await put(world.store, key, bytes);
  const back = await world.run();
  expect(codesOf(back, 'backups/platform-manual')).toEqual([]);
  expect(verdictsOf(back).get('platform-manual')).toBe('verified');
});

test('a location that lost all of its backups lacks its applications, however long ago', async () => {
  for (const isExpired of [false, true]) {
    const world = await veleroWorld();
    await world.run();
    if (isExpired) world.clock.advance(40 * DAY_MS);
    await removeBelow(world.store, '');
    await world.run();
    world.clock.advance(30 * DAY_MS);
    const report = await world.run({ config: { unprotected: ['media'] } });
    expect(findingOf(report, 'APPLICATION_ABSENT', 'application shop').severity).toBe('critical');
    expect(report.ladders?.[0]?.rows.map((row) => [row.application, row.points])).toEqual([
      ['archive', 0],
      ['billing', 0],
      ['shop', 0],
    ]);
  }
});
