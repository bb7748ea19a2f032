import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dialectOf } from '../../../shared/velero/schedule/dialect.ts';
import { parseScheduleResource } from '../../../shared/velero/schedule/schedule-resource.ts';
import { scheduleLabelValue, takenAt } from '../../../shared/velero/schedule/scheduled-name.ts';
import type { FoundBackup } from '../../../shared/velero/schedule/slot-types.ts';
import { judgeSlots } from '../../../shared/velero/schedule/slots.ts';
import { UTC } from '../../../shared/velero/schedule/zone.ts';
import { loadFixture } from '../../support/fixtures.ts';

const fixture = await loadFixture('velero/v1.18.2');

interface Backup {
  metadata: { name: string; creationTimestamp: string; labels?: Record<string, string> };
  status?: { phase?: string; startTimestamp?: string; completionTimestamp?: string };
}

describe('a Schedule resource', () => {
  const [real] = fixture.answer('answers/cluster', 'schedules') as object[];

  test('of a real server is read', () => {
    expect(parseScheduleResource(real)).toMatchObject({
      name: 'frequent',
      expression: '*/2 * * * *',
      isPaused: true,
      willSkip: false,
      ttlMs: 720 * 3_600_000,
      created: new Date('2026-11-21T10:52:17Z'),
      lastBackup: new Date('2026-11-21T10:56:15Z'),
      phase: 'Enabled',
      storageLocation: 'default',
    });
  });

  test('and its backups: what the real server made answers its slots, all else is outside', () => {
    const facts = parseScheduleResource(real);
    if (typeof facts === 'string') throw new Error(facts);
    const backups = fixture.answer('answers/cluster', 'backups') as Backup[];
    const time = (text?: string) => (text === undefined ? undefined : new Date(text));
    const found = backups.map(({ metadata, status }): FoundBackup => {
      const started = time(status?.startTimestamp);
      const completed = time(status?.completionTimestamp);
      return {
        name: metadata.name,
        labels: metadata.labels ?? {},
        created: new Date(metadata.creationTimestamp),
        ...(started && { started }),
        ...(completed && { completed }),
        phase: status?.phase ?? '',
      };
    });
    const judged = judgeSlots({
      schedules: [facts],
      serverVersion: 'v1.18.2',
      serverZone: UTC,
      found,
      clusterSeen: true,
      windowStart: new Date('2026-11-01T00:00:00Z'),
      now: new Date('2026-11-21T12:00:00Z'),
    });
    const answers = judged.schedules[0]?.slots.filter(({ verdict }) => verdict === 'met') ?? [];
    expect(answers.length).toBe(2);
    for (const { takenAfterMs } of answers) expect(takenAfterMs).toBeLessThan(60_000);
    expect(judged.outside.filter(({ reason }) => reason === 'manual').length).toBe(
      backups.filter(({ metadata }) => !metadata.name.startsWith('frequent-')).length,
    );
    expect(judged.schedules[0]?.slots.at(-1)?.due.getTime()).toBeLessThan(
      Date.parse('2026-11-21T10:58:00Z'),
    );
  });

  test('tells since when it is what it is, whatever the server wrote since', () => {
    const managedFields = [
      { time: '2026-03-01T00:00:00Z', fieldsV1: { 'f:spec': { 'f:schedule': {} } } },
      { time: '2026-03-02T00:00:00Z', fieldsV1: { 'f:spec': { 'f:paused': {} } } },
      { time: '2026-03-03T00:00:00Z', fieldsV1: { 'f:spec': { 'f:skipImmediately': {} } } },
      { time: 'soon', fieldsV1: { 'f:spec': { 'f:schedule': {} } } },
    ];
    const resource = { kind: 'Schedule', metadata: { name: 'a', managedFields } };
    expect(parseScheduleResource(resource)).toMatchObject({
      changed: new Date('2026-03-02T00:00:00Z'),
    });
  });

  test.each([[null], [[]], [{ kind: 'Backup', metadata: { name: 'a' } }], [{ kind: 'Schedule' }]])(
    'is not %j',
    (value) => expect(parseScheduleResource(value)).toEqual(expect.any(String)),
  );

  test('never throws, and holds no text without bound', () => {
    const long = 'x'.repeat(1_000_000);
    const status = { phase: long, validationErrors: Array(1_000).fill(long), lastBackup: long };
    const resource = { kind: 'Schedule', metadata: { name: 'a' }, spec: {}, status };
    expect(JSON.stringify(parseScheduleResource(resource)).length).toBeLessThan(20_000);
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (spec, status, more) => {
        const metadata = { name: 'a', creationTimestamp: more, managedFields: more };
        const read = parseScheduleResource({ kind: 'Schedule', metadata, spec, status });
        expect(read).toMatchObject({ name: 'a' });
      }),
    );
  });
});

describe('names', () => {
  test('of long schedules are cut in labels, with a piece of their hash', () => {
    expect(scheduleLabelValue('daily')).toBe('daily');
    const cut = scheduleLabelValue('a'.repeat(64));
    // printf 'a%.0s' {1..64} | sha256sum
    expect(cut).toBe(`${'a'.repeat(57)}ffe054`);
  });

  test.each([
    ['daily-20260310010040', '2026-03-10T01:00:40.000Z'],
    ['daily-20260231010040', undefined],
    ['daily-2026031001004', undefined],
    ['daily-copy', undefined],
    ['weekly-20260310010040', undefined],
    ['daily-20260310010040-20260310010040', undefined],
  ])('%s was taken at %s', (name, taken) => {
    expect(takenAt(name, 'daily', UTC, undefined)?.toISOString()).toBe(taken);
  });
});

test.each([
  ['v1.14.1', 'robfig-1'],
  ['v1.15.0', 'robfig-3'],
  ['v1.18.2', 'robfig-3'],
  ['1.18.3', 'go-cron'],
  ['v1.19.0-rc.1', 'go-cron'],
  ['v2.0.0', 'go-cron'],
  ['main', 'robfig-3'],
  [undefined, 'robfig-3'],
])('Velero %s speaks %s', (version, dialect) => expect(dialectOf(version)).toBe(dialect));
