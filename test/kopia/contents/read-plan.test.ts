import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ContentPlaces,
  GAP_SIZE_BYTES_MAX,
  planReads,
  RANGE_SIZE_BYTES_MAX,
  sortByOffset,
} from '../../../shared/kopia/contents/read-plan.ts';

interface Place {
  offset: number;
  length: number;
}

function placesOf(list: readonly Place[]): ContentPlaces {
  return {
    offsetOf: (position) => list[position]?.offset ?? -1,
    packedLengthOf: (position) => list[position]?.length ?? -1,
  };
}

function plan(list: readonly Place[]) {
  const places = placesOf(list);
  return [...planReads(sortByOffset(Uint32Array.from(list.keys()), places), places)];
}

/** What a test reads: offset, length, and which contents. */
function ranges(list: readonly Place[]) {
  return plan(list).map((one) => [one.offsetBytes, one.lengthBytes, [...one.positions]]);
}

const MIB = 1 << 20;

describe('planReads()', () => {
  test('joins what lies side by side, in the order of the pack', () => {
    const list = [
      { offset: 300, length: 50 },
      { offset: 32, length: 100 },
      { offset: 132, length: 168 },
    ];
    expect(ranges(list)).toEqual([[32, 318, [1, 2, 0]]]);
  });

  test('reads along a gap that is small, and asks again behind a large one', () => {
    const apart = (gap: number) => [
      { offset: 0, length: 10 },
      { offset: 10 + gap, length: 5 },
    ];
    expect(ranges(apart(GAP_SIZE_BYTES_MAX))).toEqual([[0, 15 + GAP_SIZE_BYTES_MAX, [0, 1]]]);
    expect(ranges(apart(GAP_SIZE_BYTES_MAX + 1))).toHaveLength(2);
  });

  test('ends a range before it is too long, unless one content alone is', () => {
    const list = [
      { offset: 0, length: 5 * MIB },
      { offset: 5 * MIB, length: 3 * MIB },
      { offset: 8 * MIB, length: 1 },
      { offset: 8 * MIB + 1, length: 20 * MIB },
    ];
    expect(ranges(list)).toEqual([
      [0, 8 * MIB, [0, 1]],
      [8 * MIB, 1, [2]],
      [8 * MIB + 1, 20 * MIB, [3]],
    ]);
  });

  test('asks for a byte where the index says none, since stores refuse an empty range', () => {
    expect(ranges([{ offset: 7, length: 0 }])).toEqual([[7, 1, [0]]]);
    expect(ranges([])).toEqual([]);
  });

  test('bounds the contents of a range that an index names again and again', () => {
    const planned = plan(Array<Place>(100_000).fill({ offset: 32, length: 99 }));
    expect(planned.map(({ positions }) => positions.length)).toEqual([65_536, 34_464]);
  });

  test('holds every content in exactly one range, whatever the places', () => {
    const place = fc.record({ offset: fc.nat(40 * MIB), length: fc.nat(12 * MIB) });
    fc.assert(
      fc.property(fc.array(place, { maxLength: 60 }), (list) => {
        const seen: number[] = [];
        for (const range of plan(list)) {
          const end = range.offsetBytes + range.lengthBytes;
          for (const position of range.positions) {
            const { offset = -1, length = -1 } = list[position] ?? {};
            expect(offset).toBeGreaterThanOrEqual(range.offsetBytes);
            expect(offset + length).toBeLessThanOrEqual(end);
            seen.push(position);
          }
          if (range.positions.length > 1) {
            expect(range.lengthBytes).toBeLessThanOrEqual(RANGE_SIZE_BYTES_MAX);
          }
        }
        expect(seen.sort((a, b) => a - b)).toEqual([...list.keys()]);
      }),
    );
  });
});
