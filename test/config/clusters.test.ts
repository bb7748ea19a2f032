import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../shared/config/load.ts';
import { changed, problemsOf } from './problems.ts';

const CA = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIK';
const SERVER = 'https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com';
const ACCOUNT =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/backup/providers/Microsoft.Storage/storageAccounts/acmebackups';
const GOOD = `version: 1
clusters:
  prod:
    kubeconfig: { path: ~/.kube/config, context: prod }
    velero: { namespace: backup, version: v1.18.2, timeZone: Europe/Berlin }
  east:
    eks: { name: east, region: eu-central-1, server: ${SERVER}, certificateAuthority: ${CA} }
  west:
    aks:
      server: https://west.hcp.westeurope.azmk8s.io:443
      tenantId: 11111111-2222-3333-4444-555555555555
      clientId: 66666666-7777-8888-9999-aaaaaaaaaaaa
  here: { inCluster: true }
  any: { kubeconfig: {} }
locations:
  main:
    url: s3://acme-backups/velero
    cluster: prod
    snapshots: { aws: { account: "111122223333", region: eu-central-1 } }
  replica:
    url: azblob://acmebackups/velero
    snapshots: { azure: { subscription: 11111111-2222-3333-4444-555555555555, region: westeurope } }
    storageAccountId: ${ACCOUNT}
  minio:
    url: s3://lab/velero?endpoint=http://minio:9000
    snapshots: { azure: { subscription: 11111111-2222-3333-4444-555555555555 } }
  laptop: { url: "s3://lab/repo?endpoint=http://minio:9000", layout: kopia, interval: 1d12h }
`;

describe('clusters', () => {
  const { clusters } = parseConfig(GOOD, 'drydock.yaml');

  test('have Velero as it is installed by default', () => {
    expect(clusters.get('here')).toEqual({
      name: 'here',
      access: { kind: 'in-cluster' },
      veleroNamespace: 'velero',
    });
    expect(clusters.get('any')?.access).toEqual({ kind: 'kubeconfig' });
    expect(parseConfig('version: 1\nlocations: {}\n', 'drydock.yaml').clusters.size).toBe(0);
  });

  test('are reached in four ways', () => {
    expect([...clusters.keys()]).toEqual(['prod', 'east', 'west', 'here', 'any']);
    expect(clusters.get('prod')).toEqual({
      name: 'prod',
      access: { kind: 'kubeconfig', path: '~/.kube/config', context: 'prod' },
      veleroNamespace: 'backup',
      veleroVersion: 'v1.18.2',
      timeZone: 'Europe/Berlin',
    });
    expect(clusters.get('east')?.access).toEqual({
      kind: 'eks',
      name: 'east',
      region: 'eu-central-1',
      server: SERVER,
      certificateAuthority: CA,
    });
    expect(clusters.get('west')?.access).toMatchObject({
      kind: 'aks',
      entra: {
        tenantId: '11111111-2222-3333-4444-555555555555',
        clientId: '66666666-7777-8888-9999-aaaaaaaaaaaa',
      },
    });
  });

  test.each([
    ['{ inCluster: true }', '{}', 13, 'no way to reach its API server', 'Add one of kubeconfig'],
    ['{ inCluster: true }', '{ inClustr: true }', 13, 'unknown key "inClustr"', '"inCluster"?'],
    ['{ inCluster: true }', '{ inCluster: false }', 13, 'must be true, found false', ''],
    ['inCluster: true }', 'inCluster: true, kubeconfig: {} }', 13, 'exclude each other', 'Keep'],
    [', context: prod', ', contxt: prod', 4, 'unknown key "contxt"', 'Did you mean "context"?'],
    [`, certificateAuthority: ${CA}`, '', 7, '"server" needs "certificateAuthority"', ''],
    [`certificateAuthority: ${CA}`, 'certificateAuthority: abcd', 7, 'must be certificates', ''],
    [`server: ${SERVER}`, 'server: http://east', 7, 'must be an https address', ''],
    ['https://west.hcp', 'https://me:pass@west.hcp', 10, 'must be an https address', ''],
    ['      server: https://west.hcp.westeurope.azmk8s.io:443\n', '', 9, '"server" is missing', ''],
    ['      tenantId: 11111111-2222-3333-4444-555555555555\n', '', 11, 'needs "tenantId"', ''],
    ['version: v1.18.2', 'version: 1.18', 5, 'must be a string, found a fraction', '"v1.18.2"'],
    ['version: v1.18.2', 'version: main', 5, 'must be a version, like v1.18.2', ''],
    ['Europe/Berlin', 'Europe/Atlantis', 5, 'must be a time zone of the IANA', ''],
    ['Europe/Berlin', '"+01:00"', 5, 'must be a time zone of the IANA', ''],
    ['name: east, region', 'name: "", region', 7, 'must be the name of an EKS cluster', ''],
  ])('tell where %j went wrong as %j', (piece, by, line, message, hint) => {
    const error = problemsOf(changed(GOOD, piece, by));
    const found = error.problems.find((problem) => problem.message.includes(message));
    expect(found, error.message).toMatchObject({ line });
    expect(found?.hint ?? '').toContain(hint);
    expect(error.message).not.toContain('pass');
  });
});

describe('locations', () => {
  const { locations } = parseConfig(GOOD, 'drydock.yaml');

  test('know their cluster, the place of their snapshots and their interval', () => {
    expect(locations.get('main')).toMatchObject({
      cluster: 'prod',
      snapshots: { kind: 'aws', account: '111122223333', region: 'eu-central-1' },
    });
    expect(locations.get('replica')).toMatchObject({
      snapshots: { kind: 'azure', region: 'westeurope' },
      storageAccountId: ACCOUNT,
    });
    expect(locations.get('laptop')).toMatchObject({ intervalMs: 36 * 3_600_000 });
  });

  test.each([
    ['cluster: prod', 'cluster: prd', 18, 'there is no cluster "prd"', 'Did you mean "prod"?'],
    ['"111122223333"', '111122223333', 19, 'found a number', 'Write it like "111122223333"'],
    ['"111122223333"', '"1111"', 19, 'must be the 12 digits of an AWS account', ''],
    ['aws: {', 'azure: { subscription: x }, aws: {', 19, 'must be a GUID', ''],
    ['snapshots: { aws: {', 'snapshots: { azure: {', 19, 'unknown key "account"', ''],
    ['azblob://acmebackups/velero', 's3://acme/x', 22, 'snapshots of another cloud', 'Remove "az'],
    ['azblob://acmebackups/velero', 's3://acme/x', 23, 'is for azblob:// locations', 'Remove "st'],
    ['azblob://acmebackups', 'azblob://acmeother', 23, 'is the id of another account', 'the URL'],
    ['storageAccountId: /subs', 'storageAccountId: /sub', 23, 'must be the resource id', ''],
    ['layout: kopia, ', '', 27, '"interval" is for the layout kopia', 'Remove "interval"'],
    ['interval: 1d12h', 'cluster: here', 27, '"cluster" is for the layout velero', 'Remove "clu'],
    ['interval: 1d12h', 'interval: 24', 27, 'must be a string, found a number', 'like "24h"'],
    ['interval: 1d12h', 'interval: 0h', 27, 'must be a duration above zero', ''],
    ['{ aws: { account: "111122223333", region: eu-central-1 } }', '{}', 19, 'one of "aws"', 'Na'],
  ])('tell where %j went wrong as %j', (piece, by, line, message, hint) => {
    const error = problemsOf(changed(GOOD, piece, by));
    const found = error.problems.find((problem) => problem.message.includes(message));
    expect(found, error.message).toMatchObject({ line });
    expect(found?.hint ?? '').toContain(hint);
  });

  test('take snapshots of one cloud alone', () => {
    const both = changed(
      GOOD,
      'snapshots: { aws: {',
      `snapshots: { azure: { subscription: 11111111-2222-3333-4444-555555555555 }, aws: {`,
    );
    expect(problemsOf(both).message).toContain('it must have one of "aws" and "azure"');
  });
});
