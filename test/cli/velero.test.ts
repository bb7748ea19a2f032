import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { fakeClock } from '../support/clock.ts';
import { startS3Server } from '../support/s3-server/server.ts';
import { folder } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, inProcess } from './kopia-run.ts';
import { published } from './published.ts';

/** When most of the backups of the fixture are settled. */
const NOW = new Date('2026-11-21T11:30:00Z');
/** The password of the Secret in the tarballs of the fixture, as they hold it and as it is. */
const SECRETS = ['ZXhhbXBsZS1ub3QtYS1zZWNyZXQ=', 'example-not-a-secret'];

let world: FixtureFolder;
let root: string;

beforeAll(async () => {
  world = await fixtureFolder('velero/v1.18.2', false);
  root = `${world.root}/prod`;
  return () => rm(dirname(world.folder), { recursive: true });
});

function velero(...args: readonly string[]) {
  return inProcess(['velero', ...args], { clock: fakeClock(NOW) });
}

describe('drydock velero', () => {
  test.each(['velero', 'velero backups', 'velero show', 'velero slots'])(
    'shows the help of "%s"',
    async (command) => {
      const { code, stdout } = await inProcess([...command.split(' '), '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: drydock ${command}`);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain('--output <format>');
    },
  );

  test('refuses a location that is one Kopia repository', async () => {
    const cwd = await folder({
      'drydock.yaml': `version: 1\nlocations:\n  repo: { url: ${world.root}/prod/kopia/shop, layout: kopia }\n`,
    });
    const { code, stderr } = await velero('backups', 'repo', '-c', join(cwd, 'drydock.yaml'));
    expect(code).toBe(2);
    expect(stderr).toContain('error NOT_A_VELERO_ROOT: ');
    expect(stderr).toContain('hint: Run "drydock kopia snapshots repo"');
  });

  test('takes denied and absent for what they are', async () => {
    const absent = await velero('backups', 'file:///nowhere/at/all');
    expect(absent).toMatchObject({ code: 3, stdout: '' });
    expect(absent.stderr).toContain('error bucket_not_found: ');
    const s3 = await startS3Server();
    try {
      s3.createBucket('backups');
      const { accessKeyId, secretAccessKey } = s3.credentials;
      vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
      const object = world.fixture.objects.find(({ key }) =>
        key.endsWith('shop-failing-hook.tar.gz'),
      );
      await s3.putObject('backups', object?.key ?? '', (await object?.bytes()) ?? new Uint8Array());
      const denied = { answer: { status: 403, code: 'AccessDenied' } };
      const url = `s3://backups/prod?endpoint=${s3.endpoint}`;
      for (const [isDenied, args] of [
        [(key: string) => key.endsWith('.tar.gz'), ['backups', url]],
        [(key: string) => key.endsWith('.tar.gz'), ['show', url, 'shop-failing-hook']],
        [() => true, ['slots', url, '--context', 'x']],
      ] as const) {
        s3.setFault(({ key }) => (isDenied(key) ? denied : undefined));
        const { code, stdout, stderr } = await velero(...args);
        expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
        expect(stderr).toContain('error denied: ');
        expect(stderr).not.toContain(secretAccessKey);
      }
    } finally {
      vi.unstubAllEnvs();
      await s3.close();
    }
  });
});

describe('drydock velero backups', () => {
  test('lists what the store holds, the newest first, and whether it is whole', async () => {
    const { code, stdout, stderr } = await velero('backups', root);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [head = '', ...lines] = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(head[0]).toBe('BACKUP');
    const rows = new Map(lines.map(([name = '', ...rest]) => [name, rest]));
    expect([...rows.keys()].slice(0, 10)).toEqual([
      'media-moving',
      'frequent-20261121105615',
      'frequent-20261121105415',
      'media-moved',
      'media-csi',
      'archive-native',
      'shop-bad-selector',
      'shop-failing-hook',
      'platform-manual',
      'lost-upload',
    ]);
    expect(rows.get('frequent-20261121105615')?.slice(0, 6)).toEqual([
      'frequent',
      'Completed',
      '2026-11-21T10:56:15Z',
      '2026-12-21T10:56:15Z',
      '250',
      '2 fs-backup, 1 native',
    ]);
    expect(rows.get('frequent-20261121105615')?.slice(-2)).toEqual(['whole', '1 info']);
    expect(rows.get('shop-failing-hook')?.[1]).toBe('PartiallyFailed');
    expect(rows.get('shop-failing-hook')?.at(-1)).toBe('2 errors, 2 warnings, 1 info');
    const stateOf = (name: string) => rows.get(name)?.at(-2);
    expect(stateOf('shop-bad-selector')).toBe('failed');
    expect(stateOf('media-moving')).toBe('unfinished');
    expect(stateOf('lost-upload')).toBe('debris');
    expect(stdout).toMatch(/\n10 backups: 7 whole\n$/);
  });

  test('as JSON is what its schema says', async () => {
    const { stdout } = await velero('backups', root, '--output', 'json');
    const { schema, location, backups } = published('velero-backups', stdout);
    expect({ schema, location }).toEqual({ schema: 'drydock/velero-backups/v1', location: root });
    expect(backups).toHaveLength(10);
    const resources = world.fixture.answer('answers/cluster', 'backups') as readonly {
      readonly metadata: { readonly name: string };
      readonly status: { readonly phase: string; readonly errors?: number };
    }[];
    // The cluster's own words on what it made; of lost-upload nothing but the log was stored.
    for (const { metadata, status } of resources) {
      if (metadata.name === 'lost-upload') continue;
      const { phase, errors = 0 } = status;
      expect(backups).toContainEqual(
        expect.objectContaining({ backup: metadata.name, phase, errors }),
      );
    }
  });

  test('shows names from a bucket without their control characters', async () => {
    const bucket = await folder();
    await mkdir(join(bucket, 'backups', 'evil\u001b[2J'), { recursive: true });
    await writeFile(join(bucket, 'backups', 'evil\u001b[2J', 'x\u202ey.txt'), 'x');
    for (const args of [
      ['backups', `file://${bucket}`],
      ['show', `file://${bucket}`, 'evil\u001b[2J'],
      ['show', `file://${bucket}`, 'evil\u001b[2K'],
    ]) {
      const { stdout, stderr } = await velero(...args);
      expect(stdout + stderr).toContain('evil\ufffd[2');
      expect(stdout + stderr).not.toContain('\u001b');
      expect(stdout + stderr).not.toContain('\u202e');
    }
  });

  test('of an empty root says so', async () => {
    const empty = `file://${await folder()}`;
    expect(await velero('backups', empty)).toMatchObject({
      code: 0,
      stdout: `No backups below ${empty}/backups/\n`,
    });
  });
});

describe('drydock velero show', () => {
  test('tells every fact of a backup, and no value of a Secret', async () => {
    const { code, stdout, stderr } = await velero('show', root, 'shop-failing-hook');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    for (const part of [
      /^shop-failing-hook at file:/m,
      /^ {2}State: +whole$/m,
      /^ {2}Phase: +PartiallyFailed$/m,
      /^ {2}Counts: +34 items, 4 errors, 0 warnings, 2 hooks failed$/m,
      /^ {2}Tarball: +32 Kubernetes objects \(1 Secret\), .* inflated$/m,
      /^backups\/shop-failing-hook\/velero-backup\.json +4\.2 KiB .* 75f432f219070f91[0-9a-f]{48}$/m,
      /^shop +29 +0$/m,
      /^shop\/data-db-0 +yes +app=db$/m,
      /^shop\/data-db-0 +skipped +succeeded .*opted out due to annotation/m,
      /^error BACKUP_HOOKS_FAILED /m,
    ]) {
      expect(stdout).toMatch(part);
    }
    for (const secret of SECRETS) expect(stdout).not.toContain(secret);
  });

  test('as JSON is what its schema says, with the hashes of the stored bytes', async () => {
    for (const backup of ['frequent-20261121105615', 'media-csi', 'lost-upload']) {
      const { stdout } = await velero('show', root, backup, '-o', 'json');
      const shown = published('velero-show', stdout);
      expect(shown).toMatchObject({ schema: 'drydock/velero-show/v1', location: root, backup });
      for (const secret of SECRETS) expect(stdout).not.toContain(secret);
      const sums = new Map(world.fixture.objects.map(({ key, sha256 }) => [key, sha256]));
      const objects = shown['objects'] as { readonly key: string; readonly sha256?: string }[];
      expect(objects.length).toBeGreaterThan(0);
      for (const { key, sha256 } of objects) {
        if (sha256 !== undefined) expect(sha256).toBe(sums.get(`prod/${key}`));
      }
    }
  });

  test('tells what is damaged', async () => {
    const bucket = await fixtureFolder('velero/v1.18.2');
    const backup = join(bucket.folder, 'prod/backups/media-csi/media-csi');
    await rename(`${backup}-logs.gz`, `${backup}.tar.gz`);
    const { code, stdout } = await velero('show', `${bucket.root}/prod`, 'media-csi');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}State: +damaged/m);
    expect(stdout).toContain('ARTEFACT_DAMAGED');
  });

  test('of a name that is not there suggests the nearest', async () => {
    const { code, stderr } = await velero('show', root, 'media-cis');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error BACKUP_UNKNOWN: .*\nhint: Did you mean "media-csi"\? It has /);
  });
});
