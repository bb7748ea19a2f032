import { describe, expect, test } from 'vitest';
import { closing, type FileTally, stepFailures } from './support/tally.ts';

const file = (more: Partial<FileTally> = {}): FileTally => ({
  path: 'test/real/x.test.ts',
  passed: 1,
  failed: [],
  skipped: [],
  ...more,
});
const close = (...files: FileTally[]) => closing([{ files, strayErrors: 0 }]);

describe('closing lines of a run', () => {
  test('counts all runs in the last line', () => {
    const tallies = [file({ passed: 2 }), file({ passed: 3 })].map((one) => ({
      files: [one],
      strayErrors: 0,
    }));
    expect(closing(tallies)).toEqual({ lines: ['5 passed, 0 failed, 0 skipped'], ok: true });
  });

  test('gives the reason of what was left out, once per file', () => {
    const skipped = ['a', 'b'].map((name) => ({ name, reason: 'no signatures here' }));
    expect(close(file({ skipped }))).toEqual({
      lines: [
        'skipped: 2 in test/real/x.test.ts: no signatures here',
        '1 passed, 0 failed, 2 skipped',
      ],
      ok: true,
    });
  });

  test('fails on a test that was left out without a reason', () => {
    const { lines, ok } = close(file({ skipped: [{ name: 'a' }] }));
    expect(ok).toBe(false);
    expect(lines).toContain('failed: test/real/x.test.ts: left out without a reason: a');
  });

  test('fails on a suite that must run and was left out as a whole', () => {
    const skipped = [{ name: 'a', reason: 'not today' }];
    const { lines, ok } = close(file({ passed: 0, skipped }));
    expect(ok).toBe(false);
    expect(lines.at(-1)).toBe('0 passed, 1 failed, 1 skipped');
  });

  test('accepts a suite that fell to the time guard, and says so', () => {
    const skipped = [{ name: 'a', reason: 'time guard: not built within 45 minutes' }];
    const { lines, ok } = close(file({ passed: 0, skipped }), file());
    expect(ok).toBe(true);
    expect(lines[0]).toContain('time guard');
  });

  test.each([
    ['a failed test', closing([{ files: [file({ failed: ['a'] })], strayErrors: 0 }])],
    ['an error outside of tests', closing([{ files: [file()], strayErrors: 1 }])],
    [
      'a step that failed',
      closing([{ files: [file()], strayErrors: 0 }], [{ step: 's', reason: 'r' }]),
    ],
    ['a run of no tests', closing([])],
  ])('fails on %s', (_, { lines, ok }) => {
    expect(ok).toBe(false);
    expect(lines.at(-1)).toMatch(/ 1 failed, 0 skipped$/);
  });
});

describe('a step around the tests', () => {
  const tally = (more: Partial<FileTally> = {}) => ({ files: [file(more)], strayErrors: 0 });

  test('adds nothing to failed tests, so that one failure counts once', () => {
    expect(stepFailures('test', 1, tally({ failed: ['a'] }))).toEqual([]);
    expect(stepFailures('test', 0, tally())).toEqual([]);
  });

  test('counts as failed when it ended before its tests, or badly after them', () => {
    expect(stepFailures('test', 2, undefined)).toHaveLength(1);
    expect(stepFailures('test', 1, tally())).toHaveLength(1);
  });
});
