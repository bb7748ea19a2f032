import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { draftYaml } from '../../functions/cli/init-draft.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { drydock, folder, parsed } from './drydock.ts';
import { drydockHere } from './drydock-here.ts';
import {
  type Answer,
  backupStorageLocation as bsl,
  fakeVeleroApi,
  kubeconfig,
  schedule,
} from './fake-velero-api.ts';

async function cluster(answers: Readonly<Record<string, Answer>>): Promise<string> {
  const api = await fakeVeleroApi(answers);
  onTestFinished(async () => void (await api.close()));
  return folder({ kubeconfig: api.kubeconfig });
}

const LOCATIONS = [
  bsl('default', {
    provider: 'aws',
    default: true,
    accessMode: 'ReadWrite',
    objectStorage: { bucket: 'acme-backups', prefix: '/velero/' },
    config: { region: 'eu-central-1', kmsKeyId: 'x' },
    credential: { name: 'cloud-credentials', key: 'cloud' },
  }),
  bsl('minio.lab', {
    provider: 'velero.io/aws',
    objectStorage: { bucket: 'lab' },
    config: { region: 'minio', s3Url: 'http://minio:9000/', checksumAlgorithm: '' },
  }),
  bsl('azure', {
    provider: 'azure',
    accessMode: 'ReadOnly',
    objectStorage: { bucket: 'velero', prefix: 'prod' },
    config: {
      storageAccount: 'acmebackups',
      storageAccountURI: 'https://acmebackups.blob.core.windows.net',
    },
  }),
  bsl('gcp', { provider: 'gcp', objectStorage: { bucket: 'acme' } }),
  bsl('azure-old', { provider: 'azure', objectStorage: { bucket: 'velero' } }),
  { kind: 'BackupStorageLocation', metadata: {} },
];

const SCHEDULES = [
  schedule('daily', {
    schedule: '0 1 * * *',
    template: { ttl: '720h0m0s', storageLocation: 'default', includedNamespaces: ['shop', 'crm'] },
  }),
  schedule('evil', { schedule: '@daily\nversion: 2', paused: true }),
];

describe('drydock init', () => {
  test('drafts a valid file from a cluster', async () => {
    const cwd = await cluster({ backupstoragelocations: LOCATIONS, schedules: SCHEDULES });
    const ended = await drydock(['init', '--kubeconfig', 'kubeconfig'], { cwd });
    expect(ended).toEqual({
      code: 0,
      stdout: 'Wrote drydock.yaml with 3 locations; next: drydock config validate\n',
      stderr: '',
    });
    const text = await readFile(join(cwd, 'drydock.yaml'), 'utf8');
    expect(text).not.toContain('canary');
    const { clusters, locations } = parseConfig(text, 'drydock.yaml');
    const access = { kind: 'kubeconfig', path: join(cwd, 'kubeconfig'), context: 'lab' };
    expect([...clusters]).toEqual([['lab', { name: 'lab', access, veleroNamespace: 'velero' }]]);
    expect([...locations.values()].map(({ cluster }) => cluster)).toEqual(['lab', 'lab', 'lab']);
    expect([...locations.values()].map(({ name, location }) => [name, location])).toEqual([
      [
        'default',
        { kind: 's3', bucket: 'acme-backups', prefix: 'velero/', region: 'eu-central-1' },
      ],
      [
        'minio-lab',
        {
          kind: 's3',
          bucket: 'lab',
          prefix: '',
          region: 'minio',
          endpoint: 'http://minio:9000',
          checksums: 'none',
        },
      ],
      ['azure', { kind: 'azblob', account: 'acmebackups', container: 'velero', prefix: 'prod/' }],
    ]);
    for (const comment of [
      '# BackupStorageLocation "default": provider aws, default, ReadWrite, Velero\'s credentials',
      '# accessKeyId: env:MINIO_LAB_ACCESS_KEY_ID',
      '# Left out: "gcp": Drydock does not read the provider "gcp"',
      '# Left out: "azure-old": its config names no storageAccount',
      '# Left out: a BackupStorageLocation is malformed',
      '#   daily: "0 1 * * *"; kept 720h0m0s; to default; namespaces shop, crm',
      '#   evil: "@daily\ufffdversion: 2"; paused; namespaces *',
    ]) {
      expect(text).toContain(comment);
    }
  });

  test('overwrites a file only by --force', async () => {
    const cwd = await cluster({ backupstoragelocations: LOCATIONS, schedules: [] });
    const file = join(cwd, 'drydock.yaml');
    await writeFile(file, 'mine');
    const env = { KUBECONFIG: join(cwd, 'kubeconfig') };
    const refused = await drydockHere(['init'], { cwd, env });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('error FILE_EXISTS: Cannot write "drydock.yaml": it exists');
    expect(await readFile(file, 'utf8')).toBe('mine');
    const forced = await drydockHere(['init', '--force', '--output', 'json'], { cwd, env });
    expect(forced.code).toBe(0);
    expect(parsed(forced.stdout)).toMatchObject({ file: 'drydock.yaml', locations: 3 });
    expect(await readFile(file, 'utf8')).toContain('version: 1');
  });

  test.each([['-'], ['--stdout']])('prints the draft with %s', async (flag) => {
    const cwd = await cluster({ backupstoragelocations: LOCATIONS, schedules: [] });
    const { code, stdout } = await drydockHere(['init', '--kubeconfig', 'kubeconfig', flag], {
      cwd,
    });
    expect(code).toBe(0);
    expect(parseConfig(stdout, 'stdout').locations.size).toBe(3);
    await expect(readFile(join(cwd, 'drydock.yaml'))).rejects.toThrow('ENOENT');
  });

  test.each([
    [{ backupstoragelocations: 403, schedules: [] }, 'KUBERNETES_DENIED', 'Grant this user "list"'],
    [{ backupstoragelocations: 401, schedules: 401 }, 'KUBERNETES_DENIED', 'Grant this user'],
    [{ backupstoragelocations: 404, schedules: 404 }, 'VELERO_NOT_FOUND', 'not installed'],
    [{ backupstoragelocations: 500, schedules: [] }, 'KUBERNETES_UNREACHABLE', 'reachable'],
    [{ backupstoragelocations: [], schedules: [] }, 'NO_LOCATIONS', '--from <URL>'],
  ])('tells apart why it found nothing: %j', async (answers, errorCode, hint) => {
    const cwd = await cluster(answers);
    const { code, stderr } = await drydockHere(['init', '--kubeconfig', 'kubeconfig'], { cwd });
    expect(code).toBe(3);
    expect(stderr).toContain(`error ${errorCode}: `);
    expect(stderr).toContain(hint);
    expect(stderr).not.toContain('canary');
  });

  test('tells apart an absent kubeconfig, an unknown context and a cluster that is down', async () => {
    const cwd = await folder({ kubeconfig: kubeconfig('http://127.0.0.1:1') });
    for (const [args, exit, errorCode] of [
      [[], 2, 'KUBECONFIG_MISSING'],
      [['--kubeconfig', 'absent'], 2, 'KUBECONFIG_INVALID'],
      [['--kubeconfig', 'kubeconfig', '--context', 'prod'], 2, 'CONTEXT_UNKNOWN'],
      [['--kubeconfig', 'kubeconfig'], 3, 'KUBERNETES_UNREACHABLE'],
      [['--kubeconfig', 'kubeconfig', '--from', 'file:///x'], 2, 'BUCKET_AND_CLUSTER'],
    ] as const) {
      const { code, stderr } = await drydockHere(['init', ...args], { cwd });
      expect([code, stderr]).toEqual([exit, expect.stringContaining(`error ${errorCode}: `)]);
    }
  });
});

describe('drydock init --from', () => {
  async function bucket(...objects: string[]): Promise<string> {
    const root = await folder();
    for (const key of objects) {
      await mkdir(join(root, key, '..'), { recursive: true });
      await writeFile(join(root, key), 'x');
    }
    return root;
  }

  test('finds a Velero root where it was told to look', async () => {
    const root = await bucket('backups/a/velero-backup.json', 'kopia/shop/kopia.repository');
    const { code, stdout, stderr } = await drydockHere(['init', '--from', `file://${root}`, '-']);
    expect(code).toBe(0);
    expect(stderr).toContain('a Velero root with backups/ and kopia/');
    const [only] = parseConfig(stdout, 'stdout').locations.values();
    expect(only).toMatchObject({ layout: 'velero', location: { kind: 'file', path: root } });
  });

  test('finds roots and repositories one prefix below', async () => {
    const root = await bucket(
      'prod/backups/a/velero-backup.json',
      'lab/kopia.repository',
      'logs/2026/x.gz',
    );
    const { code, stdout } = await drydockHere(['init', '--from', `file://${root}`, '-']);
    expect(code).toBe(0);
    const found = [...parseConfig(stdout, 'stdout').locations.values()];
    expect(found.map(({ name, layout }) => `${name} ${layout}`)).toEqual([
      'lab kopia',
      'prod velero',
    ]);
  });

  test('says what it saw when there are no backups', async () => {
    const root = await bucket('logs/2026/x.gz');
    const { code, stderr } = await drydockHere(['init', '--from', `file://${root}`, '-']);
    expect(code).toBe(3);
    expect(stderr).toContain('no backups; logs/');
    expect(stderr).toContain('error NO_BACKUPS: ');
  });
});

describe('draftYaml()', () => {
  test('makes names legal and distinct', () => {
    const location = { kind: 's3', bucket: 'acme', prefix: 'a: b # "c"\'/' } as const;
    const named = ['Prod EU', 'prod.eu', '', '---', 'x'.repeat(80)].map((name) => ({
      name,
      location,
      layout: 'kopia' as const,
      origin: 'seen\nversion: 9',
    }));
    const context = 'arn:aws:eks:eu-central-1:111122223333:cluster/Prod "A": #1\n';
    const cluster = { name: 'Prod "A": #1\n', kubeconfig: { context }, namespace: 'backup' };
    const notes = ['n\nx: 1'];
    const text = draftYaml({ source: 'here\nversion: 9', cluster, locations: named, notes });
    const { clusters, locations } = parseConfig(text, 'draft');
    const name = 'prod-a-1';
    const access = { kind: 'kubeconfig', context };
    expect([...clusters.values()]).toEqual([{ name, access, veleroNamespace: 'backup' }]);
    expect([...locations.keys()]).toEqual([
      'prod-eu',
      'prod-eu-2',
      'location',
      'location-2',
      'x'.repeat(50),
    ]);
    for (const each of locations.values()) expect(each.location).toEqual(location);
  });

  test('knows the cluster that it runs in', () => {
    const location = { kind: 's3', bucket: 'acme', prefix: '' } as const;
    const locations = [{ name: 'main', location, layout: 'velero', origin: 'seen' } as const];
    const cluster = { name: 'cluster', namespace: 'velero' };
    const drafted = parseConfig(draftYaml({ source: 'x', cluster, locations, notes: [] }), 'draft');
    expect(drafted.clusters.get('cluster')?.access).toEqual({ kind: 'in-cluster' });
    expect(drafted.locations.get('main')?.cluster).toBe('cluster');
    const alone = parseConfig(draftYaml({ source: 'x', locations, notes: [] }), 'draft');
    expect(alone.clusters.size).toBe(0);
  });
});
