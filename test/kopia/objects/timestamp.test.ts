import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTimestamp } from '../../../shared/kopia/objects/timestamp.ts';

describe('parseTimestamp()', () => {
  test.each([
    ['2026-11-21T09:55:29.06493915Z', 1_795_254_929_064_939_150n],
    ['2026-11-21T09:55:29Z', 1_795_254_929_000_000_000n],
    ['2026-11-21T10:55:29.000000001+01:00', 1_795_254_929_000_000_001n],
    ['2026-11-20T22:25:29.1-11:30', 1_795_254_929_100_000_000n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['1970-01-01T00:00:00Z', 0n],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000_000_000n],
    ['2024-02-29T00:00:00.123456789123Z', 1_709_164_800_123_456_789n],
  ])('reads %s to the nanosecond', (text, ns) => {
    expect(parseTimestamp(text)?.ns).toBe(ns);
  });

  test.each([
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:59:60Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00+0100',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00Z ',
    '2026-01-01T00:00:0xZ',
    '+26-01-01T00:00:00.0Z',
    `2026-01-01T00:00:00.${'0'.repeat(1_000_000)}Z`,
  ])('refuses %.40s', (text) => expect(parseTimestamp(text)).toBeUndefined());

  test('refuses what is no text', () => {
    for (const value of [undefined, null, 0, {}, []]) expect(parseTimestamp(value)).toBeUndefined();
  });

  test('reads what Date writes', () => {
    const dates = fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        const time = parseTimestamp(date.toISOString());
        expect(time?.date).toEqual(date);
        expect(time?.ns).toBe(BigInt(date.getTime()) * 1_000_000n);
      }),
    );
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTimestamp(text)));
  });
});
