/** A released Velero server is pointed at a replica, in a cluster that knows nothing of it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drydock, type Ended } from '../cli/drydock.ts';
import { BUCKET_KEYS, Bucket } from '../fixtures/bucket.ts';
import { describeTree, type RestoredEntry } from '../fixtures/kopia-answers.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import type { KubeObject } from './cluster/api.ts';
import { type ControlPlane, startControlPlane } from './cluster/control-plane.ts';
import { startFakeNodeAgent } from './cluster/fake-node-agent.ts';
import { startKwokNode } from './cluster/kwok.ts';
import { applyAll, waitForObject } from './cluster/manifests.ts';
import { type Loop, stopAll } from './cluster/processes.ts';
import { controlPlanePrograms, kwokPrograms, veleroPrograms } from './cluster/programs.ts';
import {
  checkVeleroPort,
  installVelero,
  startVelero,
  VELERO_NAMESPACE,
  veleroPath,
  waitForPhase,
} from './cluster/velero-server.ts';
import { describeTier } from './tier.ts';

const fixture = await loadFixture('velero/v1.18.2');
const originals = (kind: string) => fixture.answer('answers/cluster', kind) as KubeObject[];

/** The backups that a replica shows: of these the store has a JSON, and they have ended. */
const EXPECTED = (await storedBackups()).filter(
  ({ status }) => status?.['phase'] !== 'WaitingForPluginOperations',
);

const NODE_NAME = 'node-0';

describeTier('velero', 'a Velero server that reads a replica', () => {
  let folder: string;
  let source: S3Server;
  let replica: Bucket;
  let plane: ControlPlane;
  let azurite: Azurite;
  let runs: Ended[];
  const loops: Loop[] = [];
  const volumes = (namespace: string) => join(folder, 'volumes', namespace);

  beforeAll(async () => {
    await checkVeleroPort();
    folder = await mkdtemp(join(tmpdir(), 'drydock-velero-'));
    source = await startS3Server(BUCKET_KEYS);
    source.createBucket('production');
    source.createBucket('state');
    await fixtureOnServer(fixture, source, 'production');
    replica = await Bucket.start(join(folder, 'replica'), 'replica');
    azurite = await startAzurite();
    await azurite.container('copy').create();
    runs = await replicateTwice(folder, source, azurite, replica);
    plane = await startControlPlane({ programs: controlPlanePrograms() });
    loops.push(...(await startDrillCluster(plane, replica, folder, volumes)));
  });

  afterAll(async () => {
    await stopAll(loops);
    await plane?.stop();
    await replica?.stop();
    await azurite?.close();
    await source?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('has one, copied from S3 to Azure Blob and from there to another S3', () => {
    for (const run of runs) expect(run, run.stdout + run.stderr).toMatchObject({ code: 0 });
    expect(runs).toHaveLength(2);
  });

  test('takes over every finished backup with the status that it had', async () => {
    expect(await waitForBackups(plane, EXPECTED.length)).toEqual(names(EXPECTED));
    for (const { metadata, status } of EXPECTED) {
      const synced = await plane.api.get(veleroPath('backups', metadata.name));
      expect(synced.status, metadata.name).toEqual(status);
    }
  });

  test('takes over the records of the volumes with the snapshots that they name', async () => {
    const synced = await plane.api.list(veleroPath('podvolumebackups'));
    expect(snapshotIds(synced)).toEqual(snapshotIds(originals('pod-volume-backups')));
  });

  test('restores the objects of a backup, custom resources included', async () => {
    await restore(plane, 'platform', { backupName: 'platform-manual' });
    const order = await plane.api.get(
      '/apis/shop.example.com/v1/namespaces/platform/orders/internal-1',
    );
    expect(order.spec).toEqual({ customer: 'platform', items: [] });
  });

  test.each(['billing', 'shop'])('restores the files of %s, byte by byte', async (namespace) => {
    await mkdir(volumes(namespace), { recursive: true });
    const backupName = names(EXPECTED).find((name) => name.startsWith('frequent-')) ?? '';
    await restore(plane, namespace, { backupName, includedNamespaces: [namespace] });
    const restored = await describeTree(volumes(namespace));
    const expected = expectedTree(namespace, backupName);
    expect(comparable(restored)).toEqual(comparable(expected));
    expect(expected.length).toBeGreaterThan(10);
  });
});

/** Every `velero-backup.json` of the fixture; it has no `failureReason`, the cluster has. */
async function storedBackups(): Promise<KubeObject[]> {
  const objects = fixture.objects.filter(({ key }) => key.endsWith('/velero-backup.json'));
  const texts = await Promise.all(objects.map((object) => object.bytes()));
  return texts.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as KubeObject);
}

/** A cluster with one node, one storage class and a Velero that may only read the replica. */
async function startDrillCluster(
  plane: ControlPlane,
  replica: Bucket,
  folder: string,
  volumeFolder: (namespace: string) => string,
): Promise<Loop[]> {
  const location = {
    name: 'default',
    endpoint: `http://${replica.endpoint}`,
    bucket: replica.name,
    prefix: 'prod',
    readOnly: true,
    ...BUCKET_KEYS,
  };
  const options = { programs: veleroPrograms(), folder: join(folder, 'server'), location };
  const node = await startKwokNode(plane, kwokPrograms(), NODE_NAME);
  await installVelero(plane, options);
  await applyAll(plane.api, storageClassMapping());
  const server = await startVelero(plane, options);
  const serves = () => true;
  const agent = await startFakeNodeAgent(plane, server, { node: NODE_NAME, volumeFolder, serves });
  return [node, server, agent];
}

/** The way to restore where the original storage class does not exist. */
function storageClassMapping(): object[] {
  return [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'kwok-volume' },
      provisioner: 'kwok.x-k8s.io/volume',
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'change-storage-class',
        namespace: VELERO_NAMESPACE,
        labels: {
          'velero.io/plugin-config': '',
          'velero.io/change-storage-class': 'RestoreItemAction',
        },
      },
      data: { gp3: 'kwok-volume' },
    },
  ];
}

/** Away and back: what Velero reads in the end is the replica of a replica. */
async function replicateTwice(
  folder: string,
  source: S3Server,
  azurite: Azurite,
  replica: Bucket,
): Promise<Ended[]> {
  const s3 = (path: string, endpoint: string) =>
    `s3://${path}?region=us-east-1&endpoint=${encodeURIComponent(endpoint)}`;
  const from = s3('production/prod', source.endpoint);
  const away = `azblob://${azurite.account}/copy/prod?endpoint=${encodeURIComponent(azurite.endpoint)}`;
  const home = s3('replica/prod', `http://${replica.endpoint}`);
  const options = ['--state', s3('state/drydock', source.endpoint), '--output', 'json'];
  const env = {
    AWS_ACCESS_KEY_ID: BUCKET_KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: BUCKET_KEYS.secretAccessKey,
    AZURE_STORAGE_KEY: azurite.accountKey,
  };
  const first = await drydock(['replicate', from, away, ...options], { cwd: folder, env });
  const second = await drydock(['replicate', away, home, ...options], { cwd: folder, env });
  return [first, second];
}

async function waitForBackups(plane: ControlPlane, count: number): Promise<string[]> {
  return waitForObject(plane.api, veleroPath('backups'), (list) => {
    const { items } = list as unknown as { items: KubeObject[] };
    return items.length >= count ? names(items) : undefined;
  });
}

async function restore(plane: ControlPlane, name: string, spec: object): Promise<void> {
  const metadata = { name, namespace: VELERO_NAMESPACE };
  await applyAll(plane.api, [{ apiVersion: 'velero.io/v1', kind: 'Restore', metadata, spec }]);
  const ended = ['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation'];
  const { status } = await waitForPhase(plane, 'restores', name, ended);
  expect(status).toMatchObject({ phase: 'Completed' });
}

function names(objects: readonly KubeObject[]): string[] {
  return objects.map(({ metadata }) => metadata.name).sort();
}

function snapshotIds(records: readonly KubeObject[]): unknown[] {
  return records.map(({ status }) => status?.['snapshotID']).sort();
}

/** What kopia restored of the snapshot that the backup names for the namespace. */
function expectedTree(namespace: string, backup: string): RestoredEntry[] {
  const record = originals('pod-volume-backups').find(
    ({ metadata, spec }) =>
      metadata.labels?.['velero.io/backup-name'] === backup &&
      (spec?.['pod'] as { namespace: string } | undefined)?.namespace === namespace,
  );
  const folder = `answers/prod_kopia_${namespace}_0.23.1`;
  const trees = fixture.answer(folder, 'restored') as Record<string, RestoredEntry[]>;
  return trees[String(record?.status?.['snapshotID'])] ?? [];
}

/** Without the folder itself, and without the mark that Velero leaves when it is done. */
function comparable(entries: readonly RestoredEntry[]): RestoredEntry[] {
  return entries.filter(({ path }) => path !== '.' && !/^\.velero(\/|$)/.test(path));
}
