import { describe, expect, test } from 'vitest';
import { parseLocationUrl } from '../../../shared/config/location.ts';
import { clusterUnchecked } from '../../../shared/velero/cluster/cluster-unchecked.ts';
import { matchStorageLocation } from '../../../shared/velero/cluster/match-location.ts';
import { repositoryFindings } from '../../../shared/velero/cluster/repository-findings.ts';
import { storageLocationFindings } from '../../../shared/velero/cluster/storage-location-findings.ts';
import type {
  StorageLocation,
  VeleroCluster,
} from '../../../shared/velero/cluster/velero-cluster.ts';
import { clusterWith, denied, theLocation } from './twins.ts';
import { type Resource, URL } from './world.ts';

const HERE = parseLocationUrl('s3://backups/prod?endpoint=http://127.0.0.1:37129');

const own = theLocation(clusterWith());
const location = (more: Partial<StorageLocation>): StorageLocation => ({ ...own, ...more });
const config = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));

describe('matchStorageLocation()', () => {
  const match = (url: string, ...all: StorageLocation[]) =>
    matchStorageLocation(all, parseLocationUrl(url))?.name;

  test('goes by bucket and prefix, and prefers the same endpoint', () => {
    expect(matchStorageLocation([own], HERE)).toBe(own);
    const twin = location({
      name: 'twin',
      config: config({ s3Url: 'https://minio.example:9000' }),
    });
    const minio = 's3://backups/prod?endpoint=https://minio.example:9000';
    expect(match(minio, own, twin)).toBe('twin');
    expect(match(minio, own)).toBe('default');
    expect(match('s3://backups/prod?endpoint=https://other.example', own, twin)).toBeUndefined();
    expect(match('s3://backups/other?endpoint=https://minio.example:9000', own)).toBeUndefined();
    expect(match('s3://other/prod?endpoint=https://minio.example:9000', own)).toBeUndefined();
  });

  test('a bucket of AWS is never one behind an endpoint', () => {
    expect(match('s3://backups/prod', own)).toBeUndefined();
    const aws = location({ config: config({ region: 'eu-central-1' }) });
    expect(match('s3://backups/prod', aws)).toBe('default');
    const named = location({ config: config({ s3Url: 'https://s3.eu-central-1.amazonaws.com' }) });
    expect(match('s3://backups/prod', named)).toBe('default');
  });

  test('on Azure by the account as well, which may be part of an address', () => {
    const azure = { provider: 'azure', bucket: 'copy' };
    const account = location({ ...azure, config: config({ storageAccount: 'drydock' }) });
    expect(match('azblob://drydock/copy/prod', account)).toBe('default');
    expect(match('azblob://other/copy/prod', account)).toBeUndefined();
    const uri = 'https://drydock.blob.core.windows.net';
    const addressed = location({ ...azure, config: config({ storageAccountURI: uri }) });
    expect(match('azblob://drydock/copy/prod', addressed)).toBe('default');
    const silent = location({ ...azure, config: new Map() });
    expect(match('azblob://drydock/copy/prod', silent)).toBe('default');
    expect(match('azblob://drydock/copy/prod', own)).toBeUndefined();
  });

  test('of two that are the same the one that is written to counts', () => {
    const reader = location({ name: 'reader', isReadOnly: true });
    expect(matchStorageLocation([reader, own], HERE)?.name).toBe('default');
  });

  test('a folder is the only location that its cluster has', () => {
    expect(match('file:///mnt/backups', own)).toBe('default');
    expect(match('file:///mnt/backups', own, location({ name: 'second' }))).toBeUndefined();
  });
});

describe('storageLocationFindings()', () => {
  const found = (cluster: VeleroCluster, place = HERE) =>
    storageLocationFindings({ cluster, location: place, url: URL });
  const twin = (change: (resource: Resource) => void) =>
    clusterWith('backupstoragelocations', 'default', change);
  const at = (time: string, cluster = clusterWith()) => ({ ...cluster, lookedAt: new Date(time) });

  test('an available location that the server looks after has none', () => {
    expect(found(clusterWith())).toEqual([]);
    expect(found({ ...clusterWith(), storageLocations: denied })).toEqual([]);
  });

  test('an unavailable one, with the words of the server', () => {
    const cluster = twin((resource) => {
      const message = 'found unexpected directory "drydock" at the root';
      resource.status = { ...resource.status, phase: 'Unavailable', message };
    });
    expect(found(cluster)).toMatchObject([
      {
        code: 'LOCATION_UNAVAILABLE',
        severity: 'critical',
        subject: URL,
        message: expect.stringContaining('unexpected directory'),
      },
    ]);
  });

  test('a server that is silent, unless its own periods explain it', () => {
    expect(found(at('2026-11-21T11:01:00Z'))).toEqual([]);
    expect(found(at('2026-11-21T11:02:00Z'))).toMatchObject([
      { code: 'LOCATION_SILENT', severity: 'error', subject: URL },
    ]);
    const slow = twin((resource) => {
      resource.spec = { ...resource.spec, validationFrequency: '10m', backupSyncPeriod: '10m' };
    });
    expect(found(at('2026-11-21T11:20:00Z', slow))).toEqual([]);
    expect(found(at('2026-11-21T11:40:00Z', slow))).toMatchObject([{ severity: 'error' }]);
    const never = twin((resource) => {
      resource.spec = { ...resource.spec, validationFrequency: '0s', backupSyncPeriod: '0s' };
    });
    expect(found(at('2026-11-22T11:20:00Z', never))).toEqual([]);
  });

  test('one that was never looked at, and one that is validated but not synchronised', () => {
    const fresh = twin((resource) => {
      resource.status = {};
    });
    expect(found(fresh)).toEqual([]);
    expect(found(at('2026-11-21T11:00:00Z', fresh))).toMatchObject([{ code: 'LOCATION_SILENT' }]);
    const stale = twin((resource) => {
      resource.status = { ...resource.status, lastSyncedTime: '2026-11-21T09:00:00Z' };
    });
    expect(found(stale)).toMatchObject([{ code: 'LOCATION_SILENT', severity: 'warning' }]);
  });

  test('a location that the cluster does not have', () => {
    const elsewhere = parseLocationUrl('s3://backups/elsewhere');
    expect(found(clusterWith(), elsewhere)).toMatchObject([
      {
        code: 'LOCATION_UNKNOWN_TO_CLUSTER',
        severity: 'warning',
        evidence: { storageLocations: ['default:backups/prod'] },
      },
    ]);
  });
});

describe('repositoryFindings()', () => {
  const found = (cluster: VeleroCluster, storageLocation = own) =>
    repositoryFindings({ cluster, storageLocation, url: URL });
  const twin = (status: object) =>
    clusterWith('backuprepositories', 'shop-default-kopia', (resource) => {
      resource.status = { ...resource.status, ...status };
    });

  test('repositories that Velero opens and maintains have none', () => {
    expect(found(clusterWith())).toEqual([]);
    expect(found({ ...clusterWith(), repositories: denied })).toEqual([]);
  });

  test('one that cannot be opened', () => {
    const cluster = twin({ phase: 'NotReady', message: 'invalid repository password' });
    expect(found(cluster)).toMatchObject([
      {
        code: 'REPOSITORY_NOT_READY',
        severity: 'error',
        subject: `${URL}/kopia/shop`,
        message: expect.stringContaining('invalid repository password'),
      },
    ]);
    expect(found(cluster, location({ name: 'other' }))).toEqual([]);
  });

  test('one whose maintenance failed, or does not come', () => {
    const run = (result: string) => ({ result, message: 'OOMKilled' });
    const failed = twin({ recentMaintenance: [run('Succeeded'), run('Failed')] });
    expect(found(failed)).toMatchObject([
      {
        code: 'REPOSITORY_UNMAINTAINED',
        severity: 'warning',
        subject: `${URL}/kopia/shop`,
        message: expect.stringContaining('OOMKilled'),
      },
    ]);
    expect(found(twin({ recentMaintenance: [run('Failed'), run('Succeeded')] }))).toEqual([]);
    const late = twin({ lastMaintenanceTime: '2026-11-21T07:56:00Z' });
    expect(found(late)).toMatchObject([{ message: expect.stringContaining('3 hours ago') }]);
    expect(found(late, location({ isReadOnly: true }))).toEqual([]);
  });
});

describe('clusterUnchecked()', () => {
  test('nothing of a cluster that said everything', () => {
    expect(clusterUnchecked('prod', clusterWith())).toEqual([]);
  });

  test('one finding for all parts, with the reason of each', () => {
    const cluster = { ...clusterWith(), backups: denied, claims: denied };
    expect(clusterUnchecked('prod', cluster)).toMatchObject([
      {
        code: 'CLUSTER_UNCHECKED',
        severity: 'warning',
        subject: 'cluster prod',
        message: expect.stringMatching(/its backups, volume claims: .*access denied/),
        hint: denied.outcome === 'unchecked' ? denied.hint : '',
        evidence: { reasons: [expect.stringMatching(/^backups: /), expect.anything()] },
      },
    ]);
  });

  test('kinds that could not be listed, and a cluster that was not reached', () => {
    const unreadKinds = ['orders.shop.example.com'];
    expect(clusterUnchecked('prod', { ...clusterWith(), unreadKinds })).toMatchObject([
      { severity: 'info', evidence: { kinds: unreadKinds } },
    ]);
    const unreachable = { reason: 'Cannot read "/etc/kubeconfig": ENOENT', hint: 'Name another' };
    expect(clusterUnchecked('prod', unreachable)).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('ENOENT'), hint: 'Name another' },
    ]);
  });
});
