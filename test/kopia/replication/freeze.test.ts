import { describe, expect, test } from 'vitest';
import { cutAtMargin, isFrozen } from '../../../shared/kopia/replication/freeze.ts';

const minute = (minutes: number) => new Date(Date.UTC(2026, 0, 1, 0, minutes));
const blob = (id: string, etag = 'e', minutes = 0) => ({ id, etag, lastModified: minute(minutes) });

describe('two listings in a row', () => {
  test('freeze an index when they are the same, whatever their order', () => {
    expect(isFrozen([], [])).toBe(true);
    expect(isFrozen([blob('a'), blob('b')], [blob('b'), blob('a')])).toBe(true);
  });

  test.each([
    ['one more', [blob('a'), blob('b'), blob('c')]],
    ['one less', [blob('a')]],
    ['another one', [blob('a'), blob('c')]],
    ['one that was written again', [blob('a'), blob('b', 'other')]],
  ])('do not with %s', (_, next) => {
    expect(isFrozen([blob('a'), blob('b')], next)).toBe(false);
  });
});

describe('the margin', () => {
  test('leaves out what is younger than 15 minutes by the times of the store', () => {
    const listing = [blob('a', 'e', 0), blob('b', 'e', 5), blob('xw1', 'e', 6), blob('c', 'e', 20)];
    expect(cutAtMargin(listing).map(({ id }) => id)).toEqual(['a', 'b']);
    const later = minute(21).getTime();
    expect(cutAtMargin(listing, later).map(({ id }) => id)).toEqual(['a', 'b', 'xw1']);
  });

  test('takes nothing for nothing', () => {
    expect(cutAtMargin([])).toEqual([]);
  });
});
