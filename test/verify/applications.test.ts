import { describe, expect, test } from 'vitest';
import type { Application } from '../../shared/config/config.ts';
import type { ClusterClaim } from '../../shared/velero/cluster/velero-cluster.ts';
import {
  applicationsOf,
  type ProtectedApplication,
  partOf,
} from '../../shared/verify/applications.ts';
import { contents, facts, resource, volume } from './facts.ts';
import { realFacts } from './real-facts.ts';

const HOUR_MS = 3_600_000;
const real = await realFacts();
const all = [...real.values()];

function claim(namespace: string, name: string, more: Partial<ClusterClaim> = {}): ClusterClaim {
  const createdAt = new Date('2026-11-01T00:00:00Z');
  return { namespace, name, labels: new Map(), createdAt, phase: 'Bound', ...more };
}

function found(name: string): ProtectedApplication {
  const own = applicationsOf(undefined, [], all, [claim(name, 'any')], HOUR_MS);
  const application = own.find((each) => each.name === name);
  if (application === undefined) throw new Error(`No application "${name}"`);
  return application;
}

function configured(more: Partial<Application> = {}): Application {
  return { name: 'web', namespaces: ['shop'], labels: new Map(), rpoMs: 4 * HOUR_MS, ...more };
}

describe('without a section "protect"', () => {
  test('each namespace that holds claims, in a backup or in the cluster, is an application', () => {
    const own = applicationsOf(undefined, [], all, [claim('wiki', 'pages')], 24 * HOUR_MS);
    expect(own.map(({ name }) => name)).toEqual(['archive', 'billing', 'media', 'shop', 'wiki']);
    expect(own[0]).toEqual({
      name: 'archive',
      namespaces: ['archive'],
      labels: new Map(),
      rpoMs: 24 * HOUR_MS,
      isConfigured: false,
      hasClaims: true,
    });
  });

  test('unprotected namespaces are none, nor are those of unfinished backups', () => {
    const unfinished = facts({ completeness: 'unfinished' });
    expect(applicationsOf(undefined, [], [unfinished], undefined, HOUR_MS)).toEqual([]);
    const own = applicationsOf(undefined, ['media', 'archive'], all, undefined, HOUR_MS);
    expect(own.map(({ name }) => name)).toEqual(['billing', 'shop']);
  });
});

test('configured applications keep their order and their values', () => {
  const application = configured({ class: 'gold', locations: ['main'] });
  const other = configured({ name: 'api', namespaces: ['platform'] });
  expect(applicationsOf([application, other], ['shop'], all, undefined, HOUR_MS)).toEqual([
    { ...application, isConfigured: true, hasClaims: true },
    { ...other, isConfigured: true, hasClaims: false },
  ]);
});

describe('a backup is a recovery point of an application', () => {
  const pointsOf = (application: ProtectedApplication) =>
    all.filter((each) => partOf(application, each) !== undefined).map(({ backup }) => backup);

  test('when its tarball holds its objects and claims', () => {
    expect(pointsOf(found('shop'))).toEqual([
      'frequent-20261121105415',
      'frequent-20261121105615',
      'shop-failing-hook',
    ]);
    expect(pointsOf(found('media'))).toEqual(['media-csi', 'media-moved']);
  });

  test('not when it holds a volume of it alone, without its objects', () => {
    const frequent = real.get('frequent-20261121105615');
    expect(frequent?.volumes.map(({ id }) => id)).toContain('archive/cold');
    expect(pointsOf(found('archive'))).toEqual(['archive-native']);
  });

  test('only with every namespace of it', () => {
    const [both] = applicationsOf(
      [configured({ namespaces: ['shop', 'billing'] })],
      [],
      all,
      undefined,
      HOUR_MS,
    );
    expect(both && pointsOf(both)).toEqual(['frequent-20261121105415', 'frequent-20261121105615']);
  });

  test('not without a claim, when it is known to have any', () => {
    const bare = facts({ contents: contents({ claims: [] }) });
    expect(partOf(found('shop'), bare)).toBeUndefined();
    const stateless = { ...found('shop'), hasClaims: false };
    expect(partOf(stateless, bare)).toEqual({ volumes: [], claims: [], missingClaims: [] });
  });

  test('not when its tarball cannot be read', () => {
    const { contents: _, ...unread } = facts();
    expect(partOf(found('shop'), unread)).toBeUndefined();
  });

  test('not when its labels choose no claim, as those with a typing error', () => {
    for (const namespaces of [[], ['shop']]) {
      const labels = new Map([['app', 'dbb']]);
      const [own] = applicationsOf([configured({ namespaces, labels })], [], all, [], HOUR_MS);
      expect(own && pointsOf(own)).toEqual([]);
    }
  });

  test('by the labels of its claims, in any namespace', () => {
    const [db] = applicationsOf(
      [configured({ namespaces: [], labels: new Map([['app', 'db']]) })],
      [],
      all,
      undefined,
      HOUR_MS,
    );
    const frequent = real.get('frequent-20261121105615') ?? facts();
    const part = db && partOf(db, frequent);
    expect(part?.claims.map(({ name }) => name)).toEqual(['data-db-0']);
    expect(part?.volumes.map(({ id }) => id)).toEqual(['shop/data-db-0']);
    const [other] = applicationsOf(
      [configured({ namespaces: [], labels: new Map([['app', 'web']]) })],
      [],
      all,
      [claim('shop', 'x', { labels: new Map([['app', 'web']]) })],
      HOUR_MS,
    );
    expect(other && partOf(other, frequent)).toBeUndefined();
  });
});

describe('claims that must be in a backup', () => {
  const shop = found('shop');
  const missing = (...claims: ClusterClaim[]) => partOf(shop, facts(), claims)?.missingClaims;

  test('are those that the cluster had before it', () => {
    expect(missing(claim('shop', 'data'), claim('shop', 'uploads'))).toEqual(['shop/uploads']);
  });

  test('are not younger ones, nor those of others, nor those that are left out on purpose', () => {
    const createdAt = new Date('2026-11-24T02:30:00Z');
    const labels = new Map([['velero.io/exclude-from-backup', 'true']]);
    expect(missing(claim('shop', 'new', { createdAt }))).toEqual([]);
    expect(missing(claim('shop', 'unknown', { createdAt: undefined }))).toEqual([]);
    expect(missing(claim('wiki', 'pages'))).toEqual([]);
    expect(missing(claim('shop', 'cache', { labels }))).toEqual([]);
  });

  test('are not missing, but unchecked, where the tarball holds more than is kept of it', () => {
    const cut = facts({ contents: contents({ claims: [], namespaces: [], isCut: true }) });
    const part = partOf(shop, cut, [claim('shop', 'uploads')]);
    expect(part?.missingClaims).toEqual([]);
    expect(part?.unchecked).toMatch(/may be missing/);
  });
});

describe('the volumes of an application in a backup', () => {
  const shop = found('shop');

  test('are those of its claims and of its pods', () => {
    const { claim: _, ...unclaimed } = volume();
    const own = [volume(), { ...unclaimed, id: 'pod:shop/web-0/scratch' }];
    const others = [
      { ...unclaimed, id: 'pod:shop2/web-0/scratch' },
      { ...unclaimed, id: 'pv:pv-1' },
      volume({ id: 'wiki/data', claim: { namespace: 'wiki', name: 'data' } }),
    ];
    expect(partOf(shop, facts({ volumes: [...own, ...others] }))?.volumes).toEqual(own);
  });

  test('are not those of claims that were never bound', () => {
    const claims = [{ namespace: 'shop', name: 'data', labels: [], isBound: false }];
    const volumes = [volume({ method: 'none', result: 'unfinished' })];
    expect(partOf(shop, facts({ contents: contents({ claims }), volumes }))?.volumes).toEqual([]);
  });

  test('name each bound claim, even when no list does', () => {
    expect(partOf(shop, facts())?.volumes).toMatchObject([{ id: 'shop/data', method: 'none' }]);
  });

  test('say nothing of a claim whose data a list may name that could not be read', () => {
    const backup = facts({ unreadVolumeLists: ['backups/a/a-volumeinfo.json.gz'] });
    expect(partOf(shop, backup)?.volumes).toEqual([]);
  });
});

test('a backup that does not say when it was taken requires no claim', () => {
  const { startedAt: _, createdAt: __, ...timeless } = resource();
  const part = partOf(found('shop'), facts({ resource: timeless }), [claim('shop', 'uploads')]);
  expect(part?.missingClaims).toEqual([]);
});
