import { describe, expect, test } from 'vitest';
import { type Pace, paceOf } from '../../functions/cli/pace.ts';

const MIB = 1024 ** 2;
const bytes = (done: number, all: number, stage = 'packs') => ({
  stage,
  objectsDone: 0,
  objectsAll: 0,
  bytesDone: done,
  bytesAll: all,
});

/** What the last of these updates, one per second, is answered with. */
function last(done: readonly number[], all: number): Pace | undefined {
  const pace = paceOf();
  return done.map((each, second) => pace(bytes(each, all), second * 1000)).at(-1);
}

describe('paceOf()', () => {
  test('tells the rate and the time left', () => {
    expect(last([0, 2 * MIB, 4 * MIB], 10 * MIB)).toEqual({
      unit: 'bytes',
      perSecond: 2 * MIB,
      leftMs: 3000,
    });
  });

  test('counts objects where there are no bytes, and knows no end where there is none', () => {
    const pace = paceOf();
    const objects = (done: number, all: number) => ({
      ...bytes(0, 0),
      objectsDone: done,
      objectsAll: all,
    });
    expect(pace(objects(0, 40), 0)).toBeUndefined();
    expect(pace(objects(10, 40), 5000)).toEqual({ unit: 'objects', perSecond: 2, leftMs: 15_000 });
    expect(pace(objects(20, 0), 10_000)).toEqual({ unit: 'objects', perSecond: 2 });
  });

  test('reckons with what an object costs beside its bytes', () => {
    const pace = paceOf();
    const at = (objectsDone: number, bytesDone: number) => ({
      stage: 'restore',
      objectsDone,
      objectsAll: 1001,
      bytesDone,
      bytesAll: 64 * MIB,
    });
    pace(at(0, 0), 0);
    // A thousand empty files in ten seconds, and one of 64 MiB to come: not hours.
    expect(pace(at(1000, 0), 10_000)?.leftMs).toBeLessThan(15_000);
  });

  test('says nothing within the first second, and nothing when nothing moves', () => {
    const pace = paceOf();
    expect(pace(bytes(0, 100), 0)).toBeUndefined();
    expect(pace(bytes(50, 100), 900)).toBeUndefined();
    expect(last([5, 5, 5], 100)).toBeUndefined();
  });

  test('forgets how it began: half a minute counts', () => {
    const slowThenFast = Array.from({ length: 121 }, (_, second) =>
      second < 60 ? second : 60 + (second - 60) * 100,
    );
    expect(last(slowThenFast, 7060)?.perSecond).toBeCloseTo(100, 0);
  });

  test('begins again with each stage', () => {
    const pace = paceOf();
    pace(bytes(0, 100), 0);
    pace(bytes(90, 100), 5000);
    expect(pace(bytes(0, 100, 'indexes'), 6000)).toBeUndefined();
    expect(pace(bytes(10, 100, 'indexes'), 8000)?.perSecond).toBe(5);
  });

  test('holds a bounded number of samples, however often it is told', () => {
    const pace = paceOf();
    for (let at = 0; at < 200_000; at += 1) pace(bytes(at, 1e9), at);
    expect(pace(bytes(200_000, 1e9), 200_000)?.perSecond).toBeCloseTo(1000, 0);
  });
});
