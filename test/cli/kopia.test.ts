import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  parseSnapshotArgument,
  snapshotUnknown,
} from '../../functions/cli/kopia/snapshot-choice.ts';
import { entryAt } from '../../functions/cli/kopia/tree.ts';
import { Interrupted } from '../../functions/cli/outcome.ts';
import { systemClock } from '../../functions/system-clock.ts';
import { openRepository, type Repository } from '../../shared/kopia/repository.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { writeTwin } from '../support/kopia-damage/make.ts';
import { LAUNCHER, parsed } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, kopia, temporaryFolder } from './kopia-run.ts';

interface Answered {
  readonly id: string;
  readonly incomplete?: string;
  readonly startTime: string;
  readonly rootEntry: { readonly obj: string };
}

interface ListedJson {
  readonly repositories: readonly {
    readonly repository: string;
    readonly snapshots: readonly Record<string, unknown>[];
  }[];
}
const listed = (text: string): ListedJson => JSON.parse(text) as ListedJson;

let zoo: FixtureFolder;
let plain: FixtureFolder;
let velero: FixtureFolder;

const ZOO = '7faa1d2cd02626fe59306256212c88b8';

beforeAll(async () => {
  [zoo, plain, velero] = (await Promise.all(
    ['kopia/zoo', 'kopia/plain', 'velero/v1.18.2'].map((name) => fixtureFolder(name, false)),
  )) as [FixtureFolder, FixtureFolder, FixtureFolder];
  const folders = [zoo, plain, velero].map(({ folder }) => dirname(folder));
  return () => Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

function answers({ fixture }: FixtureFolder, index = 0): readonly Answered[] {
  const reader = fixture.meta.repositories[index]?.readers[0];
  return fixture.answer(reader?.answers ?? '', 'snapshots') as Answered[];
}

describe('help', () => {
  test.each([[], ['info'], ['snapshots'], ['ls'], ['cat'], ['verify'], ['restore']])(
    'of "%s" has examples, and says where the password comes from',
    async (...command) => {
      const { code, stdout } = await kopia([...command, '--help']);
      expect(code).toBe(0);
      for (const part of ['Usage: drydock kopia', 'Examples:', 'DRYDOCK_KOPIA_PASSWORD']) {
        expect(stdout).toContain(part);
      }
    },
  );
});

describe('drydock kopia info', () => {
  test('tells what a repository is, as the real tool does', async () => {
    const { code, stdout, stderr } = await kopia(['info', zoo.url()], { env: zoo.env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const reader = zoo.fixture.meta.repositories[0]?.readers[0]?.answers ?? '';
    const status = zoo.fixture.answer(reader, 'status') as { uniqueIDHex: string };
    for (const part of [
      status.uniqueIDHex,
      'BLAKE2B-256-128, AES256-GCM-HMAC-SHA256, DYNAMIC-4M-BUZHASH',
      'version 2, epoch 0, 3 of 3 blobs in use',
      'owner backup@files',
      'full every 24 h 0 min, next 2026-11-22T09:55:26.514Z',
      `newest 2026-11-21T09:55:29.064Z ${ZOO}`,
    ]) {
      expect(stdout).toContain(part);
    }
  });

  test('of a Velero root tells each repository, and the password that everybody knows', async () => {
    const args = ['info', `${velero.root}/prod`, '--output', 'json', '--fail-on', 'warning'];
    const { code, stdout } = await kopia(args);
    expect(code).toBe(1);
    const info = parsed(stdout) as { repositories: Record<string, unknown>[] };
    expect(info).toMatchObject({ schema: 'drydock/kopia-info/v1', errors: [] });
    expect(info.repositories.map(({ repository }) => repository)).toEqual(
      ['billing', 'media', 'shop'].map((name) => `${velero.root}/prod/kopia/${name}`),
    );
    expect(info.repositories[2]).toMatchObject({
      format: { version: 3, defaultPassword: true },
      maintenance: { owner: 'default@default', failing: [] },
      policies: [{ target: 'default@default:snapshot-pod-volume/kopia/shop/db-0/data-db-0' }],
      snapshots: 2,
      findings: [{ code: 'KOPIA_DEFAULT_PASSWORD', severity: 'warning' }],
    });
  });
});

describe('drydock kopia snapshots', () => {
  test.each([
    ['plain', () => plain, 0],
    ['shop', () => velero, 2],
  ] as const)('lists what the real tool lists of %s', async (_, where, index) => {
    const at = where();
    const args = ['snapshots', at.url(index), '--all', '--output', 'json'];
    const { code, stdout } = await kopia(args, { env: at.env });
    expect(code).toBe(0);
    const ids = listed(stdout).repositories.flatMap(({ snapshots }) =>
      snapshots.map(({ id }) => id),
    );
    expect(ids.sort()).toEqual(
      answers(at, index)
        .map(({ id }) => id)
        .sort(),
    );
  });

  test('shows them by source', async () => {
    const { stdout } = await kopia(['snapshots', velero.url(2)]);
    expect(stdout).toMatch(
      /^default@default:snapshot-pod-volume\/kopia\/shop\/db-0\/data-db-0\n {2}2026-11-21T10:54:26Z c49966e9\w+ k\w+ 22\.0 MiB files:125 dirs:11 .*pin:velero-pin\n/,
    );
  });

  test.each([
    [['--source', '/srv/drydock-fixtures/plain/source/logs'], '8a266963'],
    [['--tag', 'generation=2'], '8b9036fd'],
    [
      [
        '--source',
        'ada@laptop:/srv/drydock-fixtures/plain/source/documents',
        '--tag',
        'tag:generation=1',
      ],
      'c5ae5f2f',
    ],
  ])('filters by %j', async (filter, id) => {
    const { stdout } = await kopia(['snapshots', plain.url(), ...filter], { env: plain.env });
    expect(stdout.match(/^ {2}\d/gm)).toHaveLength(1);
    expect(stdout).toContain(` ${id}`);
  });

  test('leaves incomplete ones out unless asked for them', async () => {
    const at = await fixtureFolder('kopia/interrupted');
    const few = await kopia(['snapshots', at.url(), '-o', 'json'], { env: at.env });
    const all = await kopia(['snapshots', at.url(), '-o', 'json', '--all'], { env: at.env });
    const count = (text: string): number => listed(text).repositories[0]?.snapshots.length ?? 0;
    const incomplete = answers(at).filter((each) => each.incomplete);
    expect(count(all.stdout)).toBe(answers(at).length);
    expect(count(all.stdout) - count(few.stdout)).toBe(incomplete.length);
  });
});

describe('drydock kopia ls', () => {
  test('lists a tree as the real tool restored it', async () => {
    const reader = zoo.fixture.meta.repositories[0]?.readers[0]?.answers ?? '';
    const restored = zoo.fixture.answer(reader, 'restored') as Record<string, { path: string }[]>;
    const args = ['ls', zoo.url(), ZOO.slice(0, 6), '-r', '--output', 'json'];
    const { code, stdout } = await kopia(args, { env: zoo.env });
    expect(code).toBe(0);
    const { entries, damages } = parsed(stdout) as { entries: { path: string }[]; damages: [] };
    const paths = [...entries.map(({ path }) => path), '.'].sort();
    expect(paths).toEqual(restored[ZOO]?.map(({ path }) => path).sort());
    expect(damages).toEqual([]);
  });

  test('shows one folder, long or short, with names that can be typed back', async () => {
    const names = await kopia(['ls', zoo.url(), 'latest:names'], { env: zoo.env });
    expect(names.stdout.split('\n')).toEqual(
      expect.arrayContaining(['back\\\\slash', 'new\\nline', 'tab\\there', '...', '-dash']),
    );
    const long = await kopia(['ls', zoo.url(), `${ZOO}:/modes`, '-l'], { env: zoo.env });
    expect(long.stdout).toMatch(/^-rwsr-xr-x +7 2026-11-01T02:00:00Z [0-9a-f]{32} +setuid$/m);
    const one = await kopia(['ls', zoo.url(), 'latest:names/new\\nline'], { env: zoo.env });
    expect(one.stdout).toBe('new\\nline\n');
    const root = answers(zoo)[0]?.rootEntry.obj ?? '';
    const byRoot = await kopia(['ls', zoo.url(), root], { env: zoo.env });
    expect(byRoot.stdout).toContain('empty-folder/\n');
  });

  test('refuses a snapshot or a path that there is not', async () => {
    for (const [argument, code, hint] of [
      ['ffff', 'SNAPSHOT_UNKNOWN', ZOO],
      [`${ZOO}:/nmaes`, 'PATH_NOT_FOUND', 'Did you mean "names"?'],
    ] as const) {
      const ended = await kopia(['ls', zoo.url(), argument], { env: zoo.env });
      expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
      expect(ended.stderr).toContain(`error ${code}: `);
      expect(ended.stderr.split('\nhint: ')[1]).toContain(hint);
    }
  });
});

describe('entryAt()', () => {
  let repository: Repository;
  beforeAll(async () => {
    const store = await fixtureInMemory(zoo.fixture, systemClock);
    repository = await openRepository(store, 'repo/', zoo.env['DRYDOCK_KOPIA_PASSWORD'] ?? '');
  });

  function at(path: string) {
    const [snapshot] = repository.snapshots.snapshots;
    if (snapshot === undefined) throw new Error('there is no snapshot');
    return entryAt(repository.contents, snapshot.root, path, {});
  }

  test.each([
    ['', []],
    ['names/new\nline', ['names', 'new\nline']],
    ['names/new\\nline', ['names', 'new\nline']],
    ['names/back\\slash', ['names', 'back\\slash']],
    ['./names//...', ['names', '...']],
  ])('finds %j', async (path, names) => {
    expect((await at(path)).names).toEqual(names);
  });

  test.each([
    ['nmaes', 'Did you mean "names"?'],
    ['names/back', '"back\\\\slash"'],
    ['modes/setuid/x', 'End the path there'],
    ['links/absolute/x', 'Links are not followed'],
    ['empty-folder/x', 'It is empty'],
    ['..', 'It has "empty-folder"'],
  ])('refuses %s with a hint', async (path, hint) => {
    await expect(at(path)).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      failure: 'usage',
      hint: expect.stringContaining(hint),
    });
  });

  test('suggests the nearest snapshot', () => {
    const { snapshots } = repository.snapshots;
    const wanted = `${ZOO.slice(0, -1)}9`;
    expect(snapshotUnknown(wanted, snapshots, undefined, 'here').hint).toContain(
      `Did you mean "${ZOO}"?`,
    );
    expect(() => parseSnapshotArgument(':/modes')).toThrow('the snapshot is missing');
  });
});

describe('choosing a snapshot', () => {
  const prod = (): string => `${velero.root}/prod`;

  test('finds an id in whichever repository has it', async () => {
    const { code, stdout } = await kopia(['ls', prod(), 'f861568d4f7e5a546adac530fe45aa69']);
    expect(code).toBe(0);
    expect(stdout).toContain('current\n');
  });

  test.each([
    [['latest'], 'SNAPSHOT_AMBIGUOUS', '--repository billing'],
    [['latest', '--source', 'nobody'], 'SNAPSHOT_UNKNOWN', 'Sources are default@default:'],
    [['latest', '--repository', 'shpo'], 'REPOSITORY_UNKNOWN', 'Did you mean "shop"?'],
  ])('refuses %j by %s', async (args, code, hint) => {
    const ended = await kopia(['ls', prod(), ...args]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`error ${code}: `);
    expect(ended.stderr).toContain(hint);
  });

  test('takes the latest of one source', async () => {
    const source = 'snapshot-pod-volume/kopia/shop/db-0/data-db-0';
    const chosen = ['latest', '--repository', 'kopia/shop', '--source', source];
    const { stdout } = await kopia(['ls', prod(), ...chosen, '-o', 'json']);
    expect(parsed(stdout)['snapshot']).toBe('d1cf39b024e09110c558c61148e78bc7');
  });

  test('needs a source where there are several', async () => {
    const ended = await kopia(['ls', plain.url(), 'latest'], { env: plain.env });
    expect(ended.stderr).toContain('error SNAPSHOT_AMBIGUOUS: ');
    expect(ended.stderr).toContain('--source');
  });

  test.each([
    ['abc', { snapshot: 'abc', path: '' }],
    ['abc:/a/b/', { snapshot: 'abc', path: 'a/b' }],
    ['abc:a:b', { snapshot: 'abc', path: 'a:b' }],
    ['abc/a', { snapshot: 'abc', path: 'a' }],
  ])('takes "%s" apart', (text, expected) => {
    expect(parseSnapshotArgument(text)).toEqual(expected);
  });
});

describe('a tree without end', () => {
  test('is listed until somebody stops it', async () => {
    const damage = DAMAGES.find(({ name }) => name === 'directory-exponential');
    const twin = await damage?.make();
    if (twin === undefined) throw new Error('there is no such damage');
    const folder = await temporaryFolder();
    await writeTwin(twin, folder);
    const controller = new AbortController();
    let lines = 0;
    const ended = await kopia(
      ['ls', `file://${folder}/${twin.prefix}`, 'latest', '--source', '/srv/bad', '-r'],
      {
        env: { DRYDOCK_KOPIA_PASSWORD: twin.password },
        signal: controller.signal,
        onOutput: () => {
          lines += 1;
          // As a signal comes: when the program lets the outside have its turn.
          if (lines === 1) setTimeout(() => controller.abort(new Interrupted()), 1);
        },
      },
    );
    expect(ended.code).toBe(130);
    expect(lines).toBeGreaterThan(1);
  });
});

describe('drydock kopia cat', () => {
  test('streams a file of several contents, byte for byte', async () => {
    const { code, bytes } = await kopia(['cat', zoo.url(), 'latest:/sizes/multi-chunk.log'], {
      env: zoo.env,
    });
    expect(code).toBe(0);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '177bb7fcc7207811d4a9b244e9aaa07493f1e48626e131f5b96a1f81f77b191f',
    );
  });

  test('as JSON tells the size and the SHA-256 instead', async () => {
    const args = ['cat', zoo.url(), 'latest:/modes/setuid', '--output', 'json'];
    const { stdout } = await kopia(args, { env: zoo.env });
    expect(parsed(stdout)).toMatchObject({
      schema: 'drydock/kopia-cat/v1',
      snapshot: ZOO,
      file: {
        path: 'modes/setuid',
        mode: '4755',
        sizeBytes: 7,
        sha256: 'fcd249947a42433f3ca96fd828ace5d07193ea0d7023210bfffd1453f1860a75',
      },
    });
  });

  test.each([
    ['latest', 'it is a folder', '<snapshot>:/path'],
    ['latest:/links/absolute', 'it is a link', 'Links are not followed'],
  ])('refuses %s: %s', async (argument, why, hint) => {
    const { code, stderr } = await kopia(['cat', zoo.url(), argument], { env: zoo.env });
    expect(code).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr).toContain(hint);
  });

  test('survives a reader that leaves early', () => {
    const script = `"$0" "$1" kopia cat "$2" latest:/sizes/multi-chunk.log | head -c 5; echo "|\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-c', script, process.execPath, LAUNCHER, zoo.url()],
      { encoding: 'utf8', env: { ...process.env, ...zoo.env } },
    );
    expect({ stdout: stdout.slice(-3), stderr }).toEqual({ stdout: '|0\n', stderr: '' });
  });
});
