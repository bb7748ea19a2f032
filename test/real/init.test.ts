/** `drydock init` against a real API server that holds what a real Velero would be told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../shared/config/load.ts';
import { drydock } from '../cli/drydock.ts';
import { type ControlPlane, startControlPlane } from './cluster/control-plane.ts';
import { applyAll } from './cluster/manifests.ts';
import { controlPlanePrograms, veleroPrograms } from './cluster/programs.ts';
import { installVelero } from './cluster/velero-server.ts';
import { describeTier } from './tier.ts';

const CANARY = 'init-canary-secret';

describeTier('velero', 'drydock init on a real API server', () => {
  let folder: string;
  let plane: ControlPlane;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drydock-init-'));
    plane = await startControlPlane({ programs: controlPlanePrograms() });
    const location = {
      name: 'default',
      endpoint: 'http://minio.example:9000',
      bucket: 'acme-backups',
      prefix: 'velero',
      accessKeyId: CANARY,
      secretAccessKey: CANARY,
    };
    await installVelero(plane, { programs: veleroPrograms(), folder, location });
    const metadata = (name: string) => ({ name, namespace: 'velero' });
    await applyAll(plane.api, [
      {
        apiVersion: 'velero.io/v1',
        kind: 'BackupStorageLocation',
        metadata: metadata('away'),
        spec: {
          provider: 'azure',
          accessMode: 'ReadOnly',
          objectStorage: { bucket: 'velero' },
          config: { storageAccount: 'acmebackups', resourceGroup: 'backups' },
        },
      },
      {
        apiVersion: 'velero.io/v1',
        kind: 'Schedule',
        metadata: metadata('daily'),
        spec: { schedule: '0 1 * * *', template: { ttl: '720h', includedNamespaces: ['shop'] } },
      },
    ]);
  });

  afterAll(async () => {
    await plane?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('drafts a valid file from the locations and schedules that it holds', async () => {
    const args = ['init', '--kubeconfig', plane.kubeconfig, '--stdout'];
    const { code, stdout, stderr } = await drydock(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain(CANARY);
    const { locations } = parseConfig(stdout, 'stdout');
    expect([...locations.values()].map(({ name, location }) => ({ name, location }))).toEqual([
      {
        name: 'away',
        location: { kind: 'azblob', account: 'acmebackups', container: 'velero', prefix: '' },
      },
      {
        name: 'default',
        location: {
          kind: 's3',
          bucket: 'acme-backups',
          prefix: 'velero/',
          region: 'us-east-1',
          endpoint: 'http://minio.example:9000',
        },
      },
    ]);
    expect(stdout).toContain('#   daily: "0 1 * * *"; kept 720h');
  });

  test('says that Velero is not there when asked about another namespace', async () => {
    const args = ['init', '--kubeconfig', plane.kubeconfig, '--namespace', 'elsewhere', '-'];
    const { code, stderr } = await drydock(args, { cwd: folder });
    expect(code).toBe(3);
    expect(stderr).toContain('error NO_LOCATIONS: ');
  });
});
