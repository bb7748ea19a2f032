import { describe, expect, test } from 'vitest';
import { judgeCompleteness, parseBackupMetadata } from '../../shared/velero/completeness.ts';
import { missingArtefacts, parseBackupKey, type WrittenSince } from '../../shared/velero/layout.ts';

const now = new Date('2026-01-02T00:00:00Z');
const at = (seconds: number): Date => new Date(now.getTime() - 3_600_000 + seconds * 1000);
const FILES = [
  'velero-backup.json',
  'b.tar.gz',
  'b-podvolumebackups.json.gz',
  'b-volumesnapshots.json.gz',
  'b-resource-list.json.gz',
];
const files = (times: Record<string, number> = {}) =>
  FILES.map((file) => ({ file, writtenAt: at(times[file] ?? 0) }));
const metadata = (phase: string, hasOperations = false, writtenSince: WrittenSince = '1.0') => ({
  uid: 'u',
  phase,
  hasOperations,
  writtenSince,
});

describe('judgeCompleteness()', () => {
  test.each(['Completed', 'PartiallyFailed', 'Failed'])('takes phase %s as finished', (phase) => {
    expect(judgeCompleteness('b', metadata(phase), files(), now).kind).toBe('complete');
  });

  test.each([
    '',
    'New',
    'InProgress',
    'WaitingForPluginOperations',
    'WaitingForPluginOperationsPartiallyFailed',
    'Finalizing',
    'FinalizingPartiallyFailed',
    'Deleting',
  ])('waits in phase "%s"', (phase) => {
    expect(judgeCompleteness('b', metadata(phase), files(), now).kind).toBe('unfinished');
  });

  test('waits for the tarball that the finalizer rewrites', () => {
    const early = files({ 'velero-backup.json': 5, 'b.tar.gz': 4 });
    expect(judgeCompleteness('b', metadata('Completed', true), early, now).kind).toBe('unfinished');
    expect(judgeCompleteness('b', metadata('Completed', false), early, now).kind).toBe('complete');
    const late = files({ 'velero-backup.json': 5, 'b.tar.gz': 6 });
    expect(judgeCompleteness('b', metadata('Completed', true), late, now).kind).toBe('complete');
  });

  test('waits a minute when both were written in one second', () => {
    const same = files();
    const soon = new Date(at(0).getTime() + 59_000);
    expect(judgeCompleteness('b', metadata('Completed', true), same, soon).kind).toBe('unfinished');
    const later = new Date(at(0).getTime() + 60_000);
    expect(judgeCompleteness('b', metadata('Completed', true), same, later).kind).toBe('complete');
  });

  test('calls a finished backup that lacks an artefact debris', () => {
    const lacking = files().filter(({ file }) => file !== 'b-resource-list.json.gz');
    const verdict = judgeCompleteness('b', metadata('Completed'), lacking, now);
    expect(verdict).toEqual({ kind: 'debris', reason: 'it lacks b-resource-list.json.gz' });
    expect(judgeCompleteness('b', metadata('Failed'), lacking, now).kind).toBe('complete');
  });
});

describe('parseBackupMetadata()', () => {
  test('reads uid, phase and whether there were operations', () => {
    const json = JSON.stringify({
      kind: 'Backup',
      metadata: { uid: 'u-1' },
      status: { phase: 'Completed', backupItemOperationsAttempted: 2 },
    });
    expect(parseBackupMetadata(json)).toEqual({
      uid: 'u-1',
      phase: 'Completed',
      hasOperations: true,
      writtenSince: '1.0',
    });
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"kind":"Restore"}',
    '"Backup"',
    '{"__proto__":{"kind":"Backup"}}',
  ])('says what is wrong with %s', (json) => {
    expect(typeof parseBackupMetadata(json)).toBe('string');
  });

  test('has no phase where the status is missing or odd', () => {
    for (const status of [undefined, null, 7, { phase: 3 }, {}]) {
      expect(parseBackupMetadata(JSON.stringify({ kind: 'Backup', status }))).toMatchObject({
        phase: '',
        hasOperations: false,
      });
    }
  });
});

describe('layout', () => {
  test('takes keys apart', () => {
    expect(parseBackupKey('backups/daily/velero-backup.json')).toEqual({
      backup: 'daily',
      file: 'velero-backup.json',
    });
    for (const key of ['backups/', 'backups/x', 'backups/x/', 'backups//y', 'restores/r/y', '']) {
      expect(parseBackupKey(key)).toBeUndefined();
    }
  });

  test('names what is missing', () => {
    expect(missingArtefacts('b', new Set(FILES), '1.0')).toEqual([]);
    expect(missingArtefacts('b', new Set(['velero-backup.json']), '1.0')).toHaveLength(4);
  });
});
