import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatObjectId, parseObjectId } from '../../../shared/kopia/objects/object-id.ts';

const HASH = '0123456789abcdef0123456789abcdef';

describe('parseObjectId()', () => {
  test.each([
    [HASH, { indirections: 0, compressed: false, contentId: HASH }],
    [`k${HASH}`, { indirections: 0, compressed: false, contentId: `k${HASH}` }],
    [`D${HASH}`, { indirections: 0, compressed: false, contentId: HASH }],
    [`Z${HASH}`, { indirections: 0, compressed: true, contentId: HASH }],
    [`ZD${HASH}`, { indirections: 0, compressed: true, contentId: HASH }],
    [`Ix${HASH}`, { indirections: 1, compressed: false, contentId: `x${HASH}` }],
    [`IID${HASH}`, { indirections: 2, compressed: false, contentId: HASH }],
    [HASH + HASH, { indirections: 0, compressed: false, contentId: HASH + HASH }],
  ])('takes %s apart', (text, id) => {
    expect(parseObjectId(text)).toEqual(id);
    expect(formatObjectId(id)).toBe(text.replace('D', ''));
  });

  test.each([
    ['', 'empty'],
    ['I', 'nothing below'],
    [`IZx${HASH}`, 'both compressed and a list'],
    [`f${HASH}`, 'a prefix that is a hex digit'],
    [`kk${HASH}`, 'two prefixes'],
    [HASH.toUpperCase(), 'upper case'],
    [HASH.slice(1), 'too short'],
    [`${HASH} `, 'something behind it'],
    [`${'I'.repeat(1_000_000)}x${HASH}`, 'a million levels'],
  ])('refuses %.20s…: %s', (text) => expect(parseObjectId(text)).toBeUndefined());

  test('is undone by formatObjectId()', () => {
    const ids = fc.record({
      indirections: fc.nat(20),
      prefix: fc.constantFrom('', ...'ghijklmnopqrstuvwxyz'),
      bytes: fc
        .constantFrom(16, 28, 32)
        .chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
    });
    fc.assert(
      fc.property(ids, ({ indirections, prefix, bytes }) => {
        const contentId = `${prefix}${Buffer.from(bytes).toString('hex')}`;
        const id = { indirections, compressed: false, contentId };
        expect(parseObjectId(formatObjectId(id))).toEqual(id);
      }),
    );
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseObjectId(text)));
  });
});
