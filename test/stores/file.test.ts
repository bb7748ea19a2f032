import { spawn } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { translateFileError } from '../../shared/stores/file-errors.ts';
import { lockPath } from '../../shared/stores/file-lock.ts';
import { compareKeys } from '../../shared/stores/keys.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

let folder: string;
let path: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-file-'));
  path = join(folder, 'root');
  store = fileStore({ path, lockStaleMs: 100 });
});
afterEach(() => rm(folder, { recursive: true }));

const put = (key: string, value = 'x', options = {}) => {
  const bytes = Buffer.from(value);
  return store.write(key, bytesBody(bytes), { sizeBytes: bytes.length, ...options });
};
const keys = async (prefix = '', on = store): Promise<string[]> =>
  (await Array.fromAsync(on.list(prefix))).map(({ key }) => key);
const textOf = async (key: string): Promise<string> =>
  Buffer.from(await collect((await store.read(key)).body)).toString();
const failure = async (call: Promise<unknown>, code: StoreErrorCode): Promise<StoreError> => {
  const error = await call.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code });
  return error as StoreError;
};

describe('names', () => {
  test('leaves plain keys plain, so that the folder looks as the bucket does', async () => {
    await put('backups/daily-1/velero-backup.json');
    await put('kopia/shop/p0123.f');
    await put('percent%41%2F');
    expect((await readdir(path, { recursive: true })).sort()).toEqual([
      'backups',
      'backups/daily-1',
      'backups/daily-1/velero-backup.json',
      'kopia',
      'kopia/shop',
      'kopia/shop/p0123.f',
      'percent%41%2F',
    ]);
  });

  test('reads what others put there, whatever the names', async () => {
    await mkdir(join(path, 'a:b'), { recursive: true });
    await writeFile(join(path, 'a:b', '100%25 "x"'), 'theirs');
    expect(await keys()).toEqual(['a:b/100%25 "x"']);
    expect(await textOf('a:b/100%25 "x"')).toBe('theirs');
  });

  test('holds keys that no file system can, inside the root', async () => {
    const long = 'ä'.repeat(300);
    const odd = ['../up', '.', 'a/./b', 'a/../b', '/lead', 'trail/', 'a//b', 'nul\0', '/'];
    const own = ['.drydock~tmp-1', '.drydock~lock-1', '.drydock~=a', '.drydock~+a', '.drydock~'];
    const all = [...odd, ...own, long, `${long}/${'b'.repeat(256)}`, 'c'.repeat(1024)];
    for (const key of all) if (key !== long) await put(key, key);
    const held = all.filter((key) => key !== long).sort(compareKeys);
    expect(await keys()).toEqual(held);
    for (const key of held) expect(await textOf(key)).toBe(key);
    expect(await readdir(folder)).toEqual(['root']);
    expect(await store.removeMany(held)).toEqual([]);
    expect(await readdir(path)).toEqual([]);
  });

  test('any set of keys is listed in order, found, and gone when removed', async () => {
    const segment = fc.constantFrom(
      ...['', '.', '..', 'a', 'a-', 'b', 'a.b', 'ä', '\u{1F6A2}', '\uffee', '%', ' ', '~'],
      ...['.drydock~=', '.drydock~+x', 'x'.repeat(254), 'y'.repeat(256), 'ö'.repeat(130), '\t'],
    );
    const key = fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((segments) => segments.join('/'))
      .filter((value) => value !== '' && Buffer.byteLength(value) <= 1024);
    const beside = (all: readonly string[]) =>
      all.some((one) => all.some((two) => two.startsWith(`${one}/`)));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), fc.nat(), async (made, choice) => {
        fc.pre(!beside(made));
        await put('anchor');
        for (const one of made) await put(one, one);
        const expected = [...new Set([...made, 'anchor'])].sort(compareKeys);
        expect(await keys()).toEqual(expected);
        const at = choice % expected.length;
        const after = await Array.fromAsync(store.list('', { startAfter: expected[at] ?? '' }));
        expect(after.map((info) => info.key)).toEqual(expected.slice(at + 1));
        const cut = expected[at] ?? '';
        const prefix = cut.slice(0, choice % (cut.length + 1));
        if (prefix.isWellFormed()) {
          expect(await keys(prefix)).toEqual(expected.filter((one) => one.startsWith(prefix)));
        }
        for (const one of made) await store.remove(one);
        expect(await keys()).toEqual(made.includes('anchor') ? [] : ['anchor']);
      }),
      { numRuns: 60 },
    );
  });

  test('refuses an object beside keys that go on below its name, either way round', async () => {
    await put('a');
    expect((await failure(put('a/b'), 'invalid')).hint).toMatch(/S3 or Blob/);
    await put('c/d');
    expect((await failure(put('c'), 'invalid')).hint).toMatch(/S3 or Blob/);
    await failure(put('c', 'x', { condition: 'absent' }), 'invalid');
    expect(await store.stat('a/b')).toBeUndefined();
    expect(await store.stat('c')).toBeUndefined();
    expect(await keys()).toEqual(['a', 'c/d']);
  });

  test('refuses a name that is not UTF-8 rather than list without it', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux takes such a name');
    await put('a');
    await writeFile(Buffer.concat([Buffer.from(`${path}/b`), Buffer.from([0xff])]), 'x');
    await failure(keys(), 'invalid');
  });
});

describe('the folder', () => {
  test('is absent to readers and made by the first write', async () => {
    await failure(keys(), 'bucket_not_found');
    await failure(Array.fromAsync(store.listDirectories('')), 'bucket_not_found');
    await failure(store.stat('a'), 'bucket_not_found');
    await failure(store.read('a'), 'bucket_not_found');
    await failure(store.remove('a'), 'bucket_not_found');
    await failure(store.removeMany(['a']), 'bucket_not_found');
    await put('a/b');
    expect(await keys()).toEqual(['a/b']);
  });

  test('has no traces of what was killed: no temporary files, no empty folders', async () => {
    await put('a/b');
    await mkdir(join(path, 'begun/deeper'), { recursive: true });
    await writeFile(join(path, 'begun/deeper/.drydock~tmp-1'), 'half');
    expect(await keys()).toEqual(['a/b']);
    expect(await Array.fromAsync(store.listDirectories(''))).toEqual(['a/']);
  });

  test('an empty folder is in nobody’s way, and goes with its last object', async () => {
    await mkdir(join(path, 'a'), { recursive: true });
    await put('a');
    await put('b/c/d');
    await store.remove('b/c/d');
    expect(await readdir(path)).toEqual(['a']);
  });

  test('gives files the time of the source', async () => {
    const lastModified = new Date('2025-03-04T05:06:07.891Z');
    await put('a', 'x', { source: { lastModified } });
    expect((await stat(join(path, 'a'))).mtime).toEqual(lastModified);
  });

  test('follows no symbolic link', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'untouched');
    await put('inside');
    await symlink(outside, join(path, 'link'));
    await symlink(join(outside, 'secret'), join(path, 'file'));
    for (const key of ['link/secret', 'file']) {
      await failure(store.stat(key), 'invalid');
      await failure(store.read(key), 'invalid');
      await failure(store.remove(key), 'invalid');
    }
    await failure(put('link/secret', 'changed'), 'invalid');
    await failure(put('link/new/deep', 'changed'), 'invalid');
    await failure(keys(), 'invalid');
    await failure(keys('link/'), 'invalid');
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('untouched');
  });

  test('that may not be read or written is denied, never absent', async ({ skip }) => {
    const { getuid, geteuid, seteuid } = process;
    skip(!getuid || !geteuid || !seteuid, 'this system has no users of that kind');
    await put('closed/a');
    await chmod(folder, 0o755);
    await chmod(join(path, 'closed'), 0);
    const before = geteuid?.() ?? 0;
    // Nothing is denied to root, so that it steps down to a user without rights meanwhile.
    if (before === 0) seteuid?.(65534);
    try {
      await failure(keys(), 'denied');
      await failure(Array.fromAsync(store.listDirectories('')), 'denied');
      await failure(store.stat('closed/a'), 'denied');
      await failure(store.read('closed/a'), 'denied');
      await failure(put('closed/a'), 'denied');
      await failure(store.remove('closed/a'), 'denied');
    } finally {
      if (before === 0) seteuid?.(0);
      await chmod(join(path, 'closed'), 0o755);
    }
    expect(await keys()).toEqual(['closed/a']);
  });

  test.each([
    ['ENOSPC', 'invalid'],
    ['EROFS', 'denied'],
    ['EMFILE', 'throttled'],
    ['EIO', 'unreachable'],
    ['ESTALE', 'unreachable'],
  ] as const)('tells %s as %s', (code, expected) => {
    const error = Object.assign(new Error(code), { code, syscall: 'write' });
    const told = translateFileError(error, { verb: 'write', url: 'file:///x' });
    expect(told).toMatchObject({ code: expected, cause: error });
  });
});

describe('conditions', () => {
  test.each(['absent', 'version'])('20 racers of 4 processes have one winner: %s', async (kind) => {
    await put('anchor');
    const version = kind === 'absent' ? kind : (await put('race', 'start')).etag;
    const racers = ['a', 'b', 'c', 'd'].map((name) => racer('race', version, name));
    await Promise.all(racers.map(({ ready }) => ready));
    for (const { go } of racers) go();
    const wins = await Promise.all(racers.map(({ wins }) => wins));
    expect(wins.reduce((sum, won) => sum + won, 0)).toBe(1);
    expect('abcd'[wins.indexOf(1)]).toBe((await textOf('race'))[0]);
    expect((await readdir(path)).sort()).toEqual(['anchor', 'race']);
  });

  test('a lock that a killed process left behind is broken, once for all who wait', async () => {
    const { etag } = await put('a', 'first');
    await writeFile(lockPath(join(path, 'a')), '');
    const longAgo = new Date('2020-01-01');
    await utimes(lockPath(join(path, 'a')), longAgo, longAgo);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) => put('a', `${at}`, { condition: { etag } })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(path)).toEqual(['a']);
  });

  test('who waits for a lock can be cancelled', async () => {
    const patient = fileStore({ path, lockStaleMs: 600_000 });
    const { etag } = await put('a', 'first');
    await writeFile(lockPath(join(path, 'a')), '');
    const abort = new AbortController();
    const reason = new Error('stop now');
    const call = patient.remove('a', { ifMatch: etag, signal: abort.signal });
    setImmediate(() => abort.abort(reason));
    await expect(call).rejects.toBe(reason);
    expect(await textOf('a')).toBe('first');
  });
});

function racer(key: string, version: string, name: string) {
  const script = join(import.meta.dirname, 'file-racer.ts');
  const child = spawn(process.execPath, [script, path, key, version, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const ready = new Promise<unknown>((resolve) => child.stdout.once('data', resolve));
  const wins = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(Number(/won (\d+)/.exec(said)?.[1] ?? Number.NaN)));
  });
  return { ready, wins, go: () => child.stdin.end('go\n') };
}
