import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  configuredSchedule,
  type ScheduleFacts,
} from '../../../shared/velero/schedule/schedule-resource.ts';
import { SCHEDULE_LABEL } from '../../../shared/velero/schedule/scheduled-name.ts';
import type { FoundBackup, SlotQuestion } from '../../../shared/velero/schedule/slot-types.ts';
import { judgeSlots } from '../../../shared/velero/schedule/slots.ts';
import { openZone, UTC } from '../../../shared/velero/schedule/zone.ts';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-03-10T12:00:00Z');

function nameOf(schedule: string, taken: Date): string {
  return `${schedule}-${taken.toISOString().replace(/[-:T]/g, '').slice(0, 14)}`;
}

function backup(taken: string | Date, more: Partial<FoundBackup> = {}): FoundBackup {
  const at = new Date(taken);
  return {
    name: nameOf('daily', at),
    labels: { [SCHEDULE_LABEL]: 'daily' },
    created: at,
    started: at,
    completed: new Date(at.getTime() + 600_000),
    phase: 'Completed',
    ...more,
  };
}

function daily(more: Partial<ScheduleFacts> = {}): ScheduleFacts {
  const created = new Date('2026-03-07T12:00:00Z');
  return { ...configuredSchedule('daily', '0 1 * * *', { created }), ...more };
}

function judge(
  found: readonly FoundBackup[],
  facts: Partial<ScheduleFacts> = {},
  more: Partial<SlotQuestion> = {},
) {
  return judgeSlots({
    schedules: [daily(facts)],
    serverVersion: 'v1.18.2',
    serverZone: UTC,
    found,
    clusterSeen: true,
    windowStart: new Date('2026-01-01T00:00:00Z'),
    now: NOW,
    ...more,
  });
}

/** Verdicts by day of March. */
function verdicts(...args: Parameters<typeof judge>): Record<string, string> {
  const slots = judge(...args).schedules[0]?.slots ?? [];
  return Object.fromEntries(slots.map(({ due, verdict }) => [due.getUTCDate(), verdict]));
}

const EIGHTH = backup('2026-03-08T01:00:40Z');
const NINTH = backup('2026-03-09T01:00:41Z');
const TENTH = backup('2026-03-10T01:00:42Z');

describe('a slot is', () => {
  test('met by the backup that the next poll makes', () => {
    const judged = judge([EIGHTH, NINTH, TENTH]);
    expect(judged.schedules[0]?.slots.map(({ backup, verdict }) => [backup, verdict])).toEqual([
      [EIGHTH.name, 'met'],
      [NINTH.name, 'met'],
      [TENTH.name, 'met'],
    ]);
    expect(judged.outside).toEqual([]);
    expect(judged.schedules[0]?.nextDue).toEqual(new Date('2026-03-11T01:00:00Z'));
  });

  test('missed when nothing was made; the late one after it answers the newest slot alone', () => {
    expect(verdicts([EIGHTH, backup('2026-03-10T03:20:00Z')])).toEqual({
      8: 'met',
      9: 'missed',
      10: 'late',
    });
  });

  test('late when its backup waited for others', () => {
    const started = new Date('2026-03-10T02:00:00Z');
    expect(verdicts([EIGHTH, NINTH, { ...TENTH, started }])[10]).toBe('late');
  });

  test.each([
    ['New', 'v1.18.2', 'stuck'],
    ['Queued', 'v1.18.2', 'queued'],
    ['ReadyToStart', 'v1.18.2', 'queued'],
    ['New', 'v1.17.2', 'queued'],
  ])('of a waiting backup (%s, %s) while another runs: %s', (phase, serverVersion, verdict) => {
    const other = backup('2026-03-10T11:00:00Z', { name: 'x', labels: {}, phase: 'InProgress' });
    const found = [EIGHTH, NINTH, { ...TENTH, phase }, other];
    expect(verdicts(found, {}, { serverVersion })[10]).toBe(verdict);
  });

  test.each([
    ['Queued', 'stuck'],
    ['ReadyToStart', 'stuck'],
    ['InProgress', 'stuck'],
    ['WaitingForPluginOperations', 'stuck'],
    ['Finalizing', 'stuck'],
    ['Failed', 'lost'],
    ['FailedValidation', 'lost'],
    ['PartiallyFailed', 'met'],
    ['Planted', 'lost'],
  ])('of a backup that is %s after 11 hours: %s', (phase, verdict) => {
    expect(verdicts([EIGHTH, NINTH, { ...TENTH, phase }])[10]).toBe(verdict);
  });

  test('running while its backup has time left', () => {
    const now = new Date('2026-03-10T03:00:00Z');
    for (const phase of ['InProgress', 'WaitingForPluginOperations', 'Finalizing']) {
      expect(verdicts([EIGHTH, NINTH, { ...TENTH, phase }], {}, { now })[10]).toBe('running');
    }
  });

  test('lost when the schedule took it up and no backup is left', () => {
    const lastBackup = new Date('2026-03-10T01:00:42Z');
    expect(verdicts([EIGHTH, NINTH], { lastBackup })[10]).toBe('lost');
    expect(verdicts([EIGHTH, NINTH], {})[10]).toBe('missed');
  });

  test('pending without the cluster for as long as its backup may still run', () => {
    const early = new Date('2026-03-10T04:00:00Z');
    const seen = { clusterSeen: false, now: early };
    expect(verdicts([EIGHTH, NINTH], {}, seen)[10]).toBe('pending');
    expect(verdicts([EIGHTH, NINTH], {}, { clusterSeen: false })[10]).toBe('missed');
    expect(verdicts([EIGHTH, TENTH], {}, seen)[9]).toBe('missed');
  });

  test('skipped when skipImmediately dropped it, and none before it', () => {
    const lastSkipped = new Date('2026-03-10T08:00:00Z');
    expect(verdicts([EIGHTH], { lastSkipped })).toEqual({ 8: 'met', 9: 'missed', 10: 'skipped' });
  });

  test('skipped too when the server has yet to obey', () => {
    expect(verdicts([EIGHTH, NINTH], { willSkip: true })[10]).toBe('skipped');
  });

  test('held back by a backup of the schedule that is still being made', () => {
    const long = { ...NINTH, completed: new Date('2026-03-10T13:00:00Z'), phase: 'InProgress' };
    const slots = judge([EIGHTH, long]).schedules[0]?.slots ?? [];
    expect(slots[2]).toMatchObject({ verdict: 'pending', heldBackBy: NINTH.name });
  });
});

describe('outside of slots', () => {
  test('stand manual backups, those of deleted schedules, and those from before the schedule', () => {
    const manual = backup('2026-03-09T10:00:00Z', { name: 'by-hand', labels: {} });
    const gone = backup('2026-03-09T11:00:00Z', {
      name: 'old-20260309110000',
      labels: { [SCHEDULE_LABEL]: 'old' },
    });
    const before = backup('2026-03-06T01:00:10Z');
    const judged = judge([manual, gone, before, EIGHTH, NINTH, TENTH]);
    expect(judged.outside).toEqual([
      { backup: before.name, schedule: 'daily', reason: 'earlier' },
      { backup: 'by-hand', reason: 'manual' },
      { backup: gone.name, schedule: 'old', reason: 'unknown-schedule' },
    ]);
  });

  test('stands a backup that somebody made from the schedule: lastBackup tells it apart', () => {
    const byHand = backup('2026-03-10T09:00:00Z');
    const lastBackup = new Date('2026-03-09T01:00:41Z');
    const judged = judge([EIGHTH, NINTH, byHand], { lastBackup });
    expect(judged.schedules[0]?.slots[2]).toMatchObject({ verdict: 'missed' });
    expect(judged.outside).toMatchObject([{ backup: byHand.name, reason: 'between-slots' }]);
  });
});

describe('a schedule', () => {
  test('that changed is judged from its change on, and before it as somebody remembers it', () => {
    const changed = new Date('2026-03-09T12:00:00Z');
    expect(verdicts([], { changed })).toEqual({ 10: 'missed' });
    const earlier = [
      {
        from: new Date('2026-03-07T12:00:00Z'),
        until: changed,
        expression: '0 2 * * *',
        isPaused: false,
      },
    ];
    expect(verdicts([backup('2026-03-08T02:00:10Z')], { changed, earlier })).toEqual({
      8: 'met',
      9: 'missed',
      10: 'missed',
    });
  });

  test.each([
    ['0 0 30 2 *', 'v1.18.2', /every poll/],
    ['@none', 'v1.18.3', /every poll/],
    ['@none', 'v1.18.2', /refuses "@none"/],
    ['22-2 0 * * *', 'v1.17.2', /refuses/],
  ])('"%s" has no slots under %s, and says why', (expression, serverVersion, problem) => {
    const [judged] = judge([], { expression }, { serverVersion }).schedules;
    expect(judged).toMatchObject({ slots: [], problem: expect.stringMatching(problem) });
  });

  test('@every counts from the backup before', () => {
    const found = ['2026-03-08T12:00:30Z', '2026-03-09T12:01:10Z'].map((at) => backup(at));
    const [judged] = judge(found, { expression: '@every 24h' }).schedules;
    expect(judged?.slots.map(({ due, verdict }) => [due.toISOString(), verdict])).toEqual([
      ['2026-03-08T12:00:00.000Z', 'met'],
      ['2026-03-09T12:00:30.000Z', 'met'],
    ]);
    expect(judged?.nextDue).toEqual(new Date('2026-03-10T12:01:10Z'));
  });

  test('@every begins anew at a skip, and at the first backup where nothing else is known', () => {
    const lastSkipped = new Date('2026-03-09T18:00:00Z');
    const expression = '@every 24h';
    const first = backup('2026-03-08T12:00:30Z');
    const [skipping] = judge([first], { expression, lastSkipped }).schedules;
    expect(skipping?.slots.map(({ verdict }) => verdict)).toEqual(['met', 'skipped']);
    expect(skipping?.nextDue).toEqual(new Date('2026-03-10T18:00:00Z'));
    const schedules = [configuredSchedule('daily', expression)];
    const windowStart = new Date('2026-03-07T00:00:00Z');
    const judged = judge([first], {}, { schedules, windowStart, clusterSeen: false });
    expect(judged.schedules[0]?.slots.map(({ due }) => due.toISOString())).toEqual([
      '2026-03-09T12:00:30.000Z',
    ]);
  });

  test('in a zone: names are read by the clocks of the server, twice shown hours by creation', () => {
    const serverZone = openZone('Europe/Berlin') ?? UTC;
    const now = new Date('2026-10-25T12:00:00Z');
    const created = new Date('2026-10-25T01:30:20Z');
    const second = backup(created, { name: 'daily-20261025023020' });
    const facts = { created: new Date('2026-10-24T12:00:00Z'), expression: '30 2 * * *' };
    const judged = judge([second], facts, { serverZone, now, serverVersion: 'v1.18.3' });
    // Both libraries are due at 02:30 twice on this day.
    expect(judged.schedules[0]?.slots).toMatchObject([
      { due: new Date('2026-10-25T00:30:00Z'), verdict: 'missed' },
      { due: new Date('2026-10-25T01:30:00Z'), verdict: 'met', takenAfterMs: 20_000 },
    ]);
  });

  test('with more slots than may be judged keeps the newest', () => {
    const limits = { slotsMax: 10 };
    const [judged] = judge([], { expression: '* * * * *' }, { limits }).schedules;
    expect(judged?.isTruncated).toBe(true);
    expect(judged?.slots.at(-1)?.due).toEqual(NOW);
    expect(judged?.slots.length).toBeLessThanOrEqual(10);
  });

  test.each(['@every 1s', '* * * * *'])('"%s" over five years is bounded', (expression) => {
    const facts = { expression, created: new Date('2021-03-10T00:00:00Z'), ttlMs: 1e12 };
    const made = Array.from({ length: 200 }, (_, n) => backup(new Date(NOW.getTime() - n * 6e8)));
    const [judged] = judge(made, facts, {
      windowStart: new Date(0),
      limits: { slotsMax: 100 },
    }).schedules;
    expect(judged?.isTruncated).toBe(true);
    expect(judged?.slots.length).toBeLessThanOrEqual(100);
    expect(judged?.slots.at(-1)?.due.getTime()).toBeGreaterThan(NOW.getTime() - 120_000);
  });
});

const minutes = fc.integer({ min: 1, max: 20 * 1_440 });
const madeAt = fc.uniqueArray(minutes, { maxLength: 30 });
const expression = fc.constantFrom('0 1 * * *', '*/30 * * * *', '15 */6 * * *', '@every 7h');
const found = (ago: readonly number[], shiftMs = 0): FoundBackup[] =>
  ago.map((minute) => backup(new Date(NOW.getTime() - minute * 60_000 + shiftMs)));

describe('whatever was found', () => {
  test('each backup is in one slot or outside, and no slot is older than the schedule', () => {
    fc.assert(
      fc.property(madeAt, minutes, expression, (ago, age, text) => {
        const created = new Date(NOW.getTime() - age * 60_000);
        const all = found(ago);
        const judged = judge(all, { created, expression: text });
        const slots = judged.schedules[0]?.slots ?? [];
        const placed = slots.flatMap((slot) => slot.backup ?? []);
        placed.push(...judged.outside.map((each) => each.backup));
        expect(placed.sort()).toEqual(all.map(({ name }) => name).sort());
        for (const { due } of slots) expect(due.getTime()).toBeGreaterThan(created.getTime());
      }),
      { numRuns: 60 },
    );
  });

  test('nothing is missed while a schedule is paused', () => {
    fc.assert(
      fc.property(madeAt, minutes, expression, (ago, since, text) => {
        const changed = new Date(NOW.getTime() - since * 60_000);
        const facts = { created: new Date(0), isPaused: true, changed, expression: text };
        const slots = judge(found(ago), facts).schedules[0]?.slots ?? [];
        expect(slots.filter(({ due }) => due > changed)).toEqual([]);
        const unknown = judge([], { ...facts, changed: new Date(0) }).schedules[0];
        expect(unknown?.slots).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('whole days make no difference in UTC', () => {
    fc.assert(
      fc.property(madeAt, minutes, expression, fc.integer({ min: -400, max: 400 }), (...drawn) => {
        const [ago, age, text, days] = drawn;
        const seen = [0, days * DAY_MS].map((shiftMs) => {
          const moved = (time: Date): Date => new Date(time.getTime() + shiftMs);
          const created = moved(new Date(NOW.getTime() - age * 60_000));
          const more = { now: moved(NOW), windowStart: new Date(0) };
          const judged = judge(found(ago, shiftMs), { created, expression: text }, more);
          return judged.schedules[0]?.slots.map(({ due, verdict, takenAfterMs }) => ({
            dueMs: due.getTime() - shiftMs,
            verdict,
            takenAfterMs,
          }));
        });
        expect(seen[1]).toEqual(seen[0]);
      }),
      { numRuns: 40 },
    );
  });
});
