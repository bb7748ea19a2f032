/** A released Velero makes, refuses and removes backups; `verify` is right about each of them. */
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { openStore } from '../../functions/stores.ts';
import { runVerify } from '../../functions/verify-run.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { silentProgress } from '../../shared/model/progress.ts';
import type { Report } from '../../shared/model/report.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { BUCKET_KEYS, Bucket } from '../fixtures/bucket.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import { bytesOf, codesOf, findingOf, put, removeBelow, rowOf } from '../verify/answers.ts';
import type { KubeObject } from './cluster/api.ts';
import { type ControlPlane, startControlPlane } from './cluster/control-plane.ts';
import { applyAll, waitForObject } from './cluster/manifests.ts';
import { kubeconfigOf } from './cluster/pki.ts';
import { controlPlanePrograms, veleroPrograms } from './cluster/programs.ts';
import {
  checkVeleroPort,
  installVelero,
  startVelero,
  VELERO_NAMESPACE,
  type VeleroServer,
  veleroPath,
  waitForPhase,
} from './cluster/velero-server.ts';
import { describeTier } from './tier.ts';

const HOUR_MS = 3_600_000;
const LOCATION = veleroPath('backupstoragelocations', 'default');
const ENDED = ['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation'];
const OBSERVER = { name: 'drydock-observer', namespace: VELERO_NAMESPACE };

describeTier('velero', 'verify beside a living Velero', () => {
  let folder: string;
  let bucket: Bucket;
  let store: ObjectStore;
  let plane: ControlPlane;
  let server: VeleroServer;
  let scheduled: string;
  const url = () => `s3://production/prod?region=us-east-1&endpoint=http://${bucket.endpoint}`;
  const onDisk = (path: string) => join(folder, 'store/data/production/prod', path);
  const context = { env: process.env, clock: systemClock, log: silentLogger } as const;

  /** The job as the command line runs it, asking the cluster by a kubeconfig of `folder`. */
  const verified = async (kubeconfig: string, now = systemClock.now()): Promise<Report> => {
    const config = parseConfig(
      JSON.stringify({
        version: 1,
        locations: { main: { url: url(), cluster: 'lab' } },
        clusters: { lab: { kubeconfig: { path: join(folder, kubeconfig) } } },
        protect: { applications: [{ name: 'app', namespaces: ['app'] }] },
      }),
      'drydock.yaml',
    );
    const path = join(folder, `state-${kubeconfig}`);
    const state = { location: { kind: 'file', path }, access: {} } as const;
    const run = { config, state, stateIsLocal: true, dryRun: false } as const;
    const deadline = deadlineAt(undefined, systemClock);
    return await runVerify(run, { ...context, progress: silentProgress }, now, deadline);
  };
  const submit = async (kind: string, name: string, more: object): Promise<void> => {
    const metadata = { name, namespace: VELERO_NAMESPACE };
    await applyAll(plane.api, [{ apiVersion: 'velero.io/v1', kind, metadata, ...more }]);
  };
  const backUp = async (name: string, spec: object = {}): Promise<KubeObject> => {
    await submit('Backup', name, {
      spec: { storageLocation: 'default', includedNamespaces: ['app'], ...spec },
    });
    return await waitForPhase(plane, 'backups', name, ENDED);
  };

  beforeAll(async () => {
    await checkVeleroPort();
    vi.stubEnv('AWS_ACCESS_KEY_ID', BUCKET_KEYS.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', BUCKET_KEYS.secretAccessKey);
    folder = await mkdtemp(join(tmpdir(), 'drydock-verify-'));
    bucket = await Bucket.start(join(folder, 'store'), 'production');
    store = await openStore({ location: parseLocationUrl(url()), access: {} }, context);
    plane = await startControlPlane({ programs: controlPlanePrograms() });
    const location = {
      name: 'default',
      endpoint: `http://${bucket.endpoint}`,
      bucket: bucket.name,
      prefix: 'prod',
      ...BUCKET_KEYS,
    };
    const options = { programs: veleroPrograms(), folder: join(folder, 'server'), location };
    await installVelero(plane, options);
    await applyAll(plane.api, workloads());
    server = await startVelero(plane, options);
    await copyFile(plane.kubeconfig, join(folder, 'admin'));
    await writeFile(join(folder, 'observer'), await observerKubeconfig(plane));
    scheduled = await backUpAll();
  });

  /** Whatever Velero can be made to do with a backup, and what can be done behind its back. */
  async function backUpAll(): Promise<string> {
    const due = new Date(Date.now() - 72 * HOUR_MS).toISOString().replace(/\.\d+Z$/, 'Z');
    const template = { includedNamespaces: ['app', 'quiet'], excludedNamespaces: ['excluded'] };
    // Its last backup is long ago, so that the server takes it up at once.
    await submit('Schedule', 'daily', {
      spec: { schedule: '0 3 * * *', template },
      status: { lastBackup: due },
    });
    const completed = async (name: string) =>
      expect((await backUp(name)).status, name).toMatchObject({ phase: 'Completed' });
    await completed('undead');
    // So that the next one begins in another second, and is newer.
    await sleep(1100);
    await completed('manual');
    await plant();
    const plantedMs = Date.now();
    for (const name of ['vanished', 'halfway', 'doomed']) await completed(name);
    // The last one: 1.18.2 may leave what is queued behind a refused backup where it is.
    const refused = await backUp('refused', { excludedNamespaces: ['app'] });
    expect(refused.status?.['phase']).toBe('FailedValidation');
    await submit('DeleteBackupRequest', 'doomed', { spec: { backupName: 'doomed' } });
    const backups = await waitForObject(plane.api, veleroPath('backups'), (list) => {
      const { items } = list as unknown as { items: KubeObject[] };
      const own = items.find(({ metadata }) => metadata.name.startsWith('daily-'));
      const isGone = items.every(({ metadata }) => metadata.name !== 'doomed');
      return isGone && own?.status?.['phase'] === 'Completed' ? own : undefined;
    });
    await letSynchronise(plantedMs);
    return backups.metadata.name;
  }

  /** A copy of a backup under another name, which Velero reads and passes over. */
  async function plant(): Promise<void> {
    for (const { key } of await Array.fromAsync(store.list('backups/manual/'))) {
      const copy = key.replaceAll(/manual(?=[/.-])/g, 'planted');
      await put(store, copy, await bytesOf(store, key));
    }
    const long = new Date(Date.now() - 2 * HOUR_MS);
    for (const file of await readdir(onDisk('backups/planted'))) {
      await utimes(onDisk(`backups/planted/${file}`), long, long);
    }
  }

  /** Once after that time; then no longer, or Velero would forget what has vanished. */
  async function letSynchronise(fromMs: number): Promise<void> {
    await waitForObject(plane.api, LOCATION, ({ status }) =>
      Date.parse(String(status?.['lastSyncedTime'])) > fromMs ? status : undefined,
    );
    await plane.api.mergePatch(LOCATION, { spec: { backupSyncPeriod: '0s' } });
  }

  async function waitForLocation(phase: string): Promise<void> {
    await waitForObject(plane.api, LOCATION, ({ status }) =>
      status?.['phase'] === phase ? status : undefined,
    );
  }

  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.stop();
    await plane?.stop();
    await bucket?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  describe('while it runs', () => {
    test('what it finished is good, what it refused is told with its reason', async () => {
      const report = await verified('admin');
      expect(codesOf(report)).not.toContain('CLUSTER_UNCHECKED');
      for (const name of [scheduled, 'manual', 'vanished', 'halfway']) {
        expect(codesOf(report, `/backups/${name}`), name).toEqual([]);
      }
      const refusals = report.findings.filter(({ code }) => code === 'BACKUP_REFUSED');
      expect(refusals).toMatchObject([
        { subject: expect.stringMatching(/\/refused$/), message: expect.stringContaining('app') },
      ]);
      expect(codesOf(report, '/backups/doomed')).toEqual([]);
      const { proven } = rowOf(report, 'app');
      expect(proven?.rung).toBe('intact');
      // The last of all, unless two of them began in the same second.
      expect(['vanished', 'halfway']).toContain(proven?.point);
      expect(codesOf(report, '/backups/planted')).toContain('BACKUP_NOT_IN_CLUSTER');
    });

    test('the schedule has made its backup, and the namespaces that it leaves out are named', async () => {
      const report = await verified('admin');
      expect(codesOf(report).filter((code) => /^(SLOT|SCHEDULE)_/.test(code))).toEqual([]);
      expect(codesOf(report, 'namespace excluded')).toEqual(['NAMESPACE_EXCLUDED']);
      expect(findingOf(report, 'NAMESPACE_UNSCHEDULED', 'left-out')).toMatchObject({
        severity: 'error',
        evidence: { claims: ['data'] },
      });
      expect(findingOf(report, 'NAMESPACE_UNSCHEDULED', 'orders')).toMatchObject({
        severity: 'warning',
        evidence: { kinds: ['orders.shop.example.com'] },
      });
      expect(codesOf(report, 'namespace app')).toEqual([]);
    });

    test('a volume repository that it cannot open, in its own words', async () => {
      await put(store, 'kopia/broken/p0123', Buffer.from('no pack'));
      const name = 'broken-default-kopia';
      await submit('BackupRepository', name, {
        spec: {
          volumeNamespace: 'broken',
          backupStorageLocation: 'default',
          repositoryType: 'kopia',
          maintenanceFrequency: '1h0m0s',
          resticIdentifier: '',
        },
      });
      const { status } = await waitForObject(
        plane.api,
        veleroPath('backuprepositories', name),
        (each) => (each.status?.['phase'] === 'NotReady' ? each : undefined),
      );
      const report = await verified('admin');
      const found = findingOf(report, 'REPOSITORY_NOT_READY', '/kopia/broken');
      expect(found.message).toContain(String(status?.['message']).slice(0, 40));
    });

    test('a folder at the root makes its location Unavailable, in its own words', async () => {
      await put(store, 'drydock/state.json', Buffer.from('{}'));
      await waitForLocation('Unavailable');
      const found = findingOf(await verified('admin'), 'LOCATION_UNAVAILABLE');
      expect(found).toMatchObject({ severity: 'critical' });
      expect(found.message).toContain('drydock');
      await removeBelow(store, 'drydock/');
      await waitForLocation('Available');
      expect(codesOf(await verified('admin'))).not.toContain('LOCATION_UNAVAILABLE');
    });

    test('the documented rights are enough, and what is not granted is unchecked', async () => {
      const report = await verified('observer');
      const { message, evidence } = findingOf(report, 'CLUSTER_UNCHECKED');
      expect(message).toContain('for its namespaces, volume claims, custom resources: ');
      expect(JSON.stringify(evidence)).toContain('access denied');
      expect(codesOf(report, '/backups/refused')).toEqual(['BACKUP_REFUSED']);
      expect(codesOf(report)).not.toContain('NAMESPACE_UNSCHEDULED');
      await applyAll(plane.api, [binding('ClusterRole')]);
      const granted = await verified('observer');
      expect(codesOf(granted)).not.toContain('CLUSTER_UNCHECKED');
      expect(codesOf(granted)).toContain('NAMESPACE_UNSCHEDULED');
    });
  });

  describe('a quarter of an hour after it was stopped', () => {
    const later = () => new Date(Date.now() + HOUR_MS / 4);
    const goodPoints = () => [scheduled, 'manual', 'planted'];

    beforeAll(async () => {
      await server.stop();
      // Nobody is left to begin this one.
      const spec = { storageLocation: 'default', includedNamespaces: ['app'] };
      await submit('Backup', 'waiting', { spec });
      await removeBelow(store, 'backups/vanished/');
      // As a deletion leaves it of which a step has failed.
      await plane.api.mergePatch(veleroPath('backups', 'undead'), {
        status: { phase: 'Deleting' },
      });
      // As a server that could not upload its last word leaves it (Velero issue 9644).
      const key = 'backups/halfway/velero-backup.json';
      const text = (await bytesOf(store, key)).toString('utf8');
      const left = text.replace('"phase": "Completed"', '"phase": "Finalizing"');
      expect(left).not.toBe(text);
      await put(store, key, Buffer.from(left));
    });

    test('its silence, and what the store no longer holds or never finished', async () => {
      const report = await verified('admin', later());
      expect(findingOf(report, 'LOCATION_SILENT')).toMatchObject({ severity: 'error' });
      expect(codesOf(report, '/backups/vanished')).toContain('BACKUP_NOT_IN_STORE');
      expect(findingOf(report, 'BACKUP_PHASE_DISAGREES', '/backups/halfway')).toMatchObject({
        severity: 'critical',
        evidence: { inCluster: 'Completed', inStore: 'Finalizing' },
      });
      expect(findingOf(report, 'BACKUP_STUCK', '/backups/waiting').severity).toBe('error');
      for (const name of [scheduled, 'manual']) {
        expect(codesOf(report, `/backups/${name}`), name).toEqual([]);
      }
      expect(goodPoints()).toContain(rowOf(report, 'app').proven?.point);
      expect(codesOf(report, '/backups/undead')).toEqual([]);
      const evening = await verified('admin', new Date(Date.now() + 2 * HOUR_MS));
      expect(codesOf(evening, '/backups/undead')).toEqual(['BACKUP_DELETION_STUCK']);
    });

    test('without an API server every part is unchecked, and the store still speaks', async () => {
      await plane.stop();
      const report = await verified('admin', later());
      const { message, evidence } = findingOf(report, 'CLUSTER_UNCHECKED');
      expect(message).toContain('schedules, backups, storage locations, volume repositories');
      expect(evidence?.['reasons']).toHaveLength(7);
      const ofCluster = /^(BACKUP_(NOT_IN|PHASE_DIS|REFUSED)|LOCATION_|NAMESPACE_|CLAIM_)/;
      expect(codesOf(report).filter((code) => ofCluster.test(code))).toEqual([]);
      expect(goodPoints()).toContain(rowOf(report, 'app').proven?.point);
    });
  });
});

/** Namespaces with and without volumes and custom resources, and an account with few rights. */
function workloads(): object[] {
  const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const order = (name: string) => ({
    apiVersion: 'shop.example.com/v1',
    kind: 'Order',
    metadata: { name: 'order-1', namespace: name },
  });
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', data: { colour: 'blue' } };
  return [
    orderDefinition(),
    ...['app', 'quiet', 'orders', 'excluded', 'left-out'].map(namespace),
    { ...configMap, metadata: { name: 'settings', namespace: 'app' } },
    order('app'),
    order('orders'),
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'left-out' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: OBSERVER },
    ...documentedRoles(),
    binding('Role'),
  ];
}

/** The roles as docs/verify.md shows them. */
function documentedRoles(): object[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/verify.md'), 'utf8');
  const block = /```yaml\n(apiVersion: rbac[\s\S]*?)```/.exec(page)?.[1] ?? '';
  return parseAllDocuments(block).map((document) => document.toJS() as object);
}

function binding(kind: 'Role' | 'ClusterRole'): object {
  const apiGroup = 'rbac.authorization.k8s.io';
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: `${kind}Binding`,
    metadata: kind === 'Role' ? OBSERVER : { name: OBSERVER.name },
    roleRef: { apiGroup, kind, name: OBSERVER.name },
    subjects: [{ kind: 'ServiceAccount', ...OBSERVER }],
  };
}

function orderDefinition(): object {
  const schema = { openAPIV3Schema: { type: 'object' } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'orders.shop.example.com' },
    spec: {
      group: 'shop.example.com',
      scope: 'Namespaced',
      names: { kind: 'Order', listKind: 'OrderList', plural: 'orders', singular: 'order' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

/** The administrator's, with the token of the account in the place of the certificate. */
async function observerKubeconfig(plane: ControlPlane): Promise<string> {
  const { namespace, name } = OBSERVER;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const issued = await plane.api.create(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  const config = JSON.parse(kubeconfigOf(plane.pki, plane.api.url)) as object;
  const users = [{ name: 'admin', user: { token: String(issued.status?.['token']) } }];
  return JSON.stringify({ ...config, users });
}
