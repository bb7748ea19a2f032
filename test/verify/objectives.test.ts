import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../shared/model/finding.ts';
import type { LadderPoint, LadderRow } from '../../shared/model/ladder.ts';
import { parseCron } from '../../shared/velero/schedule/cron.ts';
import { slotsBetween } from '../../shared/velero/schedule/next.ts';
import { configuredSchedule } from '../../shared/velero/schedule/schedule-resource.ts';
import { openZone, UTC, type Zone } from '../../shared/velero/schedule/zone.ts';
import { breachAfterMs, rpoFindings } from '../../shared/verify/objectives.ts';
import { judgeSchedules } from '../../shared/verify/schedules.ts';
import { facts, resource } from './facts.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;
const URL = 's3://backups/prod';
const NOW = new Date('2026-11-25T12:00:00Z');

function point(hoursAgo: number, more: Partial<LadderPoint> = {}): LadderPoint {
  const takenAt = new Date(NOW.getTime() - hoursAgo * HOUR_MS).toISOString();
  return { point: `daily-${hoursAgo}`, takenAt, rung: 'intact', provenAt: takenAt, ...more };
}

function row(more: Partial<LadderRow> = {}): LadderRow {
  return {
    application: 'shop',
    location: 'prod',
    namespaces: ['shop'],
    rpoHours: 24,
    breachAfterHours: 25.5,
    points: 3,
    byRung: {},
    why: [],
    ...more,
  };
}

const judge = (more: Partial<LadderRow>, now = NOW) => rpoFindings([row(more)], { url: URL, now });
const codes = (...args: Parameters<typeof judge>) =>
  judge(...args).map(({ code, severity }) => `${code} ${severity}`);

describe('an application', () => {
  test('whose newest point is proven and young is no finding', () => {
    expect(judge({ newest: point(3), proven: point(3) })).toEqual([]);
    expect(judge({ newest: point(3), proven: point(25.5), why: ['one is missing'] })).toEqual([]);
  });

  test('whose newest proven point is too old: how old, against what, and what the newest lacks', () => {
    const why = ['volume shop/data: its Kopia snapshot is gone'];
    const [breach, ...others] = judge({ newest: point(2), proven: point(50), why });
    expect(others).toEqual([]);
    expect(breach).toMatchObject({
      code: 'RPO_BREACHED',
      severity: 'critical',
      subject: 's3://backups/prod application shop',
      message:
        'The newest proven recovery point of "shop" is 50 hours old; the objective is 24 hours; the newest, "daily-2": volume shop/data: its Kopia snapshot is gone',
    });
    expect(breach?.evidence).toMatchObject({ proven: 'daily-50', newest: 'daily-2' });
  });

  test('whose points were never proven: an error, critical once even the newest is too old', () => {
    const why = ['no password opens kopia/shop'];
    expect(codes({ newest: point(2), why })).toEqual(['NEVER_PROVEN error']);
    // One fact, one alert: the message of the breach says that none is proven.
    expect(codes({ newest: point(26), why })).toEqual(['RPO_BREACHED critical']);
    const [never] = judge({ newest: point(2), why });
    expect(never?.message).toMatch(/None of the 3 .* "shop" is proven: no password opens/);
    expect(never?.hint).toContain('drydock verify --application shop');
  });

  test('whose proofs no longer count is breached, however young the point', () => {
    const old = point(3);
    const [lapsed, ...others] = judge({ newest: old, byRung: { intact: old }, why: ['too long'] });
    expect(others).toEqual([]);
    expect(lapsed).toMatchObject({ code: 'RPO_BREACHED', severity: 'critical' });
    expect(lapsed?.message).toMatch(/^The proof of "daily-3" \(3 hours old\) no longer counts/);
  });

  test('without any point is critical, and nothing else', () => {
    expect(codes({ points: 0 })).toEqual(['APPLICATION_ABSENT critical']);
  });

  test('of an odd name stays out of commands', () => {
    const [never] = judge({ application: 'a; rm -rf $HOME', newest: point(1) });
    expect(never?.hint).toContain('--application <application>');
  });
});

test('a breach begins after the objective, the usual duration and an hour', () => {
  expect(breachAfterMs(DAY_MS, undefined)).toBe(25 * HOUR_MS);
  expect(breachAfterMs(DAY_MS, 2 * HOUR_MS)).toBe(27 * HOUR_MS);
  expect(breachAfterMs(DAY_MS, 0, 25 * HOUR_MS)).toBe(26 * HOUR_MS);
  expect(breachAfterMs(DAY_MS, 0, 7 * DAY_MS)).toBe(25 * HOUR_MS);
});

describe('a healthy daily schedule never pages', () => {
  // The poll comes once a minute, and backups take up to half an hour longer than at best.
  const day = fc.record({ pollMs: fc.nat(MINUTE_MS), moreMs: fc.nat(HOUR_MS / 2) });
  const world = fc.record({
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
    hour: fc.nat(23),
    leastMs: fc.nat(8 * HOUR_MS),
    days: fc.array(day, { minLength: 366, maxLength: 366 }),
    minutes: fc.array(fc.nat(24 * 60), { minLength: 6, maxLength: 6 }),
  });
  const FIRST = Date.parse('2026-01-01T00:00:00Z');

  /** What a run finds at `now` when every backup that is done by then is proven. */
  function runAt(
    now: Date,
    cron: string,
    serverZone: Zone,
    backups: readonly { readonly started: number; readonly completed: number }[],
  ): readonly Finding[] {
    const done = backups.filter(({ completed }) => completed <= now.getTime()).slice(-12);
    const text = (ms: number): string => new Date(ms).toISOString();
    const { usualDurationMs, intervalMs, findings } = judgeSchedules({
      url: URL,
      location: 'prod',
      schedules: [configuredSchedule('daily', cron)],
      from: 'configuration',
      serverZone,
      facts: done.map(({ started, completed }) => {
        const zoned = text(started + serverZone.offsetMs(started));
        const name = `daily-${zoned.replace(/[-:T]/g, '').slice(0, 14)}`;
        const [startedAt, completedAt] = [text(started), text(completed)];
        const times = { startedAt, createdAt: startedAt, completedAt };
        return facts({ backup: name, resource: { ...resource({ name }), ...times } });
      }),
      seen: [],
      windowStart: new Date(now.getTime() - 7 * DAY_MS),
      now,
    });
    const proven = point(0, { takenAt: text(done.at(-1)?.started ?? 0) });
    const usual = usualDurationMs.get('daily');
    const breach = breachAfterMs(DAY_MS, usual, intervalMs.get('daily')) / HOUR_MS;
    return [...findings, ...judge({ newest: proven, proven, breachAfterHours: breach }, now)];
  }

  test('in a year of backups of hours, whatever the clocks do, whenever it runs', () => {
    fc.assert(
      fc.property(world, ({ zone, hour, leastMs, days, minutes }) => {
        const serverZone = openZone(zone) ?? UTC;
        const cron = `30 ${hour} * * *`;
        const schedule = parseCron(cron, 'robfig-3', serverZone);
        if (schedule.kind === 'problem') throw new Error(schedule.reason);
        const [from, until] = [new Date(FIRST), new Date(FIRST + 365 * DAY_MS)];
        const dues = slotsBetween(schedule, from, until, 400).slots.map((due) => due.getTime());
        const backups = dues.map((due, index) => {
          const { pollMs = 0, moreMs = 0 } = days[index] ?? {};
          return { started: due + pollMs, completed: due + pollMs + leastMs + moreMs };
        });
        const gaps = dues.map((due, index) => due - (dues[index - 1] ?? due - DAY_MS));
        const odd = gaps.flatMap((gap, index) => (gap > DAY_MS && gap < 2 * DAY_MS ? index : []));
        const moments = [
          ...minutes.map((minute, index) => (dues[60 * index + 15] ?? 0) + minute * MINUTE_MS),
          // Right before the end of the next backup the last one is oldest.
          ...[...odd, 100, 200].map((index) => (backups[index]?.completed ?? 0) - 1),
        ];
        for (const moment of moments.filter((ms) => ms > FIRST + 11 * DAY_MS)) {
          // Clocks that leave the hour of the slot out leave out its backup: that is no health.
          const isSkipped = gaps.some(
            (gap, at) => gap >= 2 * DAY_MS - HOUR_MS && isNear(dues[at], moment),
          );
          if (!isSkipped) expect(runAt(new Date(moment), cron, serverZone, backups)).toEqual([]);
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  const isNear = (due: number | undefined, moment: number): boolean =>
    Math.abs((due ?? 0) - moment) < 2 * DAY_MS;

  test('and one that fails once does, as soon as its next slot is due and done', () => {
    const breach = breachAfterMs(DAY_MS, HOUR_MS, DAY_MS) / HOUR_MS;
    const rows = { proven: point(26.01), newest: point(26.01), breachAfterHours: breach };
    expect(codes(rows)).toEqual(['RPO_BREACHED critical']);
  });
});
