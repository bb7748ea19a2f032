import { describe, expect, test } from 'vitest';
import type { BackupFacts } from '../../shared/velero/checks/backup-facts.ts';
import { compareReplica } from '../../shared/verify/replicas.ts';
import { facts, object, resource } from './facts.ts';
import { realFacts } from './real-facts.ts';

const real = [...(await realFacts()).values()];
const sourceUrl = 's3://velero/prod';
const replicaUrl = 'azblob://backups/velero';
const HOUR_MS = 3_600_000;
/** The last object of the real root was written some minutes before eleven. */
const SOON = new Date('2026-11-21T11:10:00Z');
const NEXT_DAY = new Date('2026-11-22T12:00:00Z');

function compare(source: readonly BackupFacts[], replica: readonly BackupFacts[], now = NEXT_DAY) {
  return compareReplica({ source, replica, sourceUrl, replicaUrl, now });
}

/** A copy in another store: other ETags and times, the same bytes. */
function copied(all: readonly BackupFacts[] = real): BackupFacts[] {
  return all.map((each) => ({
    ...each,
    objects: each.objects.map((own) => ({
      ...own,
      etag: `"0x${own.etag.length}"`,
      lastModified: '2026-11-21T11:00:00Z',
    })),
  }));
}

/** A copy in which the objects of one backup are changed. */
function twin(backup: string, change: (objects: BackupFacts['objects']) => BackupFacts['objects']) {
  return copied().map((each) =>
    each.backup === backup ? { ...each, objects: change(each.objects) } : each,
  );
}

const other = 'cd'.repeat(32);
const spoil = (suffix: string) => (objects: BackupFacts['objects']) =>
  objects.map((own) => (own.key.endsWith(suffix) ? { ...own, sha256: other } : own));

test('a replica with the same bytes raises nothing, whatever its ETags and times', () => {
  expect(compare(real, copied())).toEqual([]);
});

describe('REPLICA_DIFFERS', () => {
  test('names the objects that have other bytes', () => {
    const findings = compare(real, twin('media-moved', spoil('.tar.gz')));
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'REPLICA_DIFFERS',
        severity: 'critical',
        subject: `${replicaUrl}/backups/media-moved`,
        evidence: {
          source: sourceUrl,
          count: 1,
          keys: ['backups/media-moved/media-moved.tar.gz'],
        },
      }),
    ]);
  });

  test('is not said of objects that were not read, unless their sizes differ', () => {
    const unread = (objects: BackupFacts['objects']) =>
      objects.map(({ sha256: _, ...own }) => ({ ...own }));
    expect(compare(real, twin('media-moved', unread))).toEqual([]);
    const longer = (objects: BackupFacts['objects']) =>
      unread(objects).map((own) => ({ ...own, sizeBytes: own.sizeBytes + 1 }));
    expect(compare(real, twin('media-moved', longer))).toMatchObject([{ code: 'REPLICA_DIFFERS' }]);
  });

  test('is not said of what was just written anew at the source', () => {
    const findings = compare(real, twin('media-moved', spoil('-logs.gz')), SOON);
    expect(findings).toMatchObject([
      { code: 'REPLICA_BEHIND', severity: 'info', evidence: { backups: ['media-moved'] } },
    ]);
  });
});

describe('REPLICA_BEHIND', () => {
  const lacking = copied().filter(({ backup }) => !backup.startsWith('frequent-'));

  test('is worth knowing while the backups are young, and an error later', () => {
    const young = compare(real, lacking, SOON);
    expect(young).toMatchObject([
      { severity: 'info', subject: replicaUrl, evidence: { late: 0, young: 2 } },
    ]);
    const late = compare(real, lacking);
    expect(late).toMatchObject([
      {
        code: 'REPLICA_BEHIND',
        severity: 'error',
        subject: replicaUrl,
        evidence: {
          backups: ['frequent-20261121105415', 'frequent-20261121105615'],
          late: 2,
          young: 0,
        },
      },
    ]);
  });

  test('counts what is there in part, or under the name of another backup', () => {
    const unfinished = copied().map((each) =>
      each.backup === 'media-csi' ? { ...each, completeness: 'debris' as const } : each,
    );
    const expected = { code: 'REPLICA_BEHIND', evidence: { backups: ['media-csi'] } };
    expect(compare(real, unfinished)).toMatchObject([expected]);
    const fewer = twin('media-csi', (objects) => objects.slice(1));
    expect(compare(real, fewer)).toMatchObject([expected]);
    const reused = copied().map((each) =>
      each.backup === 'media-csi' ? { ...each, resource: resource({ uid: 'another' }) } : each,
    );
    expect(compare(real, reused)).toMatchObject([expected]);
  });

  test('counts no backup that is not complete at the source', () => {
    const complete = copied().filter(({ completeness }) => completeness === 'complete');
    expect(complete.length).toBeLessThan(real.length);
    expect(compare(real, complete)).toEqual([]);
  });

  test('begins to count when the source had the last of its objects', () => {
    const own = facts({
      objects: [object('backups/b/b.tar.gz', { lastModified: '2026-11-24T03:00:00Z' })],
    });
    const at = (hours: number) =>
      compare([own], [], new Date(Date.parse('2026-11-24T03:00:00Z') + hours * HOUR_MS));
    expect(at(23.9)).toMatchObject([{ severity: 'info' }]);
    expect(at(24)).toMatchObject([{ severity: 'error' }]);
  });
});

describe('REPLICA_ALONE', () => {
  test('names what the source no longer has', () => {
    const source = real.filter(({ backup }) => backup !== 'archive-native');
    expect(compare(source, copied())).toMatchObject([
      {
        code: 'REPLICA_ALONE',
        severity: 'info',
        subject: replicaUrl,
        evidence: { count: 1, backups: ['archive-native'] },
      },
    ]);
    expect(compare([], copied())).toMatchObject([{ code: 'REPLICA_ALONE' }]);
  });

  test('is not said of a backup that is newer than all that the source was seen to hold', () => {
    const complete = real.filter(({ completeness }) => completeness === 'complete');
    const [newest, ...older] = [...complete].sort((a, b) => created(b) - created(a));
    expect(compare(older, copied())).toEqual([]);
    const [, ...oldest] = older;
    expect(compare([newest ?? facts(), ...oldest], copied())).toMatchObject([
      { code: 'REPLICA_ALONE' },
    ]);
  });

  const created = ({ resource: own }: BackupFacts) => Date.parse(own?.createdAt ?? '') || 0;
});
