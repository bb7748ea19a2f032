import { beforeAll, describe, expect, test } from 'vitest';
import type { GoneBackup } from '../../shared/ledger/location-look.ts';
import { type BackupResource, parseBackup } from '../../shared/velero/artefacts/backup.ts';
import { parseJson } from '../../shared/velero/artefacts/json.ts';
import type { BackupFacts } from '../../shared/velero/checks/backup-facts.ts';
import { resourceFacts } from '../../shared/velero/checks/facts-of.ts';
import type { ClusterBackup } from '../../shared/velero/cluster/velero-cluster.ts';
import {
  configuredSchedule,
  parseScheduleResource,
  type ScheduleFacts,
} from '../../shared/velero/schedule/schedule-resource.ts';
import { UTC } from '../../shared/velero/schedule/zone.ts';
import {
  judgeSchedules,
  observedSchedules,
  type ScheduleJudgement,
  type ScheduleQuestion,
} from '../../shared/verify/schedules.ts';
import { loadFixture } from '../support/fixtures.ts';
import { facts, object, resource } from './facts.ts';

const URL = 's3://backups/prod';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = new Date('2026-11-25T12:00:00Z');

function judge(question: Partial<ScheduleQuestion>): ScheduleJudgement {
  return judgeSchedules({
    url: URL,
    location: 'prod',
    schedules: [],
    from: 'cluster',
    serverVersion: 'v1.18.2',
    serverZone: UTC,
    facts: [],
    seen: [],
    windowStart: new Date(NOW.getTime() - 7 * DAY_MS),
    now: NOW,
    ...question,
  });
}

const codes = (judgement: ScheduleJudgement) =>
  judgement.findings.map(({ code, severity }) => `${code} ${severity}`);

describe('the schedule of a real server', () => {
  let stored: BackupFacts[] = [];
  let inCluster: ClusterBackup[] = [];
  let frequent: ScheduleFacts;
  const now = new Date('2026-11-21T10:57:30Z');

  beforeAll(async () => {
    const fixture = await loadFixture('velero/v1.18.2');
    const [schedule] = fixture.answer('answers/cluster', 'schedules') as unknown[];
    const parsed = parseScheduleResource(schedule);
    if (typeof parsed === 'string') throw new Error(parsed);
    frequent = parsed;
    inCluster = (fixture.answer('answers/cluster', 'backups') as unknown[]).map((each) => {
      const backup = parsedBackup(each);
      return { ...backup, storageLocation: 'default', deletingSince: undefined };
    });
    const metadata = fixture.objects.filter(({ key }) => key.endsWith('/velero-backup.json'));
    stored = await Promise.all(
      metadata.map(async ({ key, bytes, lastModified }) => {
        const json = parseJson(await bytes());
        const backup = parsedBackup(json.ok ? json.value : undefined);
        const objects = [
          object(key.slice('prod/'.length), { lastModified: lastModified.toISOString() }),
        ];
        return facts({ backup: backup.name, resource: resourceFacts(backup), objects });
      }),
    );
  });

  const parsedBackup = (value: unknown): BackupResource => {
    const backup = parseBackup(value);
    if (typeof backup === 'string') throw new Error(backup);
    return backup;
  };
  const ask = (more: Partial<ScheduleQuestion> = {}, change: Partial<ScheduleFacts> = {}) =>
    judge({
      schedules: [{ ...frequent, ...change }],
      facts: stored,
      clusterBackups: inCluster,
      now,
      ...more,
    });

  test('is paused; both of its backups answer their slots, those made by hand none', () => {
    const judgement = ask();
    expect(codes(judgement)).toEqual(['SCHEDULE_PAUSED warning']);
    expect(judgement.findings[0]).toMatchObject({
      subject: 's3://backups/prod schedule frequent',
      message: 'Schedule "frequent" is paused; its last backup is of 2026-11-21T10:56:15.000Z',
    });
    expect(judgement.findings[0]?.hint).toContain('velero schedule unpause frequent');
    const [schedule] = judgement.judged.schedules;
    expect(schedule?.slots.map(({ backup, verdict }) => [backup, verdict])).toEqual([
      ['frequent-20261121105415', 'met'],
      ['frequent-20261121105615', 'met'],
    ]);
    expect(judgement.judged.outside.map(({ reason }) => reason)).not.toContain('between-slots');
    expect(judgement.usualDurationMs).toEqual(new Map([['frequent', 12_000]]));
    expect(judgement.intervalMs).toEqual(new Map([['frequent', 120_000]]));
    expect(judgement.nextDue).toEqual(new Map());
    expect(judgement.next).toEqual([{ schedule: 'frequent' }]);
    expect(judgement.seen).toEqual([
      {
        name: 'frequent',
        expression: '*/2 * * * *',
        isPaused: true,
        from: now.toISOString(),
        until: now.toISOString(),
      },
    ]);
  });

  test('had it not been paused, has missed what was due since', () => {
    const later = new Date('2026-11-21T11:05:00Z');
    const [missed, ...others] = ask({ now: later }, { isPaused: false }).findings;
    expect(others).toEqual([]);
    expect(missed).toMatchObject({ code: 'SLOT_MISSED', severity: 'error' });
    expect(missed?.evidence).toMatchObject({ count: 3, judgedSlots: 5 });
  });

  test('is told from the store alone, when the cluster is gone and the configuration knows it', () => {
    const judgement = judge({
      from: 'configuration',
      schedules: [configuredSchedule('frequent', '*/2 * * * *')],
      facts: stored,
      now,
    });
    expect(judgement.findings).toEqual([]);
    expect(judgement.judged.schedules[0]?.slots).toMatchObject([
      { backup: 'frequent-20261121105615', verdict: 'met' },
    ]);
  });

  test('deleted from the cluster, is missing as long as its backups are there', () => {
    const [gone, ...others] = ask({ schedules: [] }).findings;
    expect(others).toEqual([]);
    expect(gone).toMatchObject({
      code: 'SCHEDULE_DELETED',
      severity: 'warning',
      subject: 's3://backups/prod schedule frequent',
      message:
        'Schedule "frequent" is not in the cluster; the store has 2 backups of it, the newest is "frequent-20261121105615"',
    });
    expect(gone?.hint).toContain('velero.io/schedule-name=frequent');
    expect(ask({ schedules: [] }).next).toEqual([{ schedule: 'frequent' }]);
    expect(codes(ask({ schedules: [], elsewhere: ['frequent'] }))).toEqual([]);
    expect(codes(ask({ schedules: [], facts: [], clusterBackups: [] }))).toEqual([]);
  });

  test('that nobody names is only observed: never missed, and said so', () => {
    const judgement = ask({ from: 'observation' });
    expect(codes(judgement)).toEqual(['SCHEDULE_UNKNOWN info']);
    expect(judgement.findings[0]?.message).toMatch(/"prod"; its backups show frequent about every/);
    expect(judgement.judged.schedules).toEqual([]);
    expect(judgement.intervalMs).toEqual(new Map([['frequent', 120_000]]));
    expect(observedSchedules(stored)).toEqual([{ name: 'frequent', intervalMs: 120_000 }]);
  });
});

/** Of the schedule `daily`, made on a day of November at 01:00:30, an hour long. */
function made(day: number, more: Partial<BackupFacts['resource']> = {}, rest = {}): BackupFacts {
  const date = `2026-11-${String(day).padStart(2, '0')}`;
  const name = `daily-${date.replaceAll('-', '')}010030`;
  return facts({
    backup: name,
    resource: {
      ...resource({ name }),
      createdAt: `${date}T01:00:30Z`,
      startedAt: `${date}T01:00:31Z`,
      completedAt: `${date}T02:00:31Z`,
      ...more,
    },
    ...rest,
  });
}

const DAYS = [18, 19, 20, 21, 22, 23, 24, 25];
const without = (...missing: number[]) =>
  DAYS.filter((day) => !missing.includes(day)).map((day) => made(day));

function daily(more: Partial<ScheduleFacts> = {}): ScheduleFacts {
  const created = new Date('2026-11-01T00:00:00Z');
  return { ...configuredSchedule('daily', '0 1 * * *', { created }), phase: 'Enabled', ...more };
}

const ask = (list: readonly BackupFacts[], more: Partial<ScheduleQuestion> = {}) =>
  judge({ schedules: [daily()], facts: list, clusterBackups: [], ...more });

describe('a slot', () => {
  test('that was missed is an error until a later one is answered', () => {
    expect(codes(ask(without()))).toEqual([]);
    expect(codes(ask(without(25)))).toEqual(['SLOT_MISSED error']);
    expect(codes(ask(without(23, 25)))).toEqual(['SLOT_MISSED error']);
    const over = ask(without(22, 23));
    expect(codes(over)).toEqual(['SLOT_MISSED warning']);
    expect(over.findings[0]).toMatchObject({
      subject: 's3://backups/prod schedule daily',
      message:
        'Schedule "daily" was due at 2026-11-23T01:00:00Z and no backup was made; so it was 2 times in 7 slots, and later ones were answered',
      evidence: {
        slots: ['2026-11-22T01:00:00Z: no backup', '2026-11-23T01:00:00Z: no backup'],
      },
    });
    expect(over.findings[0]?.hint).toContain('velero backup create --from-schedule daily');
  });

  test('whose backup came late is a warning, then worth knowing', () => {
    const late = (day: number) => {
      const date = `2026-11-${day}`;
      return made(day, { startedAt: `${date}T03:00:00Z`, completedAt: `${date}T04:00:00Z` });
    };
    expect(codes(ask([...without(25), late(25)]))).toEqual(['SLOT_LATE warning']);
    expect(codes(ask([...without(24), late(24)]))).toEqual(['SLOT_LATE info']);
  });

  test('whose backup failed is lost', () => {
    const [lost, ...others] = ask([...without(25), made(25, { phase: 'Failed' })]).findings;
    expect(others).toEqual([]);
    expect(lost).toMatchObject({ code: 'SLOT_LOST', severity: 'error' });
    expect(lost?.hint).toContain('velero backup logs daily-20261125010030');
  });

  test('whose backup stands still is stuck, by the age of what is stored', () => {
    const finalizing = { phase: 'Finalizing', meaning: 'at-work' } as const;
    const key = 'backups/daily-20261125010030/velero-backup.json';
    const old = { objects: [object(key, { lastModified: '2026-11-25T03:00:00Z' })] };
    const young = { objects: [object(key, { lastModified: '2026-11-25T11:50:00Z' })] };
    expect(codes(ask([...without(25), made(25, finalizing, old)]))).toEqual(['SLOT_STUCK error']);
    expect(codes(ask([...without(25), made(25, finalizing, young)]))).toEqual([]);
  });

  test('whose backup is in the cluster alone, and called Completed, is lost', () => {
    const [clusterBackup] = asInCluster([made(25)], 'Completed');
    const judgement = ask(without(25), { clusterBackups: clusterBackup ? [clusterBackup] : [] });
    expect(codes(judgement)).toEqual(['SLOT_LOST error']);
    expect(judgement.findings[0]?.message).toMatch(
      /calls it Completed, and it is not in the store/,
    );
    // The store is listed before the cluster: what has just ended may be in the store by now.
    const soon = new Date('2026-11-25T02:20:00Z');
    expect(
      codes(ask(without(25), { clusterBackups: clusterBackup ? [clusterBackup] : [], now: soon })),
    ).toEqual([]);
  });

  test('is judged by the store where the cluster calls it Completed, and by the cluster where it gave up', () => {
    const key = 'backups/daily-20261125010030/velero-backup.json';
    const rest = { objects: [object(key, { lastModified: '2026-11-25T02:00:00Z' })] };
    const at = made(25, { phase: 'Finalizing', meaning: 'at-work' }, rest);
    const list = [...without(25), at];
    const told = (phase: string) => codes(ask(list, { clusterBackups: asInCluster([at], phase) }));
    expect(told('Completed')).toEqual(['SLOT_STUCK error']);
    expect(told('Failed')).toEqual(['SLOT_LOST error']);
  });

  test('of which the store has debris alone is lost, unless it is being uploaded', () => {
    const { resource: _, ...folder } = made(25);
    const key = 'backups/daily-20261125010030/daily-20261125010030-logs.gz';
    const debris = (lastModified: string): BackupFacts => ({
      ...folder,
      completeness: 'debris',
      incompleteReason: 'velero-backup.json is not there',
      objects: [object(key, { lastModified })],
    });
    const lost = ask([...without(25), debris('2026-11-25T02:00:00Z')]);
    expect(codes(lost)).toEqual(['SLOT_LOST error']);
    expect(lost.findings[0]?.message).toMatch(/is no backup: velero-backup.json is not there/);
    const now = new Date('2026-11-25T02:05:00Z');
    expect(codes(ask([...without(25), debris('2026-11-25T02:00:00Z')], { now }))).toEqual([]);
  });

  test('whose backup was made and has vanished since was not missed', () => {
    const gone: GoneBackup = {
      backup: 'daily-20261123010030',
      uid: 'u',
      schedule: 'daily',
      startedAt: '2026-11-23T01:00:31Z',
      lastSeenAt: '2026-11-23T12:00:00Z',
      missedAt: '2026-11-24T12:00:00Z',
      wasComplete: true,
    };
    expect(codes(ask(without(23), { gone: [gone] }))).toEqual([]);
    expect(codes(ask(without(23), { gone: [{ ...gone, wasComplete: false }] }))).toEqual([
      'SLOT_MISSED warning',
    ]);
  });

  test('of a schedule under which manual backups stand is not answered by them', () => {
    const { schedule: _, ...manual } = resource({ name: 'by-hand' });
    const list = [...without(25), facts({ backup: 'by-hand', resource: manual })];
    expect(codes(ask(list))).toEqual(['SLOT_MISSED error']);
  });
});

function asInCluster(list: readonly BackupFacts[], phase: string): ClusterBackup[] {
  return list.map(({ backup, resource: stored }) => {
    const parsed = parseBackup({
      kind: 'Backup',
      apiVersion: 'velero.io/v1',
      metadata: {
        name: backup,
        uid: stored?.uid,
        creationTimestamp: stored?.createdAt,
        labels: { 'velero.io/schedule-name': stored?.schedule },
      },
      status: {
        phase,
        startTimestamp: stored?.startedAt,
        completionTimestamp: stored?.completedAt,
      },
    });
    if (typeof parsed === 'string') throw new Error(parsed);
    return { ...parsed, storageLocation: 'default', deletingSince: undefined };
  });
}

describe('a schedule', () => {
  test.each([
    ['61 * * * *', {}, 'SCHEDULE_REFUSED error', /"61 \* \* \* \*"/],
    [
      '0 1 * * *',
      { phase: 'FailedValidation', validationErrors: ['no such location'] },
      'SCHEDULE_REFUSED error',
      /refuses it: no such location/,
    ],
    ['0 0 30 2 *', {}, 'SCHEDULE_NEVER_DUE error', /no time ever matches/],
  ])('"%s" (%o) is %s', (expression, more, code, message) => {
    const judgement = ask([], { schedules: [daily({ expression, ...more })] });
    expect(codes(judgement)).toContain(code);
    expect(judgement.findings[0]?.message).toMatch(message);
  });

  test('of the configuration is judged from its first known backup on', () => {
    const configured = {
      from: 'configuration',
      schedules: [configuredSchedule('daily', '0 1 * * *')],
    } as const;
    expect(codes(ask([made(23), made(24), made(25)], configured))).toEqual([]);
    expect(codes(ask([made(23), made(25)], configured))).toEqual(['SLOT_MISSED warning']);
    // Nothing at all is what an emptied bucket looks like.
    expect(codes(ask([], configured))).toEqual(['SLOT_MISSED error']);
  });

  test('has a usual duration, an interval over the weekend, and a next backup', () => {
    const weekdays = daily({ expression: '0 1 * * 1-5' });
    const judgement = ask(without(22), { schedules: [weekdays] });
    expect(judgement.usualDurationMs.get('daily')).toBe(HOUR_MS);
    expect(judgement.intervalMs.get('daily')).toBe(3 * DAY_MS);
    expect(judgement.nextDue.get('daily')).toEqual(new Date('2026-11-26T01:00:00Z'));
    expect(judgement.next).toEqual([
      { schedule: 'daily', readyAt: new Date('2026-11-26T02:00:00Z') },
    ]);
    const monthly = ask([], { schedules: [daily({ expression: '0 1 1 * *' })] });
    expect(monthly.intervalMs.get('daily')).toBe(31 * DAY_MS);
  });

  test('whose backup is being made has that one as its next', () => {
    const clusterBackups = asInCluster([made(25)], 'InProgress');
    const now = new Date('2026-11-25T01:30:00Z');
    const { next, nextDue } = ask(without(25), { clusterBackups, now });
    expect(next).toEqual([{ schedule: 'daily', readyAt: new Date('2026-11-25T02:00:00Z') }]);
    expect(nextDue.get('daily')).toEqual(new Date('2026-11-26T01:00:00Z'));
  });

  test('with a name longer than a label is known by the label', () => {
    const name = 'd'.repeat(80);
    const { next } = judge({ schedules: [{ ...daily(), name }] });
    expect(next[0]?.schedule).toMatch(/^d{57}[0-9a-f]{6}$/);
  });
});

test('labels that no name can be stay out of commands and are escaped', () => {
  const odd = made(25, { schedule: '$(reboot)\u001b[31m' });
  const [gone] = judge({ facts: [odd] }).findings;
  expect(gone?.code).toBe('SCHEDULE_DELETED');
  expect(gone?.hint).toContain('schedule-name=<schedule>');
  expect(JSON.stringify([gone?.subject, gone?.message])).not.toContain('\u001b');
});
