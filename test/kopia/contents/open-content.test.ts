import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ContentDamage, type DamageReason } from '../../../shared/kopia/contents/content-damage.ts';
import { contentHashOf, openContent } from '../../../shared/kopia/contents/open-content.ts';
import type { ContentEntry } from '../../../shared/kopia/indexes/content-table.ts';
import { collect } from '../../../shared/stores/checksum.ts';
import {
  BOMB_KINDS,
  bomb,
  COMPRESSIONS,
  compress,
  frame,
} from '../../support/kopia-writer/compression.ts';
import { createSeals, type Seals } from '../../support/kopia-writer/keys.ts';
import { randomFrom } from '../../support/kopia-writer/random.ts';
import { onlyRepositoryOf, type RepositoryContents } from './fixture-contents.ts';

interface Stored {
  readonly entry: ContentEntry;
  readonly bytes: Uint8Array;
}

/** What the packs hold, content by content. */
async function storedContents({ store, prefix, table }: RepositoryContents): Promise<Stored[]> {
  return Promise.all(
    [...table.positions()].map(async (position) => {
      const entry = table.entry(position);
      const range = { offsetBytes: entry.packOffset, lengthBytes: entry.packedLength };
      const { body } = await store.read(`${prefix}${entry.packBlob}`, { range });
      return { entry, bytes: await collect(body) };
    }),
  );
}

function outcome(work: () => Buffer): DamageReason | 'opened' {
  try {
    work();
    return 'opened';
  } catch (error) {
    if (error instanceof ContentDamage) return error.reason;
    throw error;
  }
}

describe('openContent() of real contents', () => {
  let repository: RepositoryContents;
  let contents: Stored[];

  beforeAll(async () => {
    repository = await onlyRepositoryOf('kopia/compressors');
    contents = await storedContents(repository);
  });

  const open = (entry: ContentEntry, bytes: Uint8Array) =>
    outcome(() => openContent(repository.crypto, entry, bytes));
  const anyContent = fc.nat().map((n) => contents[n % contents.length] as Stored);

  test('finds a flipped bit wherever it is', () => {
    fc.assert(
      fc.property(anyContent, fc.nat(), ({ entry, bytes }, n) => {
        const damaged = bytes.slice();
        const bit = n % (8 * bytes.length);
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(open(entry, damaged)).toBe('not-authentic');
      }),
      { numRuns: 500 },
    );
  });

  test('finds missing and additional bytes', () => {
    fc.assert(
      fc.property(anyContent, fc.nat(), ({ entry, bytes }, n) => {
        const length = n % bytes.length;
        const expected = length < 28 ? 'too-short' : 'not-authentic';
        expect(open(entry, bytes.subarray(0, length))).toBe(expected);
        expect(open(entry, Buffer.concat([bytes, Buffer.alloc(1 + (n % 50))]))).toBe(
          'not-authentic',
        );
      }),
    );
  });

  test('finds the bytes of another content', () => {
    fc.assert(
      fc.property(anyContent, anyContent, ({ entry }, other) => {
        const expected = other.entry.id === entry.id ? 'opened' : 'not-authentic';
        expect(open(entry, other.bytes)).toBe(expected);
      }),
    );
  });

  test('finds every length and every compression that the index makes up', () => {
    for (const { entry, bytes } of contents) {
      const { compression, originalLength } = entry;
      expect(open(entry, bytes)).toBe('opened');
      expect(open({ ...entry, originalLength: originalLength + 1 }, bytes)).toBe('length-mismatch');
      expect(open({ ...entry, originalLength: originalLength - 1 }, bytes)).toBe(
        compression === 0 ? 'length-mismatch' : 'decompression-bomb',
      );
      const others = [0, 0x1100, 0x1400].filter((id) => id !== compression);
      for (const id of others) {
        expect(open({ ...entry, compression: id }, bytes)).toBe(
          id === 0 ? 'length-mismatch' : 'header-mismatch',
        );
      }
    }
  });

  test('leaves unchecked what is encrypted by a key of the future', () => {
    for (const { entry, bytes } of contents.slice(0, 3)) {
      expect(open({ ...entry, encryptionKeyId: 1 }, bytes)).toBe('encryption-key-unknown');
    }
  });

  test('names the content and its pack', () => {
    const [first] = contents;
    if (first === undefined) throw new Error('the fixture is empty');
    const { entry } = first;
    expect(() => openContent(repository.crypto, entry, Buffer.alloc(99))).toThrow(
      expect.objectContaining({ contentId: entry.id, packBlob: entry.packBlob }),
    );
  });
});

describe('openContent() of contents that somebody with the key wrote', () => {
  let repository: RepositoryContents;
  let seals: Seals;
  const random = randomFrom('open-content');

  beforeAll(async () => {
    repository = await onlyRepositoryOf('kopia/v3-default');
    const { secret, ...spec } = repository.crypto.spec;
    seals = await createSeals({ ...spec, secret }, random);
  });

  function open(plain: Uint8Array, frameBytes: Uint8Array, compression: number, length: number) {
    const hash = Buffer.from(seals.digest(plain));
    const entry = {
      id: `k${hash.toString('hex')}`,
      packBlob: 'q',
      originalLength: length,
      compression,
      encryptionKeyId: 0,
    };
    return outcome(() => openContent(repository.crypto, entry, seals.seal(frameBytes, hash)));
  }

  const plain = Buffer.from('what was backed up '.repeat(50));
  const other = Buffer.from('what was damaged!! '.repeat(50));

  test('finds bytes that decrypt and are not the ones that were hashed', () => {
    expect(open(plain, plain, 0, plain.length)).toBe('opened');
    expect(open(plain, other, 0, plain.length)).toBe('hash-mismatch');
    for (const name of ['gzip', 'zstd', 's2-default', 'deflate-default'] as const) {
      const id = COMPRESSIONS[name];
      expect(open(plain, frame(id, compress(name, plain)), id, plain.length)).toBe('opened');
      expect(open(plain, frame(id, compress(name, other)), id, plain.length)).toBe('hash-mismatch');
    }
  });

  test('finds streams that are broken, of another kind, or missing', () => {
    const { gzip, lz4 } = COMPRESSIONS;
    expect(open(plain, frame(gzip, plain), gzip, plain.length)).toBe('decompression-failed');
    expect(open(plain, frame(gzip, compress('zstd', plain)), gzip, plain.length)).toBe(
      'decompression-failed',
    );
    expect(open(plain, Buffer.from([0, 0, 0x10]), gzip, plain.length)).toBe('header-mismatch');
    expect(open(plain, frame(lz4, plain), lz4, plain.length)).toBe('compression-unsupported');
    expect(open(plain, Buffer.alloc(0), 0, plain.length)).toBe('length-mismatch');
  });

  test.each(BOMB_KINDS)('stops a bomb of %s, whatever length the index gives', (kind) => {
    const id = COMPRESSIONS[kind];
    const stream = frame(id, bomb(kind, 128));
    const before = process.memoryUsage().arrayBuffers;
    expect(open(plain, stream, id, plain.length)).toBe('decompression-bomb');
    expect(open(plain, stream, id, 1 << 28)).toBe('too-large');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
  });
});

describe('contentHashOf()', () => {
  test('leaves the letter out', () => {
    expect(contentHashOf('k0aff')).toEqual(Buffer.from([0x0a, 0xff]));
    expect(contentHashOf('0aff')).toEqual(Buffer.from([0x0a, 0xff]));
  });
});
