import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RepositoryLook } from '../../shared/ledger/location-look.ts';
import { RUNGS } from '../../shared/model/rung.ts';
import type { BackupFacts, VolumeFact } from '../../shared/velero/checks/backup-facts.ts';
import { type ProtectedApplication, partOf } from '../../shared/verify/applications.ts';
import {
  ladderRow,
  type PointQuestion,
  type PointStanding,
  standingOf,
} from '../../shared/verify/points.ts';
import { volumeStanding } from '../../shared/verify/volumes.ts';
import { contents, facts, resource, volume } from './facts.ts';
import { NOW, realFacts, realLook, realWitnesses } from './real-facts.ts';

const real = await realFacts();
const SHOP_DISK = { namespace: 'shop', name: 'disk' };

function application(name: string, more: Partial<ProtectedApplication> = {}): ProtectedApplication {
  const base = { name, namespaces: [name], labels: new Map(), rpoMs: 1, isConfigured: false };
  return { ...base, hasClaims: true, ...more };
}

function standing(
  each: BackupFacts | undefined,
  own: ProtectedApplication,
  more: Partial<PointQuestion> = {},
): PointStanding | undefined {
  const part = each && partOf(own, each);
  if (part === undefined) return undefined;
  return standingOf({
    application: own,
    part,
    facts: each as BackupFacts,
    witnesses: realWitnesses(),
    isTampered: false,
    firstSightMatches: true,
    rungWanted: 'intact',
    ...more,
  });
}

describe('the points of a real root', () => {
  const of = (backup: string, name: string, more: Partial<PointQuestion> = {}) =>
    standing(real.get(backup), application(name), more);

  test('stand where their volumes do', () => {
    expect(of('frequent-20261121105615', 'shop')).toMatchObject({
      point: 'frequent-20261121105615 a7f33ac6-22c0-4acc-b740-ef7530a43e28',
      backup: 'frequent-20261121105615',
      takenAt: expect.stringMatching(/^2026-11-21T10:56/),
      rung: 'intact',
      isProven: true,
      isWhole: true,
      provenAt: NOW.toISOString(),
      why: [],
    });
    expect(of('archive-native', 'archive')).toMatchObject({ rung: 'present', isProven: true });
    expect(of('media-moved', 'media')).toMatchObject({ rung: 'intact', isProven: true });
    expect(of('media-csi', 'media')).toMatchObject({
      rung: 'reported',
      isProven: false,
      isWhole: true,
      why: [expect.stringContaining('does not exist')],
    });
  });

  test('are reported when errors of Velero itself concern them', () => {
    expect(of('shop-failing-hook', 'shop')).toMatchObject({
      rung: 'reported',
      isWhole: false,
      why: ['Velero reports 4 errors about it'],
    });
  });

  test('are none when the backup failed or has not ended', () => {
    const empty = real.get('shop-bad-selector');
    const stateless = application('all', { namespaces: [], hasClaims: false });
    expect(empty && partOf(stateless, empty)).toBeDefined();
    expect(standing(empty, stateless)).toBeUndefined();
    expect(of('media-moving', 'media')).toBeUndefined();
    expect(of('lost-upload', 'shop')).toBeUndefined();
  });

  test('are proven by the oldest of their proofs, when each of their volumes is', () => {
    const whole = application('both', { namespaces: ['shop', 'billing'] });
    const at = (billing: Partial<RepositoryLook>) => {
      const looks = new Map([
        ['shop', realLook('shop')],
        ['billing', realLook('billing', billing)],
      ]);
      const witnesses = realWitnesses({ repositories: looks });
      return standing(real.get('frequent-20261121105615'), whole, { witnesses });
    };
    const contentProvenAt = '2026-11-19T00:00:00Z';
    expect(at({ contentProvenAt })).toMatchObject({ rung: 'intact', provenAt: contentProvenAt });

    const disk = { ...real.get('archive-native')?.volumes[0], id: 'shop/disk' } as VolumeFact;
    const own = real.get('frequent-20261121105615');
    const mixed = own && { ...own, volumes: [...own.volumes, { ...disk, claim: SHOP_DISK }] };
    expect(standing(mixed, application('shop'))).toMatchObject({ rung: 'present', isProven: true });
    const { contentProvenAt: _, ...structure } = realLook('shop');
    const witnesses = realWitnesses({ repositories: new Map([['shop', structure]]) });
    const half = standing(mixed, application('shop'), { witnesses });
    expect(half).toMatchObject({ rung: 'present', isProven: false });
  });

  test('say when the run was to go no further', () => {
    const { contentProvenAt: _, ...structure } = realLook('shop');
    const witnesses = realWitnesses({ repositories: new Map([['shop', structure]]) });
    const point = of('frequent-20261121105615', 'shop', { witnesses, rungWanted: 'present' });
    expect(point).toMatchObject({ rung: 'present', isProven: false });
    expect(point?.why.at(-1)).toBe('this run was to go no further than "present"');
  });
});

describe('a point without volume data', () => {
  const stateless = application('shop', { hasClaims: false });
  const bare = facts({ contents: contents({ claims: [] }), lookedAt: '2026-11-25T00:00:00Z' });
  const at = { witnesses: realWitnesses({ now: new Date('2026-11-25T01:00:00Z') }) };

  test('is intact when its bytes are those of its first sight', () => {
    expect(standing(bare, stateless, at)).toMatchObject({
      rung: 'intact',
      isProven: true,
      provenAt: '2026-11-25T00:00:00Z',
    });
  });

  test('is not proven by bytes that were read too long ago', () => {
    const now = new Date('2026-12-25T00:00:00Z');
    const old = standing(bare, stateless, { witnesses: realWitnesses({ now }) });
    expect(old).toMatchObject({ rung: 'intact', isProven: false });
    expect(old?.why).toEqual(['its objects were last read on 2026-11-25T00:00:00Z']);
  });

  test('is present when they were not compared, or differ', () => {
    const unseen = standing(bare, stateless, { ...at, firstSightMatches: false });
    expect(unseen).toMatchObject({ rung: 'present', isProven: false, isWhole: true });
    const changed = standing(bare, stateless, { ...at, isTampered: true });
    expect(changed).toMatchObject({ rung: 'present', isProven: false, isWhole: false });
  });
});

describe('a point is reported alone', () => {
  const shop = application('shop');
  const own = volume({ handle: realLook('shop').snapshots[0]?.id ?? '' });
  const at = { lookedAt: '2026-11-20T00:00:00Z' };
  const day = { startedAt: '2026-11-20T02:00:00Z' };
  const sound = (more: Partial<BackupFacts> = {}): BackupFacts =>
    facts({ ...at, volumes: [own], resource: resource(day), ...more });
  const errors = (more: Partial<NonNullable<BackupFacts['errors']>>) =>
    sound({ errors: { velero: 0, cluster: 0, namespaces: [], ...more } });

  test('only for a reason', () => {
    expect(standing(sound(), shop)).toMatchObject({ rung: 'intact', isProven: true });
    const partial = resource({ ...day, phase: 'PartiallyFailed', errors: 3 });
    const others = errors({ namespaces: [{ name: 'wiki', errors: 3 }] });
    expect(standing({ ...others, resource: partial }, shop)).toMatchObject({ rung: 'intact' });
  });

  const unfinished = { completeness: 'unfinished', incompleteReason: 'it waits' } as const;
  const cases: readonly (readonly [string, BackupFacts, boolean])[] = [
    ['not complete: it waits', sound(unfinished), false],
    ['missing or damaged', sound({ isWhole: false }), false],
    ['reports 1 error about', errors({ cluster: 1 }), false],
    ['reports 2 errors', errors({ namespaces: [{ name: 'shop', errors: 2 }] }), false],
    ['yet to come', sound({ resource: resource({ startedAt: '2030-01-01T00:00:00Z' }) }), false],
    ['lists of volumes', sound({ unreadVolumeLists: ['a'] }), true],
    ['may be missing', sound({ contents: contents({ isCut: true }) }), true],
    ['holds no data', sound({ volumes: [] }), true],
    [
      'Velero counts 3 errors, and what they are could not be read',
      sound({ resource: resource({ ...day, phase: 'PartiallyFailed', errors: 3 }) }),
      true,
    ],
    [
      'name the same snapshot: "shop/data", "shop/db"',
      sound({
        volumes: [own, { ...own, id: 'shop/db', claim: { namespace: 'shop', name: 'db' } }],
      }),
      true,
    ],
  ];
  test.each(cases)('%s', (words, each, isWhole) => {
    const point = standing(each, shop);
    expect(point).toMatchObject({ rung: 'reported', isProven: false, isWhole });
    expect(point).not.toHaveProperty('provenAt');
    expect(point?.why.join()).toContain(words);
  });

  test('because of claims that it lacks', () => {
    const part = { ...partOf(shop, sound()), missingClaims: ['shop/a', 'shop/b'] };
    const point = standing(sound(), shop, { part: part as PointQuestion['part'] });
    expect(point).toMatchObject({ rung: 'reported', isWhole: false });
    expect(point?.why).toEqual([
      'it does not hold "shop/a", "shop/b", which the cluster had before',
    ]);
  });

  test('and is none without a moment to restore to', () => {
    const { startedAt: _, createdAt: __, ...timeless } = resource();
    expect(standing(sound({ resource: timeless }), shop)).toBeUndefined();
  });
});

test('a point stands on the lowest rung of its volumes, and is proven when all of them are', () => {
  const shop = application('shop');
  const pool = [...real.values()].flatMap(({ volumes }) => volumes);
  const distinct = { selector: ({ handle, id }: VolumeFact) => handle ?? id };
  const drawn = fc.uniqueArray(fc.constantFrom(...pool), {
    minLength: 1,
    maxLength: 6,
    ...distinct,
  });
  const volumes = drawn.map((some) =>
    some.map(
      (each, index): VolumeFact => ({
        ...each,
        id: `shop/v${index}`,
        claim: { namespace: 'shop', name: `v${index}` },
      }),
    ),
  );
  const denied = realWitnesses({ snapshots: new Map(), repositories: new Map() });
  const bare = contents({ claims: [{ namespace: 'shop', name: 'v0', labels: [], isBound: true }] });
  fc.assert(
    fc.property(volumes, fc.boolean(), fc.boolean(), (own, isTampered, isSilent) => {
      const witnesses = isSilent ? denied : realWitnesses();
      const each = facts({
        volumes: own,
        contents: bare,
        lookedAt: NOW.toISOString(),
        resource: resource({ startedAt: '2026-11-21T10:00:00Z' }),
      });
      const point = standing(each, shop, { witnesses, isTampered });
      const stood = own.map((one) => volumeStanding(one, witnesses, each.lookedAt));
      const lowest = Math.min(...stood.map(({ rung }) => RUNGS.indexOf(rung)));
      const expected = isTampered ? Math.min(lowest, RUNGS.indexOf('present')) : lowest;
      expect(point?.rung).toBe(RUNGS[expected]);
      expect(point?.isProven).toBe(!isTampered && stood.every(({ isProven }) => isProven));
      if (stood.some(({ outcome }) => outcome !== 'stands')) expect(point?.rung).toBe('reported');
      expect(point?.why.length === 0).toBe(point?.isProven);
    }),
  );
});

describe('a row of the ladder', () => {
  const point = (day: number, more: Partial<PointStanding> = {}): PointStanding => ({
    point: `b${day} uid`,
    backup: `b${day}`,
    takenAt: `2026-11-0${day}T00:00:00Z`,
    rung: 'reported',
    isProven: false,
    isWhole: true,
    why: [`why of ${day}`],
    volumes: [],
    ...more,
  });
  const row = (...points: PointStanding[]) =>
    ladderRow({
      application: application('shop', { class: 'gold' }),
      location: 'main',
      points,
      rpoMs: 24 * 3_600_000,
      breachAfterMs: 26.5 * 3_600_000,
    });

  test('shows the newest point on or above each rung, and the newest that is proven', () => {
    const expiresAt = '2026-12-01T00:00:00Z';
    const intact = point(1, { rung: 'intact', isProven: true, provenAt: NOW.toISOString() });
    const present = point(2, { rung: 'present', expiresAt });
    const shown = row(intact, point(3), present);
    expect(shown).toMatchObject({
      application: 'shop',
      class: 'gold',
      rpoHours: 24,
      breachAfterHours: 26.5,
      points: 3,
      newest: { point: 'b3', rung: 'reported' },
      proven: { point: 'b1', rung: 'intact', provenAt: NOW.toISOString() },
      why: ['why of 3'],
    });
    expect(shown.byRung).toMatchObject({
      reported: { point: 'b3' },
      present: { point: 'b2', expiresAt },
      intact: { point: 'b1' },
    });
    expect(shown.byRung).not.toHaveProperty('restored');
  });

  test('tells so many reasons, and how many more there are', () => {
    const why = Array.from({ length: 20_000 }, (_, index) => `volume ${index}: lost`);
    const shown = row(point(1, { why })).why;
    expect(shown).toHaveLength(21);
    expect(shown.at(-1)).toBe('and 19980 reasons more');
  });

  test('is there without any point', () => {
    const shown = row();
    expect(shown).toMatchObject({ points: 0, byRung: {}, why: [] });
    expect(shown).not.toHaveProperty('newest');
    expect(shown).not.toHaveProperty('proven');
  });

  test('does not depend on the order of points', () => {
    const points = [point(1), point(2), point(2, { point: 'b2 other', why: ['other'] })];
    expect(row(...points)).toEqual(row(...[...points].reverse()));
  });
});
