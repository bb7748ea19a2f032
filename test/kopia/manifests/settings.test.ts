import { describe, expect, test } from 'vitest';
import { maintenanceParametersOf, policiesOf } from '../../../shared/kopia/manifests/settings.ts';
import { openRepository } from '../../../shared/kopia/repository.ts';
import { systemClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';
import { loadFrom, manifest, zipped } from './manifest-contents.ts';

const EARLIER = '2026-11-01T01:00:00Z';

describe('of a real repository', () => {
  test('maintenance has the owner and intervals, policies the targets, that Kopia tells', async () => {
    const fixture = await loadFixture('kopia/plain');
    const [made] = fixture.meta.repositories;
    const store = await fixtureInMemory(fixture, systemClock);
    const { manifests } = await openRepository(store, made?.prefix ?? '', made?.password ?? '');
    const folder = made?.readers[0]?.answers ?? '';
    const told = fixture.answer(folder, 'maintenance') as Record<'quick' | 'full', Cycle> & Owner;
    expect(maintenanceParametersOf(manifests)).toMatchObject({
      owner: told.owner,
      quick: { enabled: told.quick.enabled, intervalMs: told.quick.interval / 1e6 },
      full: { enabled: told.full.enabled, intervalMs: told.full.interval / 1e6 },
    });
    const listed = fixture.answer(folder, 'manifests') as { labels: Record<string, string> }[];
    const labels = listed.map((each) => each.labels).filter(({ type }) => type === 'policy');
    const targets = policiesOf(manifests).map(({ scope, target: { host, userName, path } }) => ({
      type: 'policy',
      policyType: scope,
      hostname: host,
      username: userName,
      path,
    }));
    expect(targets.length).toBeGreaterThan(1);
    expect(targets).toEqual(expect.arrayContaining(labels));
    expect(labels).toHaveLength(targets.length);
  });
});

interface Cycle {
  enabled: boolean;
  interval: number;
}

interface Owner {
  owner: string;
}

describe('policiesOf()', () => {
  test('the latest of one target counts; of equals the greater id', async () => {
    const global = { type: 'policy', policyType: 'global' };
    const host = { type: 'policy', policyType: 'host', hostname: 'h' };
    const found = policiesOf(
      await loadFrom([
        zipped([
          manifest('a', { labels: global, data: 1 }),
          manifest('b', { labels: global, data: 2, modified: EARLIER }),
          manifest('c', { labels: host, data: 3 }),
          manifest('d', { labels: host, data: 4 }),
          manifest('e', { data: 5 }),
        ]),
      ]),
    );
    expect(found).toMatchObject([
      { id: 'a', scope: 'global', target: {}, data: 1 },
      { id: 'd', scope: 'host', target: { host: 'h' }, data: 4 },
    ]);
    expect(found).toHaveLength(2);
  });
});

describe('maintenanceParametersOf()', () => {
  const labels = { type: 'maintenance' };
  const cycle = { enabled: true, interval: 3_600_000_000_000 };
  const data = { owner: 'u@h', quick: cycle, full: { enabled: false, interval: 0 } };

  test('the latest counts', async () => {
    const old = { ...data, owner: 'other@h' };
    const found = maintenanceParametersOf(
      await loadFrom([
        zipped([
          manifest('b', { labels, data: old, modified: EARLIER }),
          manifest('a', { labels, data }),
        ]),
      ]),
    );
    expect(found).toMatchObject({
      owner: 'u@h',
      quick: { enabled: true, intervalMs: 3_600_000 },
      full: { enabled: false, intervalMs: 0 },
    });
  });

  test.each([null, [], { owner: 1 }, { ...data, quick: 1 }, { ...data, full: { enabled: 1 } }])(
    'odd ones (%j) are none',
    async (odd) => {
      const manifests = await loadFrom([zipped([manifest('a', { labels, data: odd })])]);
      expect(maintenanceParametersOf(manifests)).toBeUndefined();
    },
  );

  test('there may be none', async () => {
    expect(maintenanceParametersOf(await loadFrom([zipped([])]))).toBeUndefined();
  });
});
