import { describe, expect, test } from 'vitest';
import { ASKING_DEFAULTS, type Ask, asking } from '../../shared/snapshots/asking.ts';
import { SnapshotError, type SnapshotErrorCode } from '../../shared/snapshots/snapshot-error.ts';
import { fakeClock } from '../support/clock.ts';

interface Tried {
  readonly ask: Ask;
  readonly waits: number[];
  readonly told: string[];
}

function tried(random = 0): Tried {
  const waits: number[] = [];
  const told: string[] = [];
  const clock = {
    ...fakeClock(),
    sleep: async (ms: number) => {
      waits.push(ms);
    },
  };
  const onRetry = ({ code }: SnapshotError) => void told.push(code);
  const ask = asking({ ...ASKING_DEFAULTS, random: () => random, onRetry }, clock);
  return { ask, waits, told };
}

/** Fails so many times, then answers with the number of times it was asked. */
function failing(times: number, code: SnapshotErrorCode, retryAfterMs?: number) {
  let asked = 0;
  return {
    asked: () => asked,
    request: async () => {
      asked += 1;
      if (asked <= times) throw new SnapshotError(code, 'Cannot ask', { retryAfterMs });
      return asked;
    },
  };
}

describe('asking a cloud', () => {
  test.each(['throttled', 'unreachable'] as const)(
    '%s is asked again, ever later',
    async (code) => {
      const { ask, waits, told } = tried();
      expect(await ask(failing(5, code).request)).toBe(6);
      expect(waits).toEqual([250, 500, 1000, 2000, 4000]);
      expect(told).toEqual(Array(5).fill(code));
    },
  );

  test.each(['denied', 'other_account', 'invalid'] as const)('%s is final', async (code) => {
    const { ask, waits } = tried();
    const { request, asked } = failing(1, code);
    await expect(ask(request)).rejects.toMatchObject({ code });
    expect([asked(), waits]).toEqual([1, []]);
  });

  test('waits as long as the cloud asks, at least', async () => {
    const { ask, waits } = tried();
    await ask(failing(1, 'throttled', 30_000).request);
    await ask(failing(1, 'throttled', 1).request);
    expect(waits).toEqual([30_000, 250]);
  });

  test('does not wait longer than its own limit', async () => {
    const { ask, waits } = tried();
    await expect(ask(failing(1, 'throttled', 60_001).request)).rejects.toThrow('Cannot ask');
    expect(waits).toEqual([]);
  });

  test('a cloud that is down is not waited for again, until it answers', async () => {
    const { ask, waits } = tried();
    const down = failing(8, 'unreachable');
    await expect(ask(down.request)).rejects.toThrow('Cannot ask');
    expect([down.asked(), waits.length]).toEqual([6, 5]);
    await expect(ask(down.request)).rejects.toThrow('Cannot ask');
    await expect(ask(down.request)).rejects.toThrow('Cannot ask');
    expect([down.asked(), waits.length]).toEqual([8, 5]);
    expect(await ask(down.request)).toBe(9);
    expect(await ask(failing(1, 'unreachable').request)).toBe(2);
  });

  test('a defect is not asked again', async () => {
    const { ask, waits } = tried();
    await expect(ask(() => Promise.reject(new TypeError('defect')))).rejects.toThrow('defect');
    expect(waits).toEqual([]);
  });
});
