/** What the tests' own writer of Kopia repositories writes, the released Kopia reads. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BOMB_KINDS,
  bomb,
  COMPRESSIONS,
  type Compression,
  frame,
} from '../support/kopia-writer/compression.ts';
import { ENCRYPTIONS, HASHES } from '../support/kopia-writer/format.ts';
import { type IndirectPart, indirectJson, type Tree } from '../support/kopia-writer/trees.ts';
import { type KopiaWorld, kopiaWorld, type WorldOptions } from '../support/kopia-writer/world.ts';
import { Kopia, KopiaError } from './replica/kopia.ts';
import { Places } from './replica/places.ts';

let places: Places;
beforeAll(async () => {
  places = await Places.start();
});
afterAll(() => places?.close());

const TREE: Tree = {
  'a.txt': 'hello\n',
  empty: '',
  sub: { 'b.txt': 'there\n', link: { link: '../a.txt' } },
};
const PATHS = ['.', 'a.txt', 'empty', 'sub', 'sub/b.txt', 'sub/link'];

/** Puts the world in a bucket and opens it there with an empty cache. */
async function connect(world: KopiaWorld, place: string): Promise<Kopia> {
  const source = await world.store();
  const target = await places.store('S3', `${place}/`);
  for await (const { key, sizeBytes } of source.list('')) {
    const body = async function* () {
      yield* (await source.read(key)).body;
    };
    await target.write(key, body, { sizeBytes });
  }
  const where = places.kopia('S3', `${place}/${world.prefix}`);
  return await Kopia.connect(where, { password: world.password });
}

async function expectReadable(world: KopiaWorld, place: string, snapshots: readonly string[]) {
  const kopia = await connect(world, place);
  try {
    expect((await kopia.snapshots()).map(({ id }) => id)).toEqual(snapshots);
    await kopia.verify();
    await kopia.run('content', 'verify', '--full');
    return await kopia.restoreAll();
  } finally {
    await kopia.close();
  }
}

const FORMATS: readonly WorldOptions[] = [
  ...HASHES.map((hash) => ({ hash })),
  ...ENCRYPTIONS.map((encryption) => ({ encryption })),
  { version: 1 },
  { version: 2 },
  { keyDerivation: 'scrypt-65536-8-1' },
  { secret: Buffer.from('short') },
  { hash: 'HMAC-SHA224', secret: Buffer.from('short') },
  { prefix: '' },
  { blobConfig: 'none' },
];

test.each(FORMATS)('a repository with %j', async (options) => {
  const world = await kopiaWorld(options);
  const id = world.snapshot(world.tree(TREE), { tags: { 'tag:a': 'b' }, pins: ['kept'] });
  const trees = await expectReadable(world, `format-${FORMATS.indexOf(options)}`, [id]);
  expect(trees[id]?.map(({ path }) => path)).toEqual(PATHS);
});

test('a repository without a secret is one that Kopia itself refuses', async () => {
  const world = await kopiaWorld({ secret: 'none' });
  world.snapshot(world.tree(TREE));
  const refused = connect(world, 'no-secret');
  await expect(refused).rejects.toThrow(KopiaError);
  await expect(refused).rejects.toThrow('empty key');
});

test('files of several contents, two levels deep, and every compression', async () => {
  const world = await kopiaWorld();
  const text = 'so much the same again and again\n'.repeat(20_000);
  const names: readonly Compression[] = ['gzip', 'zstd', 's2-default', 'pgzip', 'deflate-default'];
  let start = 0;
  const parts = names.map((compression): IndirectPart => {
    const piece = `${compression}\n${text}`;
    const part = {
      start,
      lengthBytes: piece.length,
      objectId: world.content(piece, { compression }),
    };
    start += piece.length;
    return part;
  });
  // The indirect object is itself cut in two, as that of a very large file is.
  const json = indirectJson(parts);
  const halves = [json.subarray(0, 100), json.subarray(100)].map((half, n) => ({
    start: n * 100,
    lengthBytes: half.length,
    objectId: world.content(half, { prefix: 'x' }),
  }));
  const obj = `I${world.indirect(halves)}`;
  const root = world.directory('data', [
    { name: 'big', type: 'f', mode: '0644', size: start, obj },
  ]);
  const id = world.snapshot(root);
  const trees = await expectReadable(world, 'compressed', [id]);
  expect(trees[id]?.find(({ path }) => path === 'big')?.sizeBytes).toBe(start);
});

test.each(BOMB_KINDS)('a bomb of %s is a stream like any other', async (kind) => {
  const world = await kopiaWorld();
  const zeros = Buffer.alloc(32 * 1024 * 1024);
  const header = COMPRESSIONS[kind];
  const sealed = frame(header, bomb(kind, 32));
  world.content(zeros, { sealed, entry: { compression: header } });
  await expectReadable(world, `bomb-${kind}`, []);
});

test('epochs: a compaction in two blobs replaces the indexes of its epoch', async () => {
  const world = await kopiaWorld();
  const ids = [0, 1, 2, 3].map((epoch) => {
    world.epoch = epoch;
    if (epoch > 0) world.put(`xe${epoch}`, Buffer.from('epoch marker'));
    world.timeSeconds += 60;
    const id = world.snapshot(world.tree({ epoch: `${epoch}` }), { path: `/srv/${epoch}` });
    world.closeManifests();
    world.closePacks();
    const rows = world.take();
    if (epoch > 0) world.index(rows);
    else {
      const session = 's0123456789abcdef';
      const half = Math.ceil(rows.length / 2);
      const set = { name: 'xs', epoch, session, setSize: 2 } as const;
      world.index(rows.slice(0, half), set);
      world.index(rows.slice(half), set);
    }
    return id;
  });
  const trees = await expectReadable(world, 'epochs', ids);
  expect(Object.keys(trees).sort()).toEqual([...ids].sort());
});

test('what no fixture has: a block volume, a large content, 100,000 entries, odd endings', async () => {
  const world = await kopiaWorld();
  const large = Buffer.alloc(17 * 1024 * 1024, 'larger than sixteen MiB ');
  const file = (name: string, obj: string, size: number) =>
    ({ name, type: 'f', mode: '0644', size, obj }) as const;
  const empty = world.file('');
  const device = file('/dev/mapper/volume', world.file('the first block'), 15);
  const [block, whole, checkpoint, canceled] = [
    world.snapshot(world.directory('block', [device]), { path: '/srv/block' }),
    world.snapshot(
      world.directory('data', [
        file('large', world.content(large, { compression: 'zstd' }), large.length),
        world.directory(
          'many',
          Array.from({ length: 100_000 }, (_, n) => file(`entry-${n}`, empty, 0)),
          { compression: 'zstd' },
        ),
      ]),
      { path: '/srv/data' },
    ),
    world.snapshot(world.tree({ a: 'half' }), { path: '/srv/a', incomplete: 'checkpoint' }),
    world.snapshot(world.tree({ b: 'half' }), { path: '/srv/b', incomplete: 'canceled' }),
  ];
  const kopia = await connect(world, 'odd');
  try {
    const listed = await kopia.snapshots();
    expect(listed.map(({ id }) => id).sort()).toEqual([block, whole, checkpoint, canceled].sort());
    await kopia.verify();
    expect(await kopia.run('ls', block ?? '')).toBe('/dev/mapper/volume\n');
    const names = (await kopia.run('ls', '-r', whole ?? '')).trim().split('\n');
    expect(names).toHaveLength(100_002);
  } finally {
    await kopia.close();
  }
});
