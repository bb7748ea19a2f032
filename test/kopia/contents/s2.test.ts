import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeS2, S2Error } from '../../../shared/kopia/contents/s2.ts';
import {
  chunk,
  compressed,
  copy1,
  copy2,
  copy4,
  literal,
  repeat,
  S2_IDENTIFIER,
  SNAPPY_IDENTIFIER,
  stored,
} from './s2-stream.ts';

const MIB = 1 << 20;

function stream(...chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([S2_IDENTIFIER, ...chunks]);
}

/** One block of these elements, decoded. */
function decodeElements(plain: Uint8Array, ...elements: readonly Uint8Array[]): Buffer {
  return decodeS2(stream(compressed(elements, plain)), plain.length);
}

describe('decodeS2() of well-formed streams', () => {
  test('reads plain chunks, and takes joined streams for one', () => {
    const hello = stream(stored(Buffer.from('hello ')));
    expect(decodeS2(Buffer.concat([hello, stream(stored(Buffer.from('world')))]), 99)).toEqual(
      Buffer.from('hello world'),
    );
    expect(decodeS2(Buffer.alloc(0), 0)).toEqual(Buffer.alloc(0));
  });

  test.each([1, 59, 60, 61, 256, 257, 65_536, 65_537, 1 << 20])('reads a literal of %d', (size) => {
    const plain = Buffer.alloc(size, 'literal');
    expect(decodeElements(plain, literal(plain)).equals(plain)).toBe(true);
  });

  test.each([
    ['near', 'abcdabcd', [literal(Buffer.from('abcd')), copy1(4, 4)]],
    ['overlapping', 'abababababa', [literal(Buffer.from('ab')), copy1(2, 9)]],
    ['of one byte', 'aaaaaaaaaa', [literal(Buffer.from('a')), copy2(1, 9)]],
    ['with two bytes of offset', 'abcabca', [literal(Buffer.from('abc')), copy2(3, 4)]],
    ['with four bytes of offset', 'abcabca', [literal(Buffer.from('abc')), copy4(3, 4)]],
  ])('reads a copy %s', (_, text, elements) => {
    expect(decodeElements(Buffer.from(text), ...elements).toString()).toBe(text);
  });

  test.each([4, 8, 9, 263, 264, 65_795, 65_796, 65_797, 4_000_000])(
    'reads a repeat of %d bytes from the last offset',
    (length) => {
      const plain = Buffer.alloc(3 + 4 + length, 'xyz');
      const elements = [literal(Buffer.from('xyz')), copy1(3, 4), repeat(length)];
      expect(decodeElements(plain, ...elements).equals(plain)).toBe(true);
    },
  );

  test('passes over padding, indexes of seekable streams and what may be added later', () => {
    const odd = [
      chunk(0xfe, Buffer.alloc(70_000)),
      chunk(0x99, Buffer.from('index')),
      chunk(0x80, Buffer.alloc(0)),
    ];
    expect(decodeS2(stream(stored(Buffer.from('a')), ...odd, stored(Buffer.from('b'))), 2)).toEqual(
      Buffer.from('ab'),
    );
  });

  test('takes blocks of 4 MiB, and of 64 KiB in Snappy streams', () => {
    const large = Buffer.alloc(4 * MIB, 7);
    expect(decodeS2(stream(stored(large)), large.length).equals(large)).toBe(true);
    const small = Buffer.alloc(1 << 16, 7);
    const snappy = Buffer.concat([SNAPPY_IDENTIFIER, stored(small)]);
    expect(decodeS2(snappy, small.length).equals(small)).toBe(true);
    const tooLarge = Buffer.concat([SNAPPY_IDENTIFIER, stored(Buffer.alloc((1 << 16) + 1))]);
    expect(() => decodeS2(tooLarge, MIB)).toThrow(S2Error);
  });

  test('undoes any elements', () => {
    const element = fc.oneof(
      fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }) }),
      fc.record({ form: fc.nat(3), back: fc.nat(3000), length: fc.nat(60) }),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 30 }), (plan) => {
        const { plain, elements } = encode(plan);
        expect(decodeElements(plain, ...elements).equals(plain)).toBe(true);
      }),
    );
  });
});

type Step = { bytes: Uint8Array } | { form: number; back: number; length: number };

/** Writes a plan as elements, and what they mean as bytes. */
function encode(plan: readonly Step[]): { plain: Buffer; elements: Buffer[] } {
  const plain: number[] = [1, 2, 3];
  const elements = [literal(Buffer.from(plain))];
  let last = 0;
  for (const step of plan) {
    if ('bytes' in step) {
      plain.push(...step.bytes);
      elements.push(literal(step.bytes));
      continue;
    }
    const isRepeat = step.form === 3 && last > 0;
    const isShort = step.form === 0;
    const limit = isShort ? 2047 : 65_535;
    const offset = isRepeat ? last : 1 + (step.back % Math.min(plain.length, limit));
    const length = isShort ? 4 + (step.length % 8) : 4 + step.length;
    if (isRepeat) elements.push(repeat(length));
    else elements.push((isShort ? copy1 : step.form === 1 ? copy2 : copy4)(offset, length));
    for (let i = 0; i < length; i++) plain.push(plain[plain.length - offset] ?? 0);
    last = offset;
  }
  return { plain: Buffer.from(plain), elements };
}

describe('decodeS2() of hostile streams', () => {
  const abc = literal(Buffer.from('abc'));
  const plain = Buffer.from('abc');

  test.each([
    ['no identifier', stored(plain)],
    ['another identifier', chunk(0xff, Buffer.from('S2sTwo'))],
    ['an identifier of another length', chunk(0xff, Buffer.from('S2sTwO!'))],
    ['a reserved chunk', stream(chunk(0x02, Buffer.alloc(9)))],
    ['a chunk without room for its checksum', stream(chunk(1, Buffer.alloc(3)))],
    ['a wrong checksum', stream(stored(plain, Buffer.from('abd')))],
    ['a wrong checksum of a block', stream(chunk(0, Buffer.from([1, 2, 3, 4, 3, ...abc])))],
    ['a chunk that is cut', stream(stored(plain)).subarray(0, -1)],
    ['a header that is cut', stream(Buffer.from([1, 7, 0]))],
    ['a padding that is cut', stream(chunk(0xfe, Buffer.alloc(2), 3))],
    ['a block without a length', stream(chunk(0, Buffer.alloc(4)))],
    ['a length without an end', stream(chunk(0, Buffer.alloc(12, 0xff)))],
    ['a claim of 4 GiB', stream(compressed([abc], plain, 2 ** 32 - 1))],
    ['a claim of 4 MiB and one', stream(compressed([abc], plain, 4 * MIB + 1))],
    ['a plain chunk above 4 MiB', stream(stored(Buffer.alloc(4 * MIB + 1)))],
    ['a block that gives less', stream(compressed([abc], plain, 4))],
    ['a literal that gives more', stream(compressed([abc], plain, 2))],
    ['a copy that gives more', stream(compressed([abc, copy1(3, 4)], plain, 6))],
    ['a literal that is cut', stream(compressed([abc.subarray(0, 3)], plain))],
    ['a long literal that is cut', stream(compressed([Buffer.from([63 << 2, 0xff, 0xff])], plain))],
    ['a literal of 4 GiB', stream(compressed([Buffer.from([63 << 2, 255, 255, 255, 255])], plain))],
    ['a copy at the beginning', stream(compressed([copy1(1, 4)], plain, 4))],
    ['a repeat at the beginning', stream(compressed([repeat(4)], plain, 4))],
    ['a repeat before any copy', stream(compressed([abc, repeat(4)], plain, 7))],
    ['a copy from before the beginning', stream(compressed([abc, copy2(4, 4)], plain, 7))],
    ['a copy from 4 GiB ago', stream(compressed([abc, copy4(2 ** 32 - 1, 4)], plain, 7))],
    ['a copy of offset 0', stream(compressed([abc, copy2(0, 4)], plain, 7))],
    ['a copy that is cut', stream(compressed([abc, Buffer.from([1])], plain, 7))],
    [
      'a repeat that is cut',
      stream(compressed([abc, copy1(3, 4), Buffer.from([0x1d, 0])], plain, 70_000)),
    ],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeS2(bytes, 8 * MIB)).toThrow(S2Error);
  });

  test('gives nothing beyond what was asked for, and says so', () => {
    const bytes = stream(stored(Buffer.alloc(100)), stored(Buffer.alloc(100)));
    expect(decodeS2(bytes, 200)).toHaveLength(200);
    expect(() => decodeS2(bytes, 199)).toThrow(expect.objectContaining({ isTooLong: true }));
  });

  test('takes any bytes without another error than its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isBlock) => {
        const block = compressed([bytes], Buffer.alloc(0), 300);
        try {
          decodeS2(isBlock ? stream(block) : stream(bytes), 1000);
        } catch (error) {
          expect(error).toBeInstanceOf(S2Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
