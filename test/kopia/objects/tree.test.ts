import { describe, expect, test } from 'vitest';
import { ContentDamage } from '../../../shared/kopia/contents/content-damage.ts';
import { ObjectDamage } from '../../../shared/kopia/objects/object-damage.ts';
import { readLinkTarget, type WalkedEntry, walkTree } from '../../../shared/kopia/objects/tree.ts';
import { type TreeEntry, treeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { type SmallContents, smallContents } from './small-contents.ts';

const HASH = '0123456789abcdef0123456789abcdef';

interface Folder {
  readonly [name: string]: Folder | string;
}

function directoryText(entries: readonly object[]): string {
  return JSON.stringify({ stream: 'kopia:directory', entries });
}

function putFolder(contents: SmallContents, folder: Folder): string {
  const entries = Object.entries(folder).map(([name, value]) =>
    typeof value === 'string'
      ? { name, type: 'f', size: value.length, obj: contents.put(value) }
      : { name, type: 'd', obj: putFolder(contents, value) },
  );
  return contents.put(directoryText(entries), 'k');
}

function root(obj: string, type = 'd'): TreeEntry {
  const entry = treeEntry({ name: 'root', type, obj });
  if (entry === undefined) throw new Error('that is no entry');
  return entry;
}

async function pathsOf(walk: AsyncIterable<WalkedEntry>): Promise<readonly string[]> {
  return (await Array.fromAsync(walk)).map(({ path }) => path);
}

describe('walkTree()', () => {
  test('yields a directory before what is in it, in the order of storage', async () => {
    const contents = smallContents();
    const same = { x: '1' };
    const tree = { b: { z: { deep: 'd' }, y: 'y' }, a: same, c: same, empty: {}, file: 'f' };
    const walked = await Array.fromAsync(walkTree(contents, root(putFolder(contents, tree))));
    expect(walked.map(({ path }) => path)).toEqual([
      'b',
      'b/z',
      'b/z/deep',
      'b/y',
      'a',
      'a/x',
      'c',
      'c/x',
      'empty',
      'file',
    ]);
    expect(walked.map(({ folders }) => folders.length)).toEqual([0, 1, 2, 1, 0, 1, 0, 1, 0, 0]);
    expect(walked[2]).toMatchObject({ folders: ['b', 'z'], entry: { name: 'deep', sizeBytes: 1 } });
  });

  test('there is nothing below a file', async () => {
    const contents = smallContents();
    expect(await pathsOf(walkTree(contents, root(contents.put('file'), 'f')))).toEqual([]);
    expect(contents.reads).toEqual([]);
  });

  test('names are handed on as they are: a path of a device, dots, __proto__', async () => {
    const contents = smallContents();
    const names = ['/dev/xvdba', '..', '.', '', '__proto__', 'nul\0'];
    const text = directoryText(names.map((name) => ({ name, type: 'f', obj: HASH })));
    const walked = await Array.fromAsync(walkTree(contents, root(contents.put(text, 'k'))));
    expect(walked.map(({ entry }) => entry.name)).toEqual(names);
    expect(walked.every(({ folders }) => folders.length === 0)).toBe(true);
  });

  test('ends at what cannot be read, or tells it and goes on behind it', async () => {
    const contents = smallContents();
    const broken = contents.put('{"stream":"kopia:directory","entries":[{"name":"seen"},', 'k');
    const lost = `k${'f'.repeat(32)}`;
    const whole = putFolder(contents, { inside: '1' });
    const entries = [
      { name: 'broken', type: 'd', obj: broken },
      { name: 'lost', type: 'd', obj: lost },
      { name: 'odd', type: 'd', obj: 'nonsense' },
      { name: 'none', type: 'd' },
      { name: 'whole', type: 'd', obj: whole },
    ];
    const top = root(contents.put(directoryText(entries), 'k'));
    await expect(pathsOf(walkTree(contents, top))).rejects.toBeInstanceOf(ObjectDamage);
    const told: [string, string][] = [];
    const onDamage = (error: ObjectDamage | ContentDamage, { path }: WalkedEntry): void => {
      told.push([path, error.reason]);
    };
    expect(await pathsOf(walkTree(contents, top, { onDamage }))).toEqual([
      'broken',
      'broken/seen',
      'lost',
      'odd',
      'none',
      'whole',
      'whole/inside',
    ]);
    expect(told).toEqual([
      ['broken', 'malformed'],
      ['lost', 'pack-missing'],
      ['odd', 'object-id-malformed'],
      ['none', 'object-id-malformed'],
    ]);
  });

  test('a store that denies is no damage', async () => {
    const denied = new Error('denied');
    const contents = { read: () => Promise.reject(denied) };
    const walk = walkTree(contents, root(`k${HASH}`), { onDamage: () => expect.fail() });
    await expect(pathsOf(walk)).rejects.toBe(denied);
  });

  test('a directory that holds itself, twice, ends', async () => {
    const contents = smallContents();
    const self = { type: 'd', obj: `k${HASH}` };
    contents.putAs(
      `k${HASH}`,
      directoryText([
        { name: 'a', ...self },
        { name: 'b', ...self },
      ]),
    );
    await expect(pathsOf(walkTree(contents, root(`k${HASH}`)))).rejects.toMatchObject({
      reason: 'beyond-limits',
    });
    const told: string[] = [];
    const options = { onDamage: (_: Error, { path }: WalkedEntry) => void told.push(path) };
    const walk = walkTree(contents, root(`k${HASH}`), options);
    expect(await pathsOf(walk)).toEqual(['a', 'b']);
    expect(told).toEqual(['a', 'b']);
  });

  test('depth is bounded, and reached without a deep stack', async () => {
    const contents = smallContents();
    let obj = contents.put(directoryText([]), 'k');
    for (let level = 0; level < 3000; level += 1) {
      obj = contents.put(directoryText([{ name: 'd', type: 'd', obj }]), 'k');
    }
    let deepest = 0;
    const told: string[] = [];
    const options = { onDamage: (error: Error) => void told.push(error.message) };
    for await (const { folders } of walkTree(contents, root(obj), options)) {
      deepest = Math.max(deepest, folders.length);
    }
    expect(deepest).toBe(2047);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/more than 2048 directories deep/);
  });

  test('directories on the way down may not fill the memory', async () => {
    // Each is 40 MiB with one entry and much space; that all are the same buffer nobody knows.
    const bytes = Buffer.alloc(40 << 20, 0x20);
    let level = 0;
    const contents = {
      read: async (): Promise<Buffer> => {
        level += 1;
        const obj = `k${level.toString(16).padStart(32, '0')}`;
        bytes.write(`{"stream":"kopia:directory","entries":[{"type":"d","obj":"${obj}"},`);
        return bytes;
      },
    };
    const walk = walkTree(contents, root(`k${HASH}`));
    await expect(pathsOf(walk)).rejects.toMatchObject({
      reason: 'beyond-limits',
      detail: expect.stringMatching(/too large to be held/),
    });
    expect(level).toBeLessThan(10);
  });
});

describe('readLinkTarget()', () => {
  test('is any bytes, within a bound', async () => {
    const contents = smallContents();
    const bytes = Buffer.from([0x2f, 0xff, 0xfe, 0x00]);
    expect(await readLinkTarget(contents, root(contents.put(bytes), 's'))).toEqual(bytes);
    const long = root(contents.put(Buffer.alloc(65_537, 'a')), 's');
    await expect(readLinkTarget(contents, long)).rejects.toMatchObject({ reason: 'malformed' });
    await expect(readLinkTarget(contents, root(HASH, 's'))).rejects.toBeInstanceOf(ContentDamage);
  });
});
