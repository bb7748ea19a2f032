import { describe, expect, test } from 'vitest';
import { isoNs, modeText } from '../../functions/cli/kopia/entry-facts.ts';
import { deviceFileName, shownName } from '../../functions/cli/kopia/names.ts';

describe('words', () => {
  test.each([
    ['plain ü 🛟', 'plain ü 🛟'],
    ['a\\b', 'a\\\\b'],
    ['a\nb\tc', 'a\\nb\\tc'],
    ['\u001b[2J', '\\x1b[2J'],
    ['\u202eevil', '\\u202eevil'],
    ['/dev/xvdb', '\\x2fdev\\x2fxvdb'],
    ['\ud800', '\\ud800'],
  ])('a name is shown so that a terminal can take it: %j', (name, shown) => {
    expect(shownName(name)).toBe(shown);
  });

  test('a device becomes a file name, and two never the same one', () => {
    expect(deviceFileName('/dev/xvdb')).toBe('%2Fdev%2Fxvdb');
    expect(deviceFileName('%2Fdev/xvdb')).toBe('%252Fdev%2Fxvdb');
  });

  test('modes and times', () => {
    expect(modeText({ type: 'file', mode: 0o4755 })).toBe('-rwsr-xr-x');
    expect(modeText({ type: 'directory', mode: 0o1770 })).toBe('drwxrwx--T');
    expect(modeText({ type: 'symlink', mode: 0o2644 })).toBe('lrw-r-Sr--');
    expect(isoNs(1_793_498_400_000_000_000n)).toBe('2026-11-01T02:00:00Z');
    expect(isoNs(1_793_498_400_120_000_001n)).toBe('2026-11-01T02:00:00.120000001Z');
    expect(isoNs(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
  });
});
