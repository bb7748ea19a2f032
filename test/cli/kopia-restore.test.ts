import { spawn } from 'node:child_process';
import { lstat, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Interrupted } from '../../functions/cli/outcome.ts';
import { describeTree, type RestoredEntry } from '../fixtures/kopia-answers.ts';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { writeTwin } from '../support/kopia-damage/make.ts';
import type { Entry } from '../support/kopia-writer/trees.ts';
import { kopiaWorld } from '../support/kopia-writer/world.ts';
import { LAUNCHER, parsed } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, kopia, temporaryFolder } from './kopia-run.ts';
import { file, link, object, opened } from './kopia-world.ts';

const isRoot = process.getuid?.() === 0;
/** Ownership is of the machine: only root may give it away. */
const owners = isRoot ? ['--owners'] : [];

/** The answer of the real `kopia restore`. */
function restored({ fixture }: FixtureFolder, index = 0): Record<string, RestoredEntry[]> {
  const reader = fixture.meta.repositories[index]?.readers[0];
  return fixture.answer(reader?.answers ?? '', 'restored') as Record<string, RestoredEntry[]>;
}

/** Without set-user-id where it cannot be set, and times as exact as Node can set them. */
function comparable(entries: readonly RestoredEntry[]): readonly RestoredEntry[] {
  return entries.map(({ mode, mtimeNs, ...entry }) => ({
    ...entry,
    ...(mode !== undefined && { mode: isRoot ? mode : `0${mode.slice(1)}` }),
    ...(mtimeNs !== undefined && { mtimeUs: Math.round(Number(BigInt(mtimeNs) / 100n) / 10) }),
  }));
}

describe('drydock kopia restore', () => {
  test.each([
    ['kopia/zoo', 0],
    ['kopia/velero-like', 0],
    ['kopia/made-by-0.8.4', 0],
  ] as const)('writes %s as the real tool did', async (name, index) => {
    const at = await fixtureFolder(name);
    for (const [id, tree] of Object.entries(restored(at, index)).slice(-2)) {
      const folder = join(await temporaryFolder(), 'below', 'here');
      const args = ['restore', at.url(index), id, folder, ...owners];
      const { code, stdout } = await kopia(args, { env: at.env });
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Restored \d+ files?, \d+ folders?, \d+ links?, .* in .*\n$/);
      expect(comparable(await describeTree(folder))).toEqual(comparable(tree));
    }
  });

  test('gives a folder its own time, where Kopia gives that of the newest file below', async () => {
    const at = await fixtureFolder('kopia/format-1-compacted');
    const [id = '', tree = []] = Object.entries(restored(at)).at(-1) ?? [];
    const folder = join(await temporaryFolder(), 'x');
    expect((await kopia(['restore', at.url(), id, folder], { env: at.env })).code).toBe(0);
    const noTimes = (entries: readonly RestoredEntry[]) =>
      comparable(entries).map((entry) => (entry.type === 'folder' ? entry.path : entry));
    expect(noTimes(await describeTree(folder))).toEqual(noTimes(tree));
    const { mtimeMs } = await stat(join(folder, 'daily'));
    expect(mtimeMs).toBeCloseTo(Date.parse('2026-11-21T09:58:28Z') + 152.604818, 2);
  });

  test('writes one file, or one folder, of a snapshot', async () => {
    const { url, env } = await small();
    const folder = await temporaryFolder();
    expect((await kopia(['restore', url, 'latest:/sub/b.txt', folder], { env })).code).toBe(0);
    expect(await readdir(folder)).toEqual(['b.txt']);
    const again = join(folder, 'again');
    expect((await kopia(['restore', url, 'latest:/sub', again], { env })).code).toBe(0);
    expect(await readFile(join(again, 'b.txt'), 'utf8')).toBe('there');
  });

  test('keeps set-user-id away without --owners, and files unreadable to others', async () => {
    const at = await fixtureFolder('kopia/zoo');
    const folder = join(await temporaryFolder(), 'x');
    await kopia(['restore', at.url(), 'latest:/modes', folder], { env: at.env });
    const modes = ['setuid', 'secret.key', 'executable.sh'].map(async (name) => {
      return (await stat(join(folder, name))).mode & 0o7777;
    });
    expect(await Promise.all(modes)).toEqual([0o755, 0o400, 0o755]);
  });

  test('--dry-run lists what would be written, and writes nothing', async () => {
    const { url, env } = await small();
    const folder = join(await temporaryFolder(), 'x');
    const text = await kopia(['restore', url, 'latest', folder, '--dry-run'], { env });
    expect(text.stdout).toMatch(/ sub\/b\.txt\n/);
    expect(text.stdout).toContain(`Would restore 2 files, 1 folder, 0 links, 10 B to ${folder}`);
    const args = ['restore', url, 'latest', folder, '--dry-run', '--output', 'json'];
    const { stdout } = await kopia(args, { env });
    expect(parsed(stdout)).toMatchObject({
      schema: 'drydock/kopia-restore/v1',
      dryRun: true,
      entries: [{ path: 'sub' }, { path: 'sub/b.txt' }, { path: 'a.txt' }],
      files: 2,
      folders: 1,
      sizeBytes: 10,
      notRestored: 0,
    });
    await expect(lstat(folder)).rejects.toThrow('ENOENT');
  });
});

/** `a.txt` and `sub/b.txt`. */
async function small() {
  const world = await kopiaWorld();
  world.snapshot(world.tree({ 'a.txt': 'hello', sub: { 'b.txt': 'there' } }));
  return opened(world);
}

describe('the folder to restore to', () => {
  test('must be empty, unless things of the same name may be replaced', async () => {
    const { url, env } = await small();
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.txt'), 'mine');
    await writeFile(join(folder, 'other'), 'mine too');
    const refused = await kopia(['restore', url, 'latest', folder], { env });
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('error TARGET_NOT_EMPTY: ');
    expect(refused.stderr).toContain('--overwrite');
    const planned = await kopia(['restore', url, 'latest', folder, '--dry-run'], { env });
    expect(planned.code).toBe(4);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('mine');
    const done = await kopia(['restore', url, 'latest', folder, '--overwrite'], { env });
    expect(done.code).toBe(0);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('hello');
    expect(await readFile(join(folder, 'other'), 'utf8')).toBe('mine too');
  });

  test('is told when it is a file, or cannot be written to', async () => {
    const { url, env } = await small();
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, '');
    const ended = await kopia(['restore', url, 'latest', path], { env });
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain(`Cannot restore to "${path}": it is no folder`);
  });

  test('may not lead elsewhere by links that lie in it', async () => {
    const { url, env } = await small();
    const outside = await temporaryFolder();
    await writeFile(join(outside, 'victim'), 'untouched');
    const folder = await temporaryFolder();
    await symlink(outside, join(folder, 'sub'));
    await symlink(join(outside, 'victim'), join(folder, 'a.txt'));
    const ended = await kopia(['restore', url, 'latest', folder, '--overwrite'], { env });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('not restored as it was: sub: a link is in the way');
    expect(await readdir(outside)).toEqual(['victim']);
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched');
    expect((await lstat(join(folder, 'a.txt'))).isFile()).toBe(true);
  });
});

describe('a hostile snapshot', () => {
  test('writes nothing outside the folder, and everything that is harmless', async () => {
    const world = await kopiaWorld();
    const outside = await temporaryFolder();
    const inner = world.directory('dir', [file(world, 'owned', 'x')]);
    const entries: Entry[] = [
      file(world, '..', 'x'),
      file(world, '.', 'x'),
      file(world, '', 'x'),
      file(world, 'nul\0', 'x'),
      file(world, 'n'.repeat(300), 'x'),
      { ...inner, name: '..' },
      { ...inner, name: '../up' },
      { ...inner, name: 'a/b' },
      link(world, 'elsewhere', outside),
      { ...inner, name: 'elsewhere' },
      link(world, 'twice', `${outside}/evil`),
      file(world, 'twice', 'evil'),
      link(world, '../link', '/etc'),
      link(world, 'empty-target', ''),
      file(world, 'good', 'fine'),
      { name: 'odd', type: 'x' as 'f', obj: object(world, 'x') },
    ];
    world.snapshot(world.directory('data', entries));
    const { url, env } = await opened(world);
    const above = await temporaryFolder();
    const folder = join(above, 'to');
    const { code, stdout } = await kopia(['restore', url, 'latest', folder, '-o', 'json'], { env });
    expect(code).toBe(1);
    const { problems } = parsed(stdout) as { problems: { path: string; reason: string }[] };
    const refused = problems.map(({ path }) => path).sort();
    expect(refused).toEqual(
      [
        ...['', '.', '..', '..', '../link', '../up', 'a/b', 'empty-target', 'nul\0', 'odd'],
        'n'.repeat(300),
        ...refused.filter((path) => path === 'elsewhere' || path === 'twice'),
      ].sort(),
    );
    expect(await readdir(above)).toEqual(['to']);
    expect(await readdir(outside)).toEqual([]);
    expect(await readFile(join(folder, 'good'), 'utf8')).toBe('fine');
    expect((await readdir(folder)).sort()).toEqual(['elsewhere', 'good', 'twice']);
    // Folders and files come before links, so that the links are what is refused.
    expect(await readFile(join(folder, 'elsewhere/owned'), 'utf8')).toBe('x');
    expect(await readFile(join(folder, 'twice'), 'utf8')).toBe('evil');
  });

  test('files whose names have become equal are all restored, and told', async () => {
    const world = await kopiaWorld();
    const twins = ['one', 'two', 'three'].map((text) => file(world, 'a\ufffd', text));
    world.snapshot(
      world.directory('data', [...twins, file(world, 'b', 'same'), file(world, 'b', 'last')]),
    );
    const { url, env } = await opened(world);
    const folder = await temporaryFolder();
    const ended = await kopia(['restore', url, 'latest', folder], { env });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('this one becomes "a\ufffd~2"');
    expect((await readdir(folder)).sort()).toEqual(
      ['a\ufffd', 'a\ufffd~2', 'a\ufffd~3', 'b'].sort(),
    );
    // Nothing else makes names equal, so that this is a forgery: the first to come stays.
    expect(ended.stderr).toContain('b: something of the same name is in the way');
  });

  test('a block volume becomes one file under a name without separators', async () => {
    const world = await kopiaWorld();
    const device = file(world, '/dev/../../etc/xvdb', 'block');
    world.snapshot(world.directory('pvc', [device]));
    const { url, env } = await opened(world);
    const folder = await temporaryFolder();
    expect((await kopia(['restore', url, 'latest', folder], { env })).code).toBe(0);
    expect(await readdir(folder)).toEqual(['%2Fdev%2F..%2F..%2Fetc%2Fxvdb']);
    const listed = await kopia(['ls', url, 'latest'], { env });
    expect(listed.stdout).toBe('\\x2fdev\\x2f..\\x2f..\\x2fetc\\x2fxvdb\n');
    for (const path of [listed.stdout.trim(), '/dev/../../etc/xvdb']) {
      expect((await kopia(['cat', url, `latest:${path}`], { env })).stdout).toBe('block');
    }
  });

  test('a link points where it did, whatever is there, and is never followed', async () => {
    const world = await kopiaWorld();
    world.snapshot(world.tree({ away: { link: '/etc/passwd' }, up: { link: '../../x' } }));
    const { url, env } = await opened(world);
    const folder = await temporaryFolder();
    expect((await kopia(['restore', url, 'latest', folder], { env })).code).toBe(0);
    expect(await readlink(join(folder, 'away'))).toBe('/etc/passwd');
    expect(await readlink(join(folder, 'up'))).toBe('../../x');
  });
});

describe('damage', () => {
  test.each(['pack-missing', 'pack-bit-flipped'])('%s: the rest is restored', async (name) => {
    const damage = DAMAGES.find((each) => each.name === name);
    if (damage === undefined) throw new Error(`there is no damage "${name}"`);
    const twin = await damage.make();
    const folder = await temporaryFolder();
    await writeTwin(twin, folder);
    const env = { DRYDOCK_KOPIA_PASSWORD: twin.password };
    const url = `file://${folder}/${twin.prefix}`;
    const [id = '', lost = []] = Object.entries(twin.truth.files)[0] ?? [];
    const to = join(await temporaryFolder(), 'x');
    const { code, stdout } = await kopia(['restore', url, id, to, '-o', 'json'], { env });
    expect(code).toBe(1);
    const { problems, files } = parsed(stdout) as {
      problems: { path: string; reason: string }[];
      files: number;
    };
    expect(problems.map(({ path }) => path).sort()).toEqual([...lost].sort());
    for (const { reason } of problems) expect(reason).toContain('in pack blob "p');
    // What lies behind the link "current" is told twice.
    const left = (await describeTree(to)).filter(
      ({ type, path }) => type === 'file' && !path.startsWith('current/'),
    );
    expect(left).toHaveLength(files);
    expect(left.filter(({ path }) => lost.includes(path))).toEqual([]);
    const cat = await kopia(['cat', url, `${id}:${lost[0]}`], { env });
    expect(cat.code).toBe(3);
    expect(cat.stderr).toContain('error KOPIA_DAMAGED: Cannot read file');
    expect(cat.stderr).toContain('drydock kopia verify');
  });
});

describe('an interrupted restore', () => {
  test('leaves whole files alone, and the next one finishes', async () => {
    const world = await kopiaWorld();
    const texts = Array.from({ length: 60 }, (_, at) => `text ${at} `.repeat(2000));
    const tree = Object.fromEntries(texts.map((text, at) => [`file-${at}`, text]));
    world.snapshot(world.tree({ data: tree }));
    const { url, env } = await opened(world);
    const folder = join(await temporaryFolder(), 'x');
    const controller = new AbortController();
    const running = kopia(['restore', url, 'latest', folder], { env, signal: controller.signal });
    const data = join(folder, 'data');
    while ((await readdir(data).catch(() => [])).length < 5) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    controller.abort(new Interrupted());
    const { code, stderr } = await running;
    const there = await readdir(data);
    if (code === 130) expect(stderr).toContain('run the same command again with --overwrite');
    for (const name of there) {
      expect(await readFile(join(data, name), 'utf8')).toBe(tree[name]);
    }
    expect(there.filter((name) => name.startsWith('.drydock'))).toEqual([]);
    const again = await kopia(['restore', url, 'latest', folder, '--overwrite'], { env });
    expect(again.code).toBe(0);
    expect((await readdir(data)).sort()).toEqual(Object.keys(tree).sort());
  });

  test('killed, shows no half file under its name', async () => {
    const at = await fixtureFolder('kopia/v3-default');
    const [id = '', tree = []] = Object.entries(restored(at)).at(-1) ?? [];
    const folder = join(await temporaryFolder(), 'x');
    const args = [LAUNCHER, 'kopia', 'restore', at.url(), id, folder];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...at.env } });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const isEmpty = async (): Promise<boolean> =>
      (await readdir(folder).catch(() => [])).length === 0;
    while (child.exitCode === null && (await isEmpty())) await new Promise(setImmediate);
    child.kill('SIGKILL');
    await ended;
    const expected = new Map(tree.map((entry) => [entry.path, entry.sha256]));
    const files = (await describeTree(folder)).filter(({ type }) => type === 'file');
    const named = files.filter(({ path }) => !path.includes('.drydock-'));
    for (const { path, sha256 } of named)
      expect([path, sha256]).toEqual([path, expected.get(path)]);
  });
});
