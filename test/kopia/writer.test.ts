/**
 * The writer of repositories for tests: its seals open what real tools wrote, and what it writes is
 * what it says. That Kopia reads it is shown in test/real/kopia-writer.test.ts.
 */
import {
  constants,
  createGunzip,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  zstdDecompressSync,
} from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import { decompress } from '../../shared/kopia/contents/compression.ts';
import { type Fixture, loadFixture } from '../support/fixtures.ts';
import {
  type BombKind,
  bomb,
  COMPRESSIONS,
  compress,
} from '../support/kopia-writer/compression.ts';
import { keysOf, unsealFormat } from '../support/kopia-writer/format.ts';
import { createSeals, hashOfId } from '../support/kopia-writer/keys.ts';
import { formatReplica } from '../support/kopia-writer/packs.ts';
import { randomFrom } from '../support/kopia-writer/random.ts';
import { kopiaWorld } from '../support/kopia-writer/world.ts';

async function opened(fixture: Fixture) {
  const [repository] = fixture.meta.repositories;
  if (repository === undefined) throw new Error('the fixture has no repository');
  const blobs = fixture.objects.filter(({ key }) => key.startsWith(repository.prefix));
  const idOf = (key: string): string => key.slice(repository.prefix.length);
  const format = blobs.find(({ key }) => idOf(key) === 'kopia.repository');
  const formatBlob = Buffer.from((await format?.bytes()) ?? []);
  return { blobs, idOf, formatBlob, format: unsealFormat(formatBlob, repository.password) };
}

const OPENED = [
  'v3-default',
  'chacha20',
  'kdf-pbkdf2',
  'upgraded-1-to-3',
  'hash-blake2s-128',
  'hash-blake3-256-128',
  'hash-hmac-sha3-224',
];

test.each(OPENED)('seals open the indexes of kopia/%s and give them their names', async (name) => {
  const { blobs, idOf, format } = await opened(await loadFixture(`kopia/${name}`));
  const seals = await createSeals(keysOf(format), randomFrom(name));
  const kinds = ['index-v0', 'index', 'epoch-compaction', 'range-checkpoint'];
  const indexes = blobs.filter(({ key }) => kinds.includes(parseBlobName(idOf(key)).kind));
  expect(indexes.length).toBeGreaterThan(0);
  for (const { key, bytes } of indexes) {
    const hex = /([0-9a-f]{32,64})(-|$)/.exec(idOf(key))?.[1] ?? '';
    const plain = seals.unseal(await bytes(), hashOfId(hex));
    expect(seals.digest(plain).toString('hex')).toBe(hex);
    expect(seals.unseal(seals.seal(plain, hashOfId(hex)), hashOfId(hex))).toEqual(plain);
  }
});

test('packs of a password that cannot change begin as the real ones do', async () => {
  const { blobs, idOf, formatBlob } = await opened(await loadFixture('kopia/format-1'));
  const packs = blobs.filter(({ key }) => parseBlobName(idOf(key)).kind === 'pack');
  const replica = formatReplica(formatBlob);
  expect(packs.length).toBeGreaterThan(0);
  for (const { bytes } of packs) {
    expect(Buffer.from(await bytes()).subarray(0, replica.length)).toEqual(replica);
  }
});

describe('a world', () => {
  test('is the same bytes for the same seed and others for another', async () => {
    const [one, same, other] = await Promise.all(
      ['a', 'a', 'b'].map(async (seed) => {
        const world = await kopiaWorld({ seed });
        world.snapshot(world.tree({ 'a.txt': 'hello' }));
        world.flush();
        return [...world.blobs];
      }),
    );
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
  });

  test('lies where it is told to', async () => {
    const world = await kopiaWorld();
    const id = world.content('the truth');
    const lie = world.content('another', {
      id: `${'0'.repeat(31)}1`,
      entry: { originalLength: 9 },
    });
    world.content('unlisted', { entry: 'none' });
    world.closePacks();
    const rows = world.take();
    expect(rows.map((row) => row.id)).toEqual([id, lie]);
    expect(rows[1]?.originalLength).toBe(9);
    const [row] = rows.slice(1);
    const pack = world.blobs.get(row?.packBlob ?? '')?.bytes;
    const end = (row?.packOffset ?? 0) + (row?.packedLength ?? 0);
    const stored = pack?.subarray(row?.packOffset, end) ?? Buffer.alloc(0);
    expect(world.seals.unseal(stored, hashOfId(lie)).toString()).toBe('another');
  });

  test('is a store with names that mean something and times that pass', async () => {
    const world = await kopiaWorld({ prefix: 'there/' });
    world.snapshot(world.tree({ a: { b: { c: 'deep' } } }));
    world.flush();
    world.timeSeconds += 60;
    world.put('xe1', Buffer.from('marker'));
    const listed = await Array.fromAsync((await world.store()).list('there/'));
    const kinds = listed.map(({ key }) => parseBlobName(key.slice('there/'.length)).kind);
    expect(kinds).toEqual(['blob-config', 'format', 'pack', 'pack', 'epoch-marker', 'index']);
    const times = listed.map(({ lastModified }) => lastModified.getTime());
    expect(Math.max(...times) - Math.min(...times)).toBe(60_000);
  });
});

describe('compression', () => {
  const bytes = Buffer.from('again and again '.repeat(1000));

  test('streams are those of the real formats', () => {
    expect(gunzipSync(compress('gzip', bytes))).toEqual(bytes);
    expect(zstdDecompressSync(compress('zstd', bytes))).toEqual(bytes);
    expect(inflateRawSync(compress('deflate-default', bytes))).toEqual(bytes);
  });

  const unpackers = [
    ['gzip', createGunzip],
    ['zstd', createZstdDecompress],
    ['deflate-default', createInflateRaw],
  ] as const satisfies readonly (readonly [BombKind, unknown])[];

  test('S2 is read back by our reader, a bomb up to its limit', () => {
    const id = COMPRESSIONS['s2-default'];
    expect(decompress(id, compress('s2-default', bytes), bytes.length)).toEqual(bytes);
    const sizeBytes = 8 * 1024 * 1024;
    const zeros = Buffer.alloc(sizeBytes);
    expect(decompress(id, bomb('s2-default', 8), sizeBytes).equals(zeros)).toBe(true);
    expect(() => decompress(id, bomb('s2-default', 8), sizeBytes - 1)).toThrow();
  });

  test.each(unpackers)('a bomb of %s unpacks to 64 MiB', async (kind, createUnpacker) => {
    const small = bomb(kind, 64);
    expect(small.length).toBeLessThan(200_000);
    const unpacker = createUnpacker({ finishFlush: constants.Z_SYNC_FLUSH });
    unpacker.end(small);
    let sizeBytes = 0;
    for await (const piece of unpacker) sizeBytes += piece.length;
    expect(sizeBytes).toBe(64 * 1024 * 1024);
  });
});
