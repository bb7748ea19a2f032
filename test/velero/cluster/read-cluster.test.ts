import { describe, expect, test } from 'vitest';
import { readVeleroCluster } from '../../../shared/velero/cluster/read-cluster.ts';
import type { Told, VeleroCluster } from '../../../shared/velero/cluster/velero-cluster.ts';
import { kubernetesWorld } from '../../kubernetes/world.ts';
import { type ApiAnswer, refused } from '../../support/fake-api-server.ts';
import { DEPLOYMENT, deployment, LOOKED_AT, type Resource, realAnswers, serving } from './world.ts';

const world = kubernetesWorld();
const question = { veleroNamespace: 'velero', now: LOOKED_AT };

async function look(
  lists: ReadonlyMap<string, readonly Resource[]> = realAnswers(),
  more: ReadonlyMap<string, ApiAnswer> = new Map(),
): Promise<VeleroCluster> {
  world.server.answer(serving(lists, more));
  return await readVeleroCluster(world.api({}, { attemptsMax: 2 }), question);
}

function value<T>(part: Told<T>): T {
  if (part.outcome === 'unchecked') throw new Error(part.reason);
  return part.value;
}

/** Every part, and the collection that it is read from. */
const PARTS = {
  schedules: '/apis/velero.io/v1/namespaces/velero/schedules',
  backups: '/apis/velero.io/v1/namespaces/velero/backups',
  storageLocations: '/apis/velero.io/v1/namespaces/velero/backupstoragelocations',
  repositories: '/apis/velero.io/v1/namespaces/velero/backuprepositories',
  namespaces: '/api/v1/namespaces',
  claims: '/api/v1/persistentvolumeclaims',
  customResources: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
} as const satisfies Partial<Record<keyof VeleroCluster, string>>;
const NAMES = Object.keys(PARTS) as (keyof typeof PARTS)[];

describe('what a real cluster says', () => {
  test('its backups, with the location that each belongs to', async () => {
    const cluster = await look();
    expect(cluster).toMatchObject({ serverVersion: 'v1.18.2', lookedAt: LOOKED_AT });
    const phases = value(cluster.backups).map(({ name, status }) => `${name} ${status.phase}`);
    expect(phases).toContain('lost-upload Failed');
    expect(phases).toContain('media-moving WaitingForPluginOperations');
    expect(phases).toHaveLength(10);
    const locations = new Set(value(cluster.backups).map((each) => each.storageLocation));
    expect([...locations]).toEqual(['default']);
  });

  test('its schedule, storage location and volume repositories', async () => {
    const cluster = await look();
    expect(value(cluster.schedules)).toMatchObject([{ name: 'frequent', isPaused: true }]);
    expect(value(cluster.storageLocations)).toMatchObject([
      { name: 'default', provider: 'velero.io/aws', bucket: 'backups', prefix: 'prod' },
    ]);
    expect(value(cluster.storageLocations)[0]?.lastSyncedAt).toEqual(
      new Date('2026-11-21T10:56:15Z'),
    );
    const frequencies = value(cluster.repositories).map(
      ({ volumeNamespace, maintenanceFrequencyMs }) => [volumeNamespace, maintenanceFrequencyMs],
    );
    expect(frequencies).toEqual([
      ['billing', 3_600_000],
      ['media', 3_600_000],
      ['shop', 3_600_000],
    ]);
  });

  test('its namespaces, claims, and where custom resources are', async () => {
    const cluster = await look();
    expect(value(cluster.namespaces)).toContain('platform');
    const claims = value(cluster.claims).map(({ namespace, name }) => `${namespace}/${name}`);
    expect(claims.sort()).toEqual(['archive/cold', 'billing/ledger-data', 'media/library']);
    expect(value(cluster.customResources)).toEqual([
      { namespace: 'platform', kinds: ['orders.shop.example.com'] },
      { namespace: 'shop', kinds: ['orders.shop.example.com'] },
    ]);
    expect(cluster.unreadKinds).toEqual([]);
  });

  test('nothing is written, and nothing asked twice', async () => {
    world.server.answer(serving(realAnswers()));
    const asked = await world.requestsOf(() => readVeleroCluster(world.api(), question));
    expect(new Set(asked.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(new Set(asked.map(({ path }) => path)).size).toBe(asked.length);
  });
});

describe('a part that cannot be read', () => {
  const failures: readonly (readonly [string, ApiAnswer, RegExp])[] = [
    ['denied', refused(403, 'Forbidden'), /access denied/],
    ['throttled', { ...refused(429, 'TooManyRequests') }, /slower pace/],
    ['cut off', { body: '{"kind":"List","items":[', ending: 'reset' }, /no usable answer/],
    ['no list', { body: '<html>welcome to the proxy</html>' }, /no usable answer|no list/],
  ];
  test.each(failures)('is unchecked when it is %s, and spoils no other', async (_, answer, why) => {
    for (const part of NAMES) {
      const cluster = await look(realAnswers(), new Map([[PARTS[part], answer]]));
      for (const each of NAMES) {
        expect(cluster[each].outcome, `${part}: ${each}`).toBe(
          each === part ? 'unchecked' : 'told',
        );
      }
      const { reason, hint } = cluster[part] as Extract<Told<never>, { outcome: 'unchecked' }>;
      expect(reason).toMatch(why);
      expect(hint).not.toBe('');
    }
  });

  test('is unchecked when Velero is not installed, never an empty list', async () => {
    const lists = realAnswers();
    for (const path of lists.keys()) if (path.includes('velero.io')) lists.delete(path);
    const groups = { body: { kind: 'APIGroupList', apiVersion: 'v1', groups: [] } };
    const cluster = await look(lists, new Map([['/apis', groups]]));
    expect(cluster.backups).toMatchObject({
      outcome: 'unchecked',
      reason: expect.stringContaining("Velero's CRDs are not there"),
      hint: expect.stringContaining('kubectl get crd'),
    });
    expect(cluster.namespaces.outcome).toBe('told');
  });

  test('is unchecked when one of its objects cannot be read', async () => {
    const lists = realAnswers();
    lists.set(PARTS.schedules, [{ metadata: { name: 's' }, spec: { schedule: '*'.repeat(5000) } }]);
    const { schedules, backups } = await look(lists);
    expect(schedules).toMatchObject({
      outcome: 'unchecked',
      reason: expect.stringContaining('longer than 4096 characters'),
    });
    expect(backups.outcome).toBe('told');
  });

  test('an API server that does not answer leaves every part unchecked', async () => {
    const api = world.api({ server: 'https://127.0.0.1:1' });
    const cluster = await readVeleroCluster(api, { ...question, veleroVersion: 'v1.17.0' });
    for (const part of NAMES) expect(cluster[part].outcome).toBe('unchecked');
    expect(cluster.serverVersion).toBe('v1.17.0');
  });

  test('an aborted look throws the reason of its signal alone', async () => {
    world.server.answer(serving(realAnswers()));
    const signal = AbortSignal.abort(new Error('enough'));
    const looking = readVeleroCluster(world.api(), { ...question, signal });
    await expect(looking).rejects.toThrow('enough');
  });
});

describe('the version of the server', () => {
  test.each([
    ['registry.example:5000/velero/velero:v1.17.1@sha256:0123', 'v1.17.1'],
    ['velero/velero:1.16.0-rc.2', 'v1.16.0-rc.2'],
    ['velero/velero:main', undefined],
    ['registry.example:5000/velero', undefined],
  ])('of the image %s is %s', async (image, version) => {
    const cluster = await look(realAnswers(), new Map([[DEPLOYMENT, { body: deployment(image) }]]));
    expect(cluster.serverVersion).toBe(version);
  });

  test('is told by a ServerStatusRequest where the Deployment is denied', async () => {
    const lists = realAnswers();
    const status = { phase: 'Processed', serverVersion: 'v1.18.1' };
    const requests = '/apis/velero.io/v1/namespaces/velero/serverstatusrequests';
    lists.set(requests, [{ metadata: { name: 'velero-cli-x7k2p' }, status }]);
    const cluster = await look(lists, new Map([[DEPLOYMENT, refused(403, 'Forbidden')]]));
    expect(cluster.serverVersion).toBe('v1.18.1');
  });
});

describe('custom resources', () => {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const orders = '/apis/shop.example.com/v1/orders';

  test('of a kind that cannot be listed are named, and the others counted', async () => {
    const lists = realAnswers();
    const [order] = lists.get(definitions) ?? [];
    if (order === undefined) throw new Error('the fixture has lost its definition');
    const spec = { ...order.spec, group: 'broken.example.com' };
    lists.set(definitions, [
      ...(lists.get(definitions) ?? []),
      { ...order, spec, metadata: { name: 'x' } },
    ]);
    const broken = new Map([['/apis/broken.example.com/v1/orders', refused(403, 'Forbidden')]]);
    const cluster = await look(lists, broken);
    expect(cluster.unreadKinds).toEqual(['orders.broken.example.com']);
    expect(value(cluster.customResources)).toHaveLength(2);
    const none = await look(lists, new Map([...broken, [orders, refused(403, 'Forbidden')]]));
    expect(none.customResources.outcome).toBe('unchecked');
  });

  test('that a controller made out of others do not count', async () => {
    const lists = realAnswers();
    const owner = { kind: 'Shop', name: 's', uid: '1', controller: true };
    const derived = (lists.get(orders) ?? []).map((each) => ({
      ...each,
      metadata: { ...each.metadata, ownerReferences: [owner] },
    }));
    lists.set(orders, derived);
    expect(value((await look(lists)).customResources)).toEqual([]);
  });

  test('of which there is no end are counted as far as that goes', async () => {
    const lists = realAnswers();
    const many = Array.from({ length: 20_001 }, (_, at) => ({
      metadata: { name: `order-${at}`, namespace: at === 0 ? 'shop' : 'platform' },
    }));
    lists.set(orders, many);
    const cluster = await look(lists);
    expect(value(cluster.customResources)).toHaveLength(2);
    expect(cluster.unreadKinds).toEqual(['orders.shop.example.com']);
  });

  test('are listed of 300 kinds; the others are named', async () => {
    const lists = realAnswers();
    const [order] = lists.get(definitions) ?? [];
    const many = Array.from({ length: 302 }, (_, at) => ({
      metadata: { name: `k${at}.example.com` },
      spec: { ...order?.spec, group: 'example.com', names: { plural: `k${at}` } },
    }));
    lists.set(definitions, many);
    for (let at = 0; at < 302; at += 1) lists.set(`/apis/example.com/v1/k${at}`, []);
    const cluster = await look(lists);
    expect(cluster.unreadKinds).toEqual(['k300.example.com', 'k301.example.com']);
  });
});
