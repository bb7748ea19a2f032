import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContentDamage } from '../../../shared/kopia/contents/content-damage.ts';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { objectContents, readObject } from '../../../shared/kopia/objects/object-reader.ts';
import { bomb, COMPRESSIONS, frame } from '../../support/kopia-writer/compression.ts';
import {
  collectBytes,
  putChunked,
  putList,
  type SmallContents,
  smallContents,
} from './small-contents.ts';

const HASH = '0123456789abcdef0123456789abcdef';

async function readAll(contents: ContentReader, objectId: string): Promise<Buffer> {
  return collectBytes(readObject(contents, objectId));
}

async function refusal(contents: ContentReader, objectId: string): Promise<unknown> {
  const [read, walked] = await Promise.allSettled([
    readAll(contents, objectId),
    Array.fromAsync(objectContents(contents, objectId)),
  ]);
  expect(read).toMatchObject({ status: 'rejected', reason: { name: 'ObjectDamage', objectId } });
  // Both look at the same lists; only the bytes of chunks are seen by one alone.
  if (walked.status === 'rejected' && read.status === 'rejected') {
    expect(walked.reason).toEqual(read.reason);
  }
  return read.status === 'rejected' ? read.reason : undefined;
}

describe('readObject()', () => {
  test('reads files of one chunk, of many, and of lists of lists, however far it reads ahead', async () => {
    const shapes = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 4000 }).map((bytes) => Buffer.from(bytes)),
      chunkBytes: fc.integer({ min: 150, max: 700 }),
      levels: fc.integer({ min: 1, max: 3 }),
      readAhead: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ bytes, chunkBytes, levels, readAhead }) => {
        const contents = smallContents();
        const objectId = putChunked(contents, bytes, chunkBytes, levels);
        const read = readObject(contents, objectId, { readAhead });
        expect(await collectBytes(read)).toEqual(bytes);
        const needed = await Array.fromAsync(objectContents(contents, objectId));
        expect(new Set(needed.map(({ contentId }) => contentId))).toEqual(new Set(contents.reads));
        const data = needed.filter(({ kind }) => kind === 'data');
        expect(data.reduce((sum, { lengthBytes = 0 }) => sum + lengthBytes, 0)).toBe(bytes.length);
      }),
      { numRuns: 60 },
    );
  });

  test('a chunk may be an object of any kind: concatenated parts, compressed ones', async () => {
    const contents = smallContents();
    const part = putChunked(contents, Buffer.from('first part, '), 5, 1);
    const zstd = frame(COMPRESSIONS.zstd, zstdCompressSync(Buffer.from('second part')));
    const whole = putList(contents, [
      { l: 12, o: part },
      { s: 12, o: contents.put('') },
      { s: 12, l: 11, o: `Z${contents.put(zstd)}` },
    ]);
    expect(String(await readAll(contents, whole))).toBe('first part, second part');
    const needed = await Array.fromAsync(objectContents(contents, whole));
    expect(needed.map(({ kind }) => kind)).toEqual([
      'indirect',
      'indirect',
      'data',
      'data',
      'data',
      'data',
      'data',
    ]);
    expect(needed.at(-1)).not.toHaveProperty('lengthBytes');
  });

  test('names the lost content, and the content before it is read', async () => {
    const contents = smallContents();
    const objectId = putChunked(contents, Buffer.alloc(1000, 'abc'), 300, 2);
    const [list] = await Array.fromAsync(objectContents(contents, objectId));
    contents.lose(list?.contentId ?? '');
    await expect(readAll(contents, objectId)).rejects.toBeInstanceOf(ContentDamage);
    const seen: string[] = [];
    const walk = (async () => {
      for await (const { contentId } of objectContents(contents, objectId)) seen.push(contentId);
    })();
    await expect(walk).rejects.toMatchObject({ contentId: list?.contentId });
    expect(seen).toEqual([list?.contentId]);
  });

  test('whoever stops early is not troubled by a chunk that was read ahead and failed', async () => {
    const contents = smallContents();
    const lost = `${'f'.repeat(32)}`;
    const objectId = putList(contents, [
      { l: 2, o: contents.put('ok') },
      { s: 2, l: 2, o: lost },
    ]);
    for await (const bytes of readObject(contents, objectId, { readAhead: 4 })) {
      expect(String(bytes)).toBe('ok');
      break;
    }
    const rest = collectBytes(readObject(contents, objectId, { readAhead: 4 }));
    await expect(rest).rejects.toMatchObject({ contentId: lost });
  });
});

describe('hostile lists of chunks', () => {
  const ab = (contents: SmallContents) => ({ a: contents.put('aa'), b: contents.put('bbb') });
  const cases: readonly (readonly [string, string, (c: SmallContents) => readonly unknown[]])[] = [
    [
      'a gap',
      'chunks-not-contiguous',
      (c) => [
        { l: 2, o: ab(c).a },
        { s: 3, l: 3, o: ab(c).b },
      ],
    ],
    [
      'an overlap',
      'chunks-not-contiguous',
      (c) => [
        { l: 2, o: ab(c).a },
        { s: 1, l: 3, o: ab(c).b },
      ],
    ],
    ['a late beginning', 'chunks-not-contiguous', (c) => [{ s: 1, l: 2, o: ab(c).a }]],
    [
      'a wrong order',
      'chunks-not-contiguous',
      (c) => [
        { s: 2, l: 3, o: ab(c).b },
        { l: 2, o: ab(c).a },
      ],
    ],
    ['a chunk that is longer', 'length-mismatch', (c) => [{ l: 1, o: ab(c).a }]],
    ['a chunk that is shorter', 'length-mismatch', (c) => [{ l: 3, o: ab(c).a }]],
    ['a huge length', 'length-mismatch', (c) => [{ l: Number.MAX_SAFE_INTEGER, o: ab(c).a }]],
    ['a length beyond all numbers', 'malformed', (c) => [{ l: 1e300, o: ab(c).a }]],
    ['a negative length', 'malformed', (c) => [{ l: -2, o: ab(c).a }]],
    ['a length that is text', 'malformed', (c) => [{ l: '2', o: ab(c).a }]],
    ['no chunk', 'malformed', () => []],
    ['a chunk without an object', 'malformed', () => [{ l: 2 }]],
    ['a chunk with an odd object', 'malformed', () => [{ l: 2, o: 'nonsense' }]],
    ['a chunk that is null', 'malformed', () => [null]],
  ];
  test.each(cases)('%s is %s', async (_, reason, entries) => {
    const contents = smallContents();
    const list = entries(contents);
    expect(await refusal(contents, putList(contents, list))).toMatchObject({ reason });
  });

  test.each([
    ['cut', '{"stream":"kopia:indirect","entries":[{"l":1,"o":"'],
    [
      'of another kind',
      '{"stream":"kopia:directory","entries":[{"l":1,"o":"'.replace(/$/, `${HASH}"}]}`),
    ],
    ['not marked', `{"entries":[{"l":1,"o":"${HASH}"}]}`],
    ['no JSON', 'kopia'],
    ['empty', ''],
  ])('a list that is %s is malformed', async (_, text) => {
    const contents = smallContents();
    contents.putAs(HASH, 'x');
    const objectId = `I${contents.put(text, 'x')}`;
    expect(await refusal(contents, objectId)).toMatchObject({ reason: 'malformed' });
  });

  test('a list that holds itself ends', async () => {
    const contents = smallContents();
    const self = { l: 1, o: `Ix${HASH}` };
    contents.putAs(`x${HASH}`, JSON.stringify({ stream: 'kopia:indirect', entries: [self, self] }));
    expect(await refusal(contents, `Ix${HASH}`)).toMatchObject({ reason: 'beyond-limits' });
    expect(contents.reads.length).toBeLessThan(50);
    // The list of the list is the same content, and so on.
    expect(await refusal(contents, `${'I'.repeat(90)}x${HASH}`)).toMatchObject({
      reason: 'beyond-limits',
    });
  });

  test('lists of the same empty list, level upon level, end', async () => {
    const contents = smallContents();
    let objectId = contents.put('');
    for (let level = 0; level < 20; level += 1) {
      objectId = putList(
        contents,
        Array.from({ length: 3 }, () => ({ o: objectId })),
      );
    }
    expect(await refusal(contents, objectId)).toMatchObject({ reason: 'beyond-limits' });
  });

  test('what is no object id is said to be none', async () => {
    expect(await refusal(smallContents(), 'nonsense')).toMatchObject({
      reason: 'object-id-malformed',
    });
  });

  test('a compressed chunk may not be more than its length, or broken', async () => {
    const contents = smallContents();
    const big = `Z${contents.put(frame(COMPRESSIONS.zstd, bomb('zstd', 64)))}`;
    const wrong = { reason: 'decompression-failed' };
    expect(await refusal(contents, putList(contents, [{ l: 1000, o: big }]))).toMatchObject(wrong);
    expect(await refusal(contents, `Z${contents.put('xx')}`)).toMatchObject(wrong);
    expect(await refusal(contents, `Z${contents.put('no header at all')}`)).toMatchObject(wrong);
  });

  test('a file of 100,000 chunks in lists of lists is never held as a whole', async () => {
    // 60 GB of the same 600 KB; what is held is seen by what is read at a time.
    const contents = smallContents();
    const chunk = Buffer.alloc(600_000, 'drydock');
    const o = contents.put(chunk);
    const entries = Array.from({ length: 100_000 }, (_, n) => ({
      ...(n > 0 && { s: n * chunk.length }),
      l: chunk.length,
      o,
    }));
    const list = Buffer.from(JSON.stringify({ stream: 'kopia:indirect', entries }));
    const objectId = `I${putChunked(contents, list, 256 * 1024, 1)}`;
    let sizeBytes = 0;
    for await (const bytes of readObject(contents, objectId, { readAhead: 4 })) {
      sizeBytes += bytes.length;
    }
    expect(sizeBytes).toBe(100_000 * chunk.length);
  });
});
