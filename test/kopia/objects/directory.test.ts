import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDirectory } from '../../../shared/kopia/objects/directory.ts';
import { nameTrouble } from '../../../shared/kopia/objects/entry-name.ts';
import type { TreeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { putChunked, smallContents } from './small-contents.ts';

const HASH = '0123456789abcdef0123456789abcdef';
const SUMMARY = {
  size: 7,
  files: 1,
  symlinks: 2,
  dirs: 3,
  maxTime: '2026-11-01T02:00:00.5Z',
  incomplete: 'canceled',
  numFailed: 4,
  numIgnoredErrors: 5,
  errors: [{ path: 'a/b', error: 'denied' }],
};

interface Read {
  readonly entries: readonly TreeEntry[];
  readonly end: unknown;
}

async function readText(text: string | Buffer): Promise<Read> {
  const contents = smallContents();
  const directory = readDirectory(contents, contents.put(text, 'k'));
  const entries: TreeEntry[] = [];
  for (let next = await directory.next(); ; next = await directory.next()) {
    if (next.done) return { entries, end: next.value };
    entries.push(next.value);
  }
}

const directoryOf = (entries: readonly unknown[], more: object = {}): string =>
  JSON.stringify({ stream: 'kopia:directory', entries, ...more });

describe('readDirectory()', () => {
  test('reads every member, in any order, with the summary', async () => {
    const entry = {
      obj: `k${HASH}`,
      name: 'd',
      type: 'd',
      mode: '0755',
      mtime: '2026-11-01T03:00:00.123456789+01:00',
      uid: 1000,
      gid: 4294967295,
      summ: SUMMARY,
      unknown: [1, { deep: true }],
    };
    const summary = {
      sizeBytes: 7,
      files: 1,
      symlinks: 2,
      directories: 3,
      newestAt: new Date('2026-11-01T02:00:00.5Z'),
      newestNs: 1_793_498_400_500_000_000n,
      incompleteReason: 'canceled',
      failed: 4,
      ignoredErrors: 5,
    };
    const text = `{"summary":${JSON.stringify(SUMMARY)},"later":{"entries":[1]},"entries":[${JSON.stringify(entry)}],"stream":"kopia:directory"}`;
    expect(await readText(text)).toEqual({
      entries: [
        {
          name: 'd',
          type: 'directory',
          mode: 0o755,
          sizeBytes: 0,
          modifiedAt: new Date('2026-11-01T02:00:00.123Z'),
          modifiedNs: 1_793_498_400_123_456_789n,
          uid: 1000,
          gid: 4294967295,
          objectId: `k${HASH}`,
          summary,
        },
      ],
      end: { inOrder: true, summary },
    });
  });

  test('what is left out is 0 or empty', async () => {
    const { entries, end } = await readText(directoryOf([{ obj: HASH, mtime: null }]));
    expect(entries).toEqual([
      {
        name: '',
        type: 'unknown',
        mode: 0,
        sizeBytes: 0,
        modifiedAt: new Date(0),
        modifiedNs: 0n,
        uid: 0,
        gid: 0,
        objectId: HASH,
      },
    ]);
    expect(end).toEqual({ inOrder: true });
    const empty = '{"stream":"kopia:directory","entries":null,"summary":null}';
    expect(await readText(empty)).toEqual({ entries: [], end: { inOrder: true } });
  });

  test.each([
    ['0644', 0o644],
    ['0', 0],
    ['040000755', 0o4755],
    ['020000755', 0o2755],
    ['04000755', 0o1755],
    ['064000777', 0o7777],
    // A directory's own bit in Go's numbering is none of the permissions.
    ['020000000755', 0o755],
  ])("mode %s, Go's number, is %i", async (mode, posix) => {
    const { entries } = await readText(directoryOf([{ name: 'a', mode }]));
    expect(entries[0]?.mode).toBe(posix);
  });

  test.each([
    ['another stream', '{"stream":"kopia:indirect","entries":[]}'],
    ['no stream', '{"entries":[]}'],
    ['an entry that is null', directoryOf([null])],
    ['an entry that is a list', directoryOf([[]])],
    ['a name that is a number', directoryOf([{ name: 1 }])],
    ['a size that is text', directoryOf([{ name: 'a', size: '1' }])],
    ['a size beyond all numbers', directoryOf([{ name: 'a', size: 1e300 }])],
    ['an owner below 0', directoryOf([{ name: 'a', uid: -1 }])],
    ['a group beyond 32 bits', directoryOf([{ name: 'a', gid: 2 ** 32 }])],
    ['a mode that is a number', directoryOf([{ name: 'a', mode: 493 }])],
    ['a mode that is none', directoryOf([{ name: 'a', mode: '0999' }])],
    ['a time that is none', directoryOf([{ name: 'a', mtime: 'yesterday' }])],
    ['an object id that is a number', directoryOf([{ name: 'a', obj: 1 }])],
    ['a summary of an entry that is none', directoryOf([{ name: 'a', summ: 'x' }])],
    ['a summary that is none', directoryOf([], { summary: [] })],
    ['errors that are none', directoryOf([], { summary: { errors: [1] } })],
    ['an entry of 5 MiB', directoryOf([{ name: 'a'.repeat(5 << 20) }])],
    ['deep brackets', `{"stream":"kopia:directory","entries":[{"x":${'['.repeat(1e6)}`],
    ['nothing', ''],
    ['bytes behind', `${directoryOf([])}x`],
  ])('%s is damage', async (_, text) => {
    const damage = { name: 'ObjectDamage', reason: 'malformed' };
    await expect(readText(text)).rejects.toMatchObject(damage);
  });

  test('a directory cut anywhere is damage, after the entries that are whole', async () => {
    const text = directoryOf([{ name: 'a' }, { name: 'b' }], { summary: SUMMARY });
    for (let length = 0; length < text.length; length += 1) {
      await expect(readText(text.slice(0, length))).rejects.toMatchObject({ reason: 'malformed' });
    }
    const contents = smallContents();
    const long = directoryOf(
      Array.from({ length: 3000 }, (_, n) => ({ name: `file-${n}-`.padEnd(60) })),
    );
    const cut = contents.put(long.slice(0, -100), 'k');
    const seen: string[] = [];
    const read = (async () => {
      for await (const { name } of readDirectory(contents, cut)) seen.push(name);
    })();
    await expect(read).rejects.toMatchObject({ reason: 'malformed' });
    expect(seen.length).toBeGreaterThan(1000);
  });

  test('an odd object id costs its own entry alone', async () => {
    const { entries } = await readText(
      directoryOf([{ name: 'a', obj: 'nonsense' }, { name: 'b' }]),
    );
    expect(entries.map(({ objectId }) => objectId)).toEqual(['nonsense', '']);
  });

  test('"__proto__" as a name, a member or a tag pollutes nothing', async () => {
    const text = `{"stream":"kopia:directory","__proto__":{"bad":1},"entries":[{"name":"__proto__","__proto__":{"size":9,"bad":1}}]}`;
    const { entries } = await readText(text);
    expect(entries[0]).toMatchObject({ name: '__proto__', sizeBytes: 0 });
    expect(Object.getPrototypeOf(entries[0])).toBe(Object.prototype);
    expect(({} as { bad?: number }).bad).toBeUndefined();
  });

  test('says whether entries are in the order of their bytes, which excludes doubles', async () => {
    const inOrder = async (...entries: readonly object[]): Promise<unknown> =>
      (await readText(directoryOf(entries))).end;
    const [a, b] = [{ name: 'a' }, { name: 'b' }];
    expect(await inOrder({ name: 'z', type: 'd' }, a, b)).toEqual({ inOrder: true });
    expect(await inOrder(a, { name: 'z', type: 'd' })).toEqual({ inOrder: false });
    expect(await inOrder(b, a)).toEqual({ inOrder: false });
    expect(await inOrder(a, a)).toEqual({ inOrder: false });
    // Above the surrogates in UTF-16, below them in UTF-8.
    expect(await inOrder({ name: '\uffee' }, { name: '\u{1f6df}' })).toEqual({ inOrder: true });
    expect(await inOrder({ name: '\u{1f6df}' }, { name: '\uffee' })).toEqual({ inOrder: false });
    const names = fc.uniqueArray(fc.string({ unit: 'grapheme' }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(names, async (unsorted) => {
        const sorted = unsorted.sort((x, y) => Buffer.from(x).compare(Buffer.from(y)));
        expect(await inOrder(...sorted.map((name) => ({ name })))).toEqual({ inOrder: true });
      }),
    );
  });

  test('names that were no UTF-8, as Kopia 0.23.1 wrote them: three files, two names', async () => {
    // `caf\xe9`, `caf\xe9b`, `caf\xea`, in the order of their bytes. Kopia restored the last `caf`.
    const text = `{"stream":"kopia:directory","entries":[{"name":"dir\\ufffd","type":"d","mode":"04000777","obj":"kca68c405d68c30f5e369e9cddf35b5f5","summ":{"size":1,"files":1,"symlinks":0,"dirs":1,"maxTime":"2026-11-25T18:32:05.37211505Z","numFailed":0}},{"name":"caf\\ufffd","type":"f","mode":"0644","size":4,"mtime":"2026-11-25T18:32:05.371715397Z","obj":"1e957e1ca29549ecc830a96fa653beab"},{"name":"caf\\ufffdb","type":"f","mode":"0644","size":5,"mtime":"2026-11-25T18:32:05.371837779Z","obj":"d68dc1fecb485b8a0042cbca537fb23f"},{"name":"caf\\ufffd","type":"f","mode":"0644","size":4,"mtime":"2026-11-25T18:32:05.371785331Z","obj":"3f61c9aa3d6d8dba8493e09524769b7c"}],"summary":{"size":16,"files":5,"symlinks":1,"dirs":2,"maxTime":"2026-11-25T18:32:05.37211505Z","numFailed":0}}\n`;
    const { entries, end } = await readText(text);
    expect(end).toMatchObject({ inOrder: false, summary: { files: 5, directories: 2 } });
    expect(entries.map(({ name }) => name)).toEqual([
      'dir\ufffd',
      'caf\ufffd',
      'caf\ufffdb',
      'caf\ufffd',
    ]);
    expect(entries.map(({ name }) => nameTrouble(name))).toEqual(Array(4).fill('not-utf8'));
    expect(entries[0]).toMatchObject({ mode: 0o1777, modifiedNs: 0n });
  });

  test('reads a directory that was itself cut into chunks', async () => {
    const text = directoryOf(Array.from({ length: 500 }, (_, n) => ({ name: `é-${1000 + n}` })));
    const contents = smallContents();
    const objectId = putChunked(contents, Buffer.from(text), 997, 2);
    const entries = await Array.fromAsync(readDirectory(contents, objectId));
    expect(entries.map(({ name }) => name)).toEqual(
      Array.from({ length: 500 }, (_, n) => `é-${1000 + n}`),
    );
  });

  /** What a file of this folder tells when it has run in a worker with so much heap. */
  async function toldBy(file: string, heapMib: number): Promise<unknown> {
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: heapMib },
    });
    return new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  }

  test('half a million entries pass through a heap of 16 MiB', async () => {
    expect(await toldBy('./large-directory.ts', 16)).toBe(500_001);
  });

  test('what no entry needs is not held while others have their turn', async () => {
    expect(await toldBy('./wasteful-directories.ts', 128)).toBe(40);
  });
});

describe('nameTrouble()', () => {
  test.each([
    ['', 'empty'],
    ['.', 'dot'],
    ['..', 'dot'],
    ['a\0b', 'nul'],
    ['/dev/xvdba', 'slash'],
    ['caf\ufffd', 'not-utf8'],
    ['...', undefined],
    [' ', undefined],
    ['back\\slash', undefined],
    ['new\nline', undefined],
    ['__proto__', undefined],
    ['\u{1f6df}', undefined],
  ])('%j: %s', (name, trouble) => expect(nameTrouble(name)).toBe(trouble));
});
