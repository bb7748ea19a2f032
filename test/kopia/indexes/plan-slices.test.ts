import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planSlices } from '../../../shared/kopia/indexes/plan-slices.ts';

const MIB = 1024 * 1024;

test('a small index takes one pass over everything', () => {
  for (const sizeBytes of [0, 1, 340 * MIB]) {
    expect(planSlices(sizeBytes)).toEqual([{ first: 0, end: 256 }]);
  }
});

test('89 M contents take nine', () => {
  expect(planSlices(89_200_000 * 36)).toHaveLength(9);
});

test('slices join, leave nothing out and are even', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 2 ** 45, noNaN: true }),
      fc.nat(10_000_000),
      (size, most) => {
        const slices = planSlices(size, most + 1);
        const starts = slices.map(({ first }) => first);
        expect([...starts, 256]).toEqual([0, ...slices.map(({ end }) => end)]);
        const widths = slices.map(({ first, end }) => end - first);
        expect(Math.min(...widths)).toBeGreaterThan(0);
        expect(Math.max(...widths) - Math.min(...widths)).toBeLessThanOrEqual(1);
      },
    ),
  );
});
