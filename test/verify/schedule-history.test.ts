import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SeenSchedule } from '../../shared/ledger/location-look.ts';
import {
  configuredSchedule,
  type ScheduleFacts,
} from '../../shared/velero/schedule/schedule-resource.ts';
import { UTC } from '../../shared/velero/schedule/zone.ts';
import { rememberSchedules } from '../../shared/verify/schedule-history.ts';
import { judgeSchedules } from '../../shared/verify/schedules.ts';
import { facts, resource } from './facts.ts';

const HOUR_MS = 3_600_000;
const FIRST = Date.parse('2026-11-01T00:00:00Z');
const hour = (count: number): Date => new Date(FIRST + count * HOUR_MS);

function seen(from: number, until: number, expression: string, isPaused = false): SeenSchedule {
  const [start, end] = [hour(from).toISOString(), hour(until).toISOString()];
  return { name: 'daily', expression, isPaused, from: start, until: end };
}

function daily(expression: string, more: Partial<ScheduleFacts> = {}): ScheduleFacts {
  return { ...configuredSchedule('daily', expression, { created: hour(0) }), ...more };
}

function backupAt(hours: number) {
  const taken = new Date(hour(hours).getTime() + 20_000).toISOString();
  const name = `daily-${taken.replace(/[-:T]/g, '').slice(0, 14)}`;
  const done = new Date(hour(hours).getTime() + 600_000).toISOString();
  const times = { createdAt: taken, startedAt: taken, completedAt: done };
  return facts({ backup: name, resource: { ...resource({ name }), ...times } });
}

function verdicts(
  schedule: ScheduleFacts,
  history: readonly SeenSchedule[],
  made: readonly number[],
  now: number,
) {
  const { judged } = judgeSchedules({
    url: 's3://backups/prod',
    location: 'prod',
    schedules: [schedule],
    from: 'cluster',
    serverZone: UTC,
    facts: made.map(backupAt),
    clusterBackups: [],
    seen: history,
    windowStart: hour(0),
    now: hour(now),
  });
  return (judged.schedules[0]?.slots ?? []).map(
    ({ due, verdict }) => `${(due.getTime() - FIRST) / HOUR_MS} ${verdict}`,
  );
}

const AT_ONE = '0 1 * * *';
const AT_TWO = '0 2 * * *';

describe('a schedule that somebody changed', () => {
  const history = [seen(0, 48, AT_ONE), seen(50, 96, AT_TWO)];

  test('is judged by what it was at the time', () => {
    expect(verdicts(daily(AT_TWO), history, [1, 74], 98.5)).toEqual([
      '1 met',
      '25 missed',
      '74 met',
      '98 missed',
    ]);
  });

  test('and dates its change itself, is judged from there on by what it is', () => {
    const changed = hour(49);
    expect(verdicts(daily(AT_TWO, { changed }), history, [1, 25, 74], 97)).toEqual([
      '1 met',
      '25 met',
      '50 missed',
      '74 met',
    ]);
  });

  test('is not expected to have run between two runs that saw it differently', () => {
    expect(verdicts(daily(AT_TWO), [seen(0, 24, AT_ONE)], [1], 51)).toEqual(['1 met']);
  });

  test('in something else alone loses none of its slots', () => {
    const changed = hour(60);
    const same = [seen(0, 59, AT_ONE)];
    expect(verdicts(daily(AT_ONE, { changed }), same, [1, 73], 74)).toEqual([
      '1 met',
      '25 missed',
      '49 missed',
      '73 met',
    ]);
    expect(verdicts(daily(AT_ONE, { changed }), [], [1, 73], 74)).toEqual(['73 met']);
  });

  test('is expected to do nothing while it was paused', () => {
    const paused = [seen(0, 24, AT_ONE), seen(24.5, 48, AT_ONE, true), seen(48.5, 72, AT_ONE)];
    expect(verdicts(daily(AT_ONE), paused, [1], 74)).toEqual(['1 met', '49 missed', '73 missed']);
  });
});

describe('the history', () => {
  const now = (hours: number) => hour(hours);

  test('grows while nothing changes, and begins anew with an expression or a pause', () => {
    const first = rememberSchedules([daily(AT_ONE)], [], now(0));
    expect(first).toEqual([seen(0, 0, AT_ONE)]);
    const second = rememberSchedules([daily(AT_ONE)], first, now(5));
    expect(second).toEqual([seen(0, 5, AT_ONE)]);
    const third = rememberSchedules([daily(AT_ONE, { isPaused: true })], second, now(6));
    expect(third).toEqual([seen(0, 5, AT_ONE), seen(6, 6, AT_ONE, true)]);
    const rewritten = daily(AT_ONE, { changed: hour(3) });
    expect(rememberSchedules([rewritten], [seen(0, 2, AT_ONE)], now(4))).toEqual([
      seen(0, 2, AT_ONE),
      seen(4, 4, AT_ONE),
    ]);
    expect(rememberSchedules([daily(AT_TWO, { isPaused: true })], third, now(7))).toEqual([
      ...third,
      seen(7, 7, AT_TWO, true),
    ]);
  });

  test('of a schedule that is not told stands still, and is forgotten after 400 days', () => {
    const known = [seen(0, 5, AT_ONE)];
    expect(rememberSchedules([], known, now(100))).toEqual(known);
    expect(rememberSchedules([], known, now(406 * 24))).toEqual([]);
  });

  test('is taken back by no clock that is behind', () => {
    const known = [seen(0, 5, AT_ONE)];
    expect(rememberSchedules([daily(AT_ONE)], known, now(4))).toEqual(known);
  });

  test('keeps the newest twenty stretches', () => {
    let known: readonly SeenSchedule[] = [];
    for (let run = 0; run < 30; run += 1) {
      known = rememberSchedules([daily(`0 ${run % 24} * * *`)], known, now(run));
    }
    expect(known).toHaveLength(20);
    expect(known.at(-1)).toEqual(seen(29, 29, '0 5 * * *'));
    expect(known[0]).toEqual(seen(10, 10, '0 10 * * *'));
  });
});

test('whoever changes a schedule that does its work, and whenever, has missed nothing', () => {
  const change = fc.record({
    afterMinutes: fc.integer({ min: 5, max: 3 * 24 * 60 }),
    hours: fc.constantFrom('1', '*/6', '*/2', '3,17'),
    isPaused: fc.boolean(),
  });
  const world = fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
    everyMinutes: fc.integer({ min: 170, max: 26 * 60 }),
    isDated: fc.boolean(),
  });
  fc.assert(
    fc.property(world, ({ changes, everyMinutes, isDated }) => {
      const endMinutes = 8 * 24 * 60;
      // What the schedule is, minute by minute, and the backups that it makes.
      const states = [{ from: 0, hours: '1', isPaused: false }];
      for (const { afterMinutes, hours, isPaused } of changes) {
        // Undated, a change that is taken back between two runs leaves no trace.
        const leastMinutes = isDated ? 0 : everyMinutes;
        const from = (states.at(-1)?.from ?? 0) + leastMinutes + afterMinutes;
        states.push({ from, hours, isPaused });
      }
      const stateAt = (minute: number) => states.findLast(({ from }) => from <= minute);
      const isDue = (hours: string, at: number): boolean => {
        if (hours.startsWith('*/')) return at % Number(hours.slice(2)) === 0;
        return hours.split(',').map(Number).includes(at);
      };
      const made: number[] = [];
      for (let at = 1; at < endMinutes / 60; at += 1) {
        const state = stateAt(at * 60 - 1);
        if (state && !state.isPaused && isDue(state.hours, at % 24)) made.push(at);
      }
      // Undated, nobody knows what a schedule was before the first run that saw it.
      let history = rememberSchedules([daily('0 1 * * *')], [], hour(0));
      for (let minute = everyMinutes; minute < endMinutes; minute += everyMinutes) {
        const state = stateAt(minute);
        if (state === undefined) throw new Error('no state');
        const now = minute / 60;
        const schedule = daily(`0 ${state.hours} * * *`, {
          isPaused: state.isPaused,
          ...(isDated && { changed: hour(state.from / 60) }),
        });
        const past = made.filter((at) => at * 60 < minute);
        const found = verdicts(schedule, history, past, now);
        const odd = found.filter((each) => !/ (met|pending)$/.test(each));
        expect(odd).toEqual([]);
        history = rememberSchedules([schedule], history, hour(now));
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
});
