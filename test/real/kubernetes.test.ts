/** The slim client against a released kube-apiserver, as a service account with few rights. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type {
  KubernetesApi,
  KubernetesObject,
  ListEnd,
  ListOptions,
  ResourceType,
  WatchEvent,
} from '../../shared/kubernetes/api.ts';
import { kubernetesApi } from '../../shared/kubernetes/client.ts';
import type { Connection } from '../../shared/kubernetes/connection.ts';
import type { Limits } from '../../shared/kubernetes/exchange.ts';
import { kubeconfigConnection } from '../../shared/kubernetes/kubeconfig.ts';
import type { Clock } from '../../shared/model/clock.ts';
import { makeAuthority } from '../support/certificates.ts';
import { systemClock } from '../support/clock.ts';
import { type ControlPlane, startControlPlane } from './cluster/control-plane.ts';
import { applyAll } from './cluster/manifests.ts';
import { controlPlanePrograms } from './cluster/programs.ts';
import { describeTier } from './tier.ts';

const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', plural: 'configmaps' };
const SECRETS: ResourceType = { group: '', version: 'v1', plural: 'secrets' };
const BACKUPS: ResourceType = { group: 'velero.io', version: 'v1', plural: 'backups' };
const SHOP = { namespace: 'shop' };
const SERVICE_ACCOUNT = 'system:serviceaccount:shop:drydock';

describeTier('kubernetes', 'the API server', () => {
  let plane: ControlPlane;
  let admin: KubernetesApi;
  let drydock: KubernetesApi;
  let connection: Connection;
  const open: KubernetesApi[] = [];
  const client = (more: Partial<Connection> = {}, limits: Partial<Limits> = {}) => {
    const own = { ...connection, ...more };
    const api = kubernetesApi(own, { clock: systemClock, random: Math.random, limits });
    open.push(api);
    return api;
  };

  beforeAll(async () => {
    plane = await startControlPlane({ programs: controlPlanePrograms() });
    await applyAll(plane.api, rights());
    const text = await readFile(plane.kubeconfig, 'utf8');
    const source = `"${plane.kubeconfig}"`;
    const read = (path: string) => readFile(path, 'utf8');
    const asAdmin = await kubeconfigConnection(text, {
      source,
      readFile: read,
      clock: systemClock,
    });
    admin = kubernetesApi(asAdmin, { clock: systemClock, random: Math.random });
    open.push(admin);
    const issued = await plane.api.create('/api/v1/namespaces/shop/serviceaccounts/drydock/token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3600 },
    });
    const token = String(issued.status?.['token']);
    const { clientCertificate: _, ...rest } = asAdmin;
    connection = { ...rest, token: async () => token };
    drydock = client();
  });

  afterAll(async () => {
    for (const api of open) api.close();
    await plane?.stop();
  });

  test('applies, reads, lists in pages and deletes ConfigMaps', async () => {
    const names = Array.from({ length: 23 }, (_, at) => `page-${String(at).padStart(2, '0')}`);
    for (const name of names) await drydock.apply(CONFIG_MAPS, configMap(name, { colour: 'blå' }));
    const stored = await drydock.get(CONFIG_MAPS, { name: 'page-07', ...SHOP });
    expect(stored['data']).toEqual({ colour: 'blå' });
    const options = { ...SHOP, labelSelector: 'made-by=drydock' };
    const paged = client({}, { pageSizeObjects: 10 });
    const { objects, resourceVersion } = await listed(paged, CONFIG_MAPS, options);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(resourceVersion).toMatch(/^\d+$/);
    const found = await listed(drydock, CONFIG_MAPS, {
      ...SHOP,
      fieldSelector: 'metadata.name=page-03',
    });
    expect(found.objects).toHaveLength(1);
    const { uid = '' } = stored.metadata;
    const other = drydock.remove(CONFIG_MAPS, { name: 'page-08', ...SHOP }, { uid });
    await expect(other).rejects.toMatchObject({ code: 'conflict' });
    for (const name of names) await drydock.remove(CONFIG_MAPS, { name, ...SHOP });
    expect((await listed(drydock, CONFIG_MAPS, options)).objects).toEqual([]);
    const gone = drydock.get(CONFIG_MAPS, { name: 'page-07', ...SHOP });
    await expect(gone).rejects.toMatchObject({ code: 'not_found' });
    const again = drydock.remove(CONFIG_MAPS, { name: 'page-07', ...SHOP });
    await expect(again).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a field of another manager is a conflict, and is taken over by force', async () => {
    await plane.api.apply(
      '/api/v1/namespaces/shop/configmaps/owned',
      configMap('owned', { a: '1' }),
    );
    const mine = configMap('owned', { a: '2' });
    const error = await drydock.apply(CONFIG_MAPS, mine).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'conflict' });
    expect(String(error)).toContain('.data.a');
    const forced = await drydock.apply(CONFIG_MAPS, mine, { force: true });
    expect(forced['data']).toEqual({ a: '2' });
  });

  test('what the account may not do is denied, never absent', async () => {
    const calls = [
      () => listed(drydock, SECRETS, SHOP),
      () => listed(drydock, CONFIG_MAPS, { namespace: 'kube-system' }),
      () => listed(drydock, CONFIG_MAPS, {}),
      () => drydock.get(SECRETS, { name: 'no-such', ...SHOP }),
      () => drydock.watch(SECRETS, { ...SHOP, resourceVersion: '0' }).next(),
    ];
    for (const call of calls) {
      const error = await call().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'denied' });
      expect(String(error)).toContain(`User "${SERVICE_ACCOUNT}" cannot`);
    }
    const stranger = client({ token: async () => 'no.such.token' });
    await expect(listed(stranger, CONFIG_MAPS, SHOP)).rejects.toMatchObject({ code: 'denied' });
  });

  test('another CA is refused before the token is sent', async () => {
    const api = client({ ca: makeAuthority('somebody-else').certificate });
    await expect(listed(api, CONFIG_MAPS, SHOP)).rejects.toMatchObject({ code: 'tls_failed' });
  });

  test('custom resources: unknown before their definition, then listed, watched and deleted', async () => {
    const unknown = listed(drydock, BACKUPS, SHOP);
    await expect(unknown).rejects.toMatchObject({ code: 'api_not_found' });
    await applyAll(plane.api, [backupDefinition(), backup('first')]);
    const { objects, resourceVersion } = await listed(drydock, BACKUPS, SHOP);
    expect(objects).toMatchObject([{ kind: 'Backup', metadata: { name: 'first' } }]);
    const other = { ...BACKUPS, plural: 'restores' };
    await expect(listed(drydock, other, SHOP)).rejects.toMatchObject({ code: 'api_not_found' });
    const watch = drydock.watch(BACKUPS, { ...SHOP, resourceVersion });
    await drydock.apply(BACKUPS, backup('second'));
    await drydock.apply(BACKUPS, backup('second', { ttl: '1h' }));
    await drydock.remove(BACKUPS, { name: 'second', ...SHOP });
    expect(await taken(watch, 3)).toEqual(['added second', 'modified second', 'deleted second']);
  });

  test('a watch goes on when the server ends it', async () => {
    const { resourceVersion } = await listed(drydock, CONFIG_MAPS, SHOP);
    let pauses = 0;
    const clock: Clock = {
      now: systemClock.now,
      sleep: async (milliseconds, signal) => {
        pauses += 1;
        // Two connections have ended: what happens now is seen by a third one.
        if (pauses === 2) await drydock.apply(CONFIG_MAPS, configMap('later', {}));
        await systemClock.sleep(milliseconds, signal);
      },
    };
    const brief = kubernetesApi(connection, {
      clock,
      random: () => 0,
      limits: { watchSeconds: 1 },
    });
    open.push(brief);
    const watch = brief.watch(CONFIG_MAPS, { ...SHOP, resourceVersion });
    expect(await taken(watch, 1)).toEqual(['added later']);
    expect(pauses).toBeGreaterThanOrEqual(2);
  });

  test('a namespace that is not there is named', async () => {
    const elsewhere = { ...configMap('a', {}), metadata: { name: 'a', namespace: 'nowhere' } };
    const error = await admin.apply(CONFIG_MAPS, elsewhere).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'not_found' });
    expect(String(error)).toContain('namespaces "nowhere" not found');
  });

  test('a resource version from before the history is "gone"', async () => {
    const watch = drydock.watch(BACKUPS, { ...SHOP, resourceVersion: '1' });
    await expect(watch.next()).rejects.toMatchObject({ code: 'gone' });
  });
});

async function listed(api: KubernetesApi, type: ResourceType, options: ListOptions) {
  const objects: KubernetesObject[] = [];
  const list: AsyncGenerator<KubernetesObject, ListEnd, void> = api.list(type, options);
  for (let step = await list.next(); ; step = await list.next()) {
    if (step.done) return { objects, ...step.value };
    objects.push(step.value);
  }
}

/** The first changes, without bookmarks. */
async function taken(watch: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of watch) {
    if (event.type === 'bookmark') continue;
    if (seen.push(`${event.type} ${event.object.metadata.name}`) === count) break;
  }
  return seen;
}

const metadata = (name: string) => ({ name, ...SHOP, labels: { 'made-by': 'drydock' } });

function configMap(name: string, data: object) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(name), data };
}

function backup(name: string, spec: object = {}) {
  return { apiVersion: 'velero.io/v1', kind: 'Backup', metadata: metadata(name), spec };
}

/** As much of Velero's definition as the API server needs; the server of Velero has its own test. */
function backupDefinition(): object {
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'backups.velero.io' },
    spec: {
      group: 'velero.io',
      names: { kind: 'Backup', listKind: 'BackupList', plural: 'backups', singular: 'backup' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

/** A namespace and an account that may do all to ConfigMaps and Backups there, and nothing else. */
function rights(): object[] {
  const rbac = 'rbac.authorization.k8s.io';
  const named = { name: 'drydock', ...SHOP };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: named,
      rules: [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['*'] },
        { apiGroups: ['velero.io'], resources: ['*'], verbs: ['*'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: named,
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'drydock' },
      subjects: [{ kind: 'ServiceAccount', ...named }],
    },
  ];
}
