import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GoneBackup } from '../../shared/ledger/location-look.ts';
import type { BackupFacts } from '../../shared/velero/checks/backup-facts.ts';
import { vanished } from '../../shared/verify/vanished.ts';
import { facts, resource } from './facts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const URL = 's3://backups/prod';
const NOW = new Date('2026-11-25T12:00:00Z');
const LOOKED_AT = '2026-11-25T11:00:00.000Z';
const at = (ms: number): string => new Date(NOW.getTime() + ms).toISOString();
const later = (ms: number): Date => new Date(NOW.getTime() + ms);

function backup(name: string, more: Partial<BackupFacts> = {}, expiresInMs = 20 * DAY_MS) {
  const expiresAt = at(expiresInMs);
  return facts({ backup: name, resource: resource({ name, expiresAt }), ...more });
}

function look(backups: readonly BackupFacts[], gone: readonly GoneBackup[] = []) {
  return { backups, gone, lookedAt: LOOKED_AT };
}

function run(
  previous: ReturnType<typeof look> | undefined,
  present: readonly string[],
  now = NOW,
  uids: ReadonlyMap<string, string> = new Map(present.map((name) => [name, `uid-of-${name}`])),
) {
  return vanished(previous, new Set(present), { url: URL, now, uids });
}

const codes = (result: ReturnType<typeof run>) =>
  result.findings.map(({ code, severity, subject }) => `${code} ${severity} ${subject}`);
const VANISHED = `BACKUP_VANISHED error ${URL}/backups/a`;

describe('a backup', () => {
  test('that is still there, or was never known, is nothing', () => {
    expect(run(look([backup('a')]), ['a', 'b'])).toEqual({ gone: [], findings: [] });
    expect(run(undefined, [])).toEqual({ gone: [], findings: [] });
  });

  test('that disappeared before its end is an error, and remembered', () => {
    const result = run(look([backup('a'), backup('b')]), ['b']);
    expect(codes(result)).toEqual([VANISHED]);
    expect(result.findings[0]?.message).toBe(
      `Backup "a" is gone: it was last seen at ${LOOKED_AT}, and was to stay until ${at(20 * DAY_MS)}`,
    );
    expect(result.findings[0]?.hint).toMatch(/"velero backup delete a" by hand cannot be told/);
    expect(result.gone).toEqual([
      {
        backup: 'a',
        uid: 'uid-of-a',
        schedule: 'daily',
        startedAt: '2026-11-24T02:00:05Z',
        expiresAt: at(20 * DAY_MS),
        lastSeenAt: LOOKED_AT,
        missedAt: NOW.toISOString(),
        wasComplete: true,
      },
    ]);
  });

  test('that had expired, or was about to, was collected: remembered, and no finding ever', () => {
    for (const expiresInMs of [-DAY_MS, 0, 2 * HOUR_MS]) {
      const first = run(look([backup('a', {}, expiresInMs), backup('b')]), ['b']);
      expect(codes(first)).toEqual([]);
      expect(first.gone).toHaveLength(1);
      expect(codes(run(look([backup('b')], first.gone), ['b'], later(DAY_MS)))).toEqual([]);
    }
    const early = run(look([backup('a', {}, 2 * HOUR_MS + 1), backup('b')]), ['b']);
    expect(codes(early)).toEqual([VANISHED]);
  });

  test('stays a finding for a week, is remembered until 90 days after its end, then forgotten', () => {
    const { gone } = run(look([backup('a'), backup('b')]), ['b']);
    const afterDays = (days: number) => run(look([backup('b')], gone), ['b'], later(days * DAY_MS));
    expect(codes(afterDays(7))).toEqual([VANISHED]);
    expect(codes(afterDays(7.1))).toEqual([]);
    expect(afterDays(109).gone).toEqual(gone);
    expect(afterDays(110).gone).toEqual([]);
  });

  test('that comes back is forgotten', () => {
    const { gone } = run(look([backup('a'), backup('b')]), ['b']);
    expect(run(look([backup('b')], gone), ['a', 'b'])).toEqual({ gone: [], findings: [] });
  });

  test('that was never complete is a warning; a folder without a resource is none', () => {
    const unfinished = backup('a', { completeness: 'unfinished' });
    const [lost] = run(look([unfinished, backup('b')]), ['b']).findings;
    expect(lost).toMatchObject({ code: 'BACKUP_VANISHED', severity: 'warning' });
    const { resource: _, ...debris } = backup('a', { completeness: 'debris' });
    expect(run(look([debris, backup('b')]), ['b'])).toEqual({ gone: [], findings: [] });
  });

  test('whose resource can no longer be read is not gone', () => {
    expect(run(look([backup('a')]), ['a'], NOW, new Map())).toEqual({ gone: [], findings: [] });
  });

  test('of the same name and another uid has replaced it', () => {
    const result = run(look([backup('a')]), ['a'], NOW, new Map([['a', 'another']]));
    expect(codes(result)).toEqual([`BACKUP_REPLACED error ${URL}/backups/a`]);
    expect(result.findings[0]?.evidence).toMatchObject({ uid: 'uid-of-a', uidNow: 'another' });
    expect(result.gone).toHaveLength(1);
  });

  test('whose expiration is centuries away is not remembered for as long', () => {
    const { gone } = run(look([backup('a', {}, 900 * 365 * DAY_MS), backup('b')]), ['b']);
    expect(run(look([backup('b')], gone), ['b'], later(91 * DAY_MS)).gone).toEqual([]);
  });

  test('of an odd name stays out of commands', () => {
    const [lost] = run(look([backup('a"; rm -rf ~'), backup('b')]), ['b']).findings;
    expect(lost?.hint).toContain('velero backup delete <backup>');
  });
});

describe('an emptied bucket', () => {
  const three = [backup('a'), backup('b'), backup('c', { completeness: 'unfinished' })];

  test('is critical for every complete backup, in the next runs as well', () => {
    const first = run(look(three), []);
    const severities = ({ findings }: ReturnType<typeof run>) =>
      findings.map(({ severity }) => severity);
    expect(severities(first)).toEqual(['critical', 'critical', 'warning']);
    expect(first.findings[0]?.message).toMatch(/; no complete backup of that time is left$/);
    // A backup that was made since does not bring the others back.
    const startedAt = at(HOUR_MS);
    const fresh = backup('d', { resource: resource({ name: 'd', startedAt }) });
    const second = run(look([fresh], first.gone), ['d'], later(2 * HOUR_MS));
    expect(severities(second)).toEqual(['critical', 'critical', 'warning']);
  });

  test('is one only when none of the complete ones is left', () => {
    expect(codes(run(look(three), ['b']))).toContain(VANISHED);
    expect(codes(run(look(three), ['c']))).toContain(`BACKUP_VANISHED critical ${URL}/backups/a`);
  });
});

test('whatever comes and goes: no present backup is gone, none is listed twice, none is lost early', () => {
  const names = ['a', 'b', 'c', 'd'];
  const steps = fc.array(fc.subarray(names), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(steps, (lists) => {
      let previous = look([]);
      const known = new Set<string>();
      for (const [index, present] of lists.entries()) {
        const result = run(previous, present, later(index * HOUR_MS));
        const gone = result.gone.map((each) => each.backup);
        for (const each of present) known.add(each);
        expect(gone).toEqual([...known].filter((name) => !present.includes(name)).sort());
        expect(result.findings).toHaveLength(gone.length);
        previous = look(
          present.map((name) => backup(name)),
          result.gone,
        );
      }
    }),
  );
});
