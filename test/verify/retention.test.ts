import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RetentionPoint, retentionFindings } from '../../shared/verify/retention.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const URL = 's3://backups/prod';
const NOW = new Date('2026-11-25T12:00:00Z');
const inHours = (hours: number): Date => new Date(NOW.getTime() + hours * HOUR_MS);

function point(name: string, expiresInHours?: number, isProven = true): RetentionPoint {
  return {
    application: 'shop',
    location: 'prod',
    point: name,
    takenAt: inHours(-10).toISOString(),
    ...(expiresInHours !== undefined && { expiresAt: inHours(expiresInHours).toISOString() }),
    isProven,
    schedule: 'daily',
  };
}

const DAILY = [{ schedule: 'daily', readyAt: inHours(14) }];

function judge(
  points: readonly RetentionPoint[],
  more: Partial<Parameters<typeof retentionFindings>[0]> = {},
) {
  return retentionFindings({ url: URL, points, next: DAILY, keepPoints: 1, now: NOW, ...more });
}

const codes = (...args: Parameters<typeof judge>) => judge(...args).map(({ code }) => code);

describe('garbage collection', () => {
  test('that takes the last proven point before the next is done leaves a gap', () => {
    const [gap, ...others] = judge([point('a', 13), point('b', 200, false)]);
    expect(others).toEqual([]);
    expect(gap).toMatchObject({
      code: 'RETENTION_GAP',
      severity: 'error',
      subject: 's3://backups/prod application shop',
      message:
        '"a" expires in 13 hours, which leaves "shop" with 0 of 1 proven recovery points; the next backup is done at 2026-11-26T02:00:00.000Z',
    });
    expect(gap?.hint).toContain('backups.velero.io a --type merge');
  });

  test('that leaves one, or comes after the next one, leaves none', () => {
    expect(codes([point('a', 13), point('b', 15)])).toEqual([]);
    expect(codes([point('a', 14.1)])).toEqual([]);
    expect(codes([point('a', 1), point('b')])).toEqual([]);
  });

  test('is asked to leave as many as the configuration wants, but not for what was never there', () => {
    const points = [point('a', 13), point('b', 200)];
    expect(codes(points, { keepPoints: 2 })).toEqual(['RETENTION_GAP']);
    expect(codes([point('b', 200)], { keepPoints: 2 })).toEqual([]);
  });

  test('where no next backup is due is announced three days ahead', () => {
    expect(codes([point('a', 71)], { next: [{ schedule: 'daily' }] })).toEqual(['RETENTION_GAP']);
    expect(codes([point('a', 73)], { next: [{ schedule: 'daily' }] })).toEqual([]);
  });

  test('of a schedule that nobody knows is not judged', () => {
    expect(codes([point('a', 1)], { next: [] })).toEqual([]);
    expect(codes([point('a', 1)], { next: [{ schedule: 'other' }] })).toEqual([]);
  });

  test('does not happen at a replica', () => {
    expect(codes([point('a', -100), point('b', 1)], { isReplica: true })).toEqual([]);
  });

  test('that does not run shows by what is expired and still there', () => {
    const points = [point('a', -49), point('a', -49), point('b', -47), point('c', 200)];
    const [kept, ...others] = judge(points);
    expect(others).toEqual([]);
    expect(kept).toMatchObject({
      code: 'POINT_EXPIRED_KEPT',
      severity: 'warning',
      subject: URL,
      message: '1 expired backup still in the store; "a" expired 49 hours ago',
      evidence: { count: 1, backups: ['a'] },
    });
  });
});

test('a point more is never worse, and a gap is exactly what removing the expired would show', () => {
  const points = fc.array(
    fc.record({ expires: fc.option(fc.integer({ min: -40, max: 60 })), isProven: fc.boolean() }),
  );
  const asked = fc.record({ points, keepPoints: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(asked, ({ points: list, keepPoints }) => {
      const made = list.map(({ expires, isProven }, index) =>
        point(`p${index}`, expires ?? undefined, isProven),
      );
      const proven = list.filter(({ isProven }) => isProven);
      const left = proven.filter(({ expires }) => expires === null || expires > 14).length;
      const hasGap = left < keepPoints && left < proven.length;
      const isFound = codes(made, { keepPoints }).includes('RETENTION_GAP');
      expect(isFound).toBe(hasGap);
      if (!isFound) {
        const more = [...made, point('more', 500)];
        expect(codes(more, { keepPoints })).not.toContain('RETENTION_GAP');
      }
    }),
  );
});

test('a healthy schedule whose lifetime is twice its interval has no gap at any time', () => {
  const world = fc.record({
    pollMs: fc.nat(60_000),
    usualMs: fc.nat(4 * HOUR_MS),
    nowMs: fc.nat(DAY_MS - 1),
  });
  fc.assert(
    fc.property(world, ({ pollMs, usualMs, nowMs }) => {
      // Backups are due at each midnight; those of the last two days are done and kept for 48 hours.
      const now = new Date(NOW.getTime() - (NOW.getTime() % DAY_MS) + nowMs);
      const midnight = now.getTime() - nowMs;
      const isDone = nowMs >= pollMs + usualMs;
      const taken = [midnight - DAY_MS + pollMs, ...(isDone ? [midnight + pollMs] : [])];
      const points = taken.map((ms, index) => ({
        ...point(`d${index}`),
        takenAt: new Date(ms).toISOString(),
        expiresAt: new Date(ms + 2 * DAY_MS).toISOString(),
      }));
      const due = isDone ? midnight + DAY_MS : midnight;
      const readyAt = new Date(Math.max(now.getTime(), due + usualMs));
      expect(codes(points, { now, next: [{ schedule: 'daily', readyAt }] })).toEqual([]);
    }),
  );
});
