import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../shared/model/finding.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { disagreements } from '../../../shared/velero/cluster/disagreements.ts';
import type { VeleroCluster } from '../../../shared/velero/cluster/velero-cluster.ts';
import { clusterWith, denied, theLocation, told } from './twins.ts';
import { LATER, type Resource, storedFacts, URL } from './world.ts';

const stored = await storedFacts();
const BACKUP = `${URL}/backups/platform-manual`;

function found(
  cluster: VeleroCluster,
  facts: readonly BackupFacts[] = stored,
  now = LATER,
): readonly Finding[] {
  return disagreements({ cluster, storageLocation: theLocation(cluster), facts, url: URL, now });
}

/** Without what the fixture itself has: the backup whose upload failed. */
function news(...args: Parameters<typeof found>): readonly Finding[] {
  return found(...args).filter(({ subject }) => subject !== `${URL}/backups/lost-upload`);
}

const withBackup = (name: string, change: (resource: Resource) => void) =>
  clusterWith('backups', name, change);
const withPhase = (name: string, phase: string, more: object = {}) =>
  withBackup(name, (backup) => {
    backup.status = { ...backup.status, phase, ...more };
  });

test('a healthy cluster and its store agree, but for the upload that failed', () => {
  expect(found(clusterWith())).toEqual([
    expect.objectContaining({
      code: 'BACKUP_FAILED',
      subject: `${URL}/backups/lost-upload`,
      message: expect.stringContaining('error putting object'),
    }),
  ]);
});

test('nothing is claimed of what the cluster was not allowed to say', () => {
  expect(found({ ...clusterWith(), backups: denied })).toEqual([]);
});

describe('phases that disagree', () => {
  test('a cluster that calls good what the store does not is critical', () => {
    const ended = { completionTimestamp: '2026-11-21T10:56:40Z' };
    for (const phase of ['Completed', 'PartiallyFailed']) {
      expect(news(withPhase('media-moving', phase, ended))).toMatchObject([
        {
          code: 'BACKUP_PHASE_DISAGREES',
          severity: 'critical',
          subject: `${URL}/backups/media-moving`,
          evidence: { inCluster: phase, inStore: 'WaitingForPluginOperations' },
        },
      ]);
    }
  });

  test('two ends that differ, and an end that the cluster never saw', () => {
    expect(news(withPhase('platform-manual', 'PartiallyFailed'))).toMatchObject([
      { code: 'BACKUP_PHASE_DISAGREES', severity: 'error', subject: BACKUP },
    ]);
    expect(news(withPhase('platform-manual', 'Finalizing'))).toMatchObject([
      { code: 'BACKUP_PHASE_DISAGREES', severity: 'warning', subject: BACKUP },
    ]);
  });

  test('not while the last upload may be under way, nor for what the collector will remove', () => {
    const ended = { completionTimestamp: '2026-11-21T11:28:00Z' };
    expect(news(withPhase('media-moving', 'Completed', ended))).toEqual([]);
    const expired = {
      completionTimestamp: '2026-11-21T10:57:00Z',
      expiration: '2026-11-21T11:00:00Z',
    };
    expect(news(withPhase('media-moving', 'PartiallyFailed', expired))).toEqual([]);
    const soon = new Date('2026-11-21T10:53:00Z');
    expect(news(withPhase('platform-manual', 'Finalizing'), stored, soon)).toEqual([]);
  });
});

describe('backups of one side alone', () => {
  const without = (name: string) => stored.filter(({ backup }) => backup !== name);
  const forgetful = (name: string) => {
    const cluster = clusterWith();
    if (cluster.backups.outcome === 'unchecked') throw new Error('the twin lost its backups');
    return {
      ...cluster,
      backups: told(cluster.backups.value.filter((each) => each.name !== name)),
    };
  };
  const syncedAt = (time: string, cluster: VeleroCluster) => ({
    ...cluster,
    lookedAt: new Date(time),
    storageLocations: told([{ ...theLocation(cluster), lastSyncedAt: new Date(time) }]),
  });

  test('a finished one that the store does not hold', () => {
    expect(news(clusterWith(), without('platform-manual'))).toMatchObject([
      { code: 'BACKUP_NOT_IN_STORE', severity: 'error', subject: BACKUP },
    ]);
    const soon = new Date('2026-11-21T10:53:00Z');
    expect(news(clusterWith(), without('platform-manual'), soon)).toEqual([]);
  });

  test('one whose folder has lost its metadata is not in the store either', () => {
    const bare = stored.map((facts): BackupFacts => {
      const { resource: _, ...rest } = facts;
      return facts.backup === 'platform-manual' ? { ...rest, completeness: 'debris' } : facts;
    });
    expect(news(clusterWith(), bare)).toMatchObject([{ code: 'BACKUP_NOT_IN_STORE' }]);
  });

  test('a stored one that the cluster does not know although it has synchronised', () => {
    const cluster = syncedAt('2026-11-21T11:29:00Z', forgetful('platform-manual'));
    expect(news(cluster)).toMatchObject([
      { code: 'BACKUP_NOT_IN_CLUSTER', severity: 'info', subject: BACKUP },
    ]);
    const tomorrow = new Date('2026-11-22T11:00:00Z');
    expect(news(cluster, stored, tomorrow)).toContainEqual(
      expect.objectContaining({ code: 'BACKUP_NOT_IN_CLUSTER', severity: 'warning' }),
    );
  });

  test('not before the cluster has synchronised, nor while it cannot', () => {
    const before = syncedAt('2026-11-21T10:53:00Z', forgetful('platform-manual'));
    expect(news(before)).toEqual([]);
    const cluster = syncedAt('2026-11-21T11:29:00Z', forgetful('platform-manual'));
    const storageLocations = told([{ ...theLocation(cluster), phase: 'Unavailable' }]);
    expect(news({ ...cluster, storageLocations })).toEqual([]);
  });

  test('not for a stored one whose name one of another location has: Velero passes over it', () => {
    const cluster = withBackup('platform-manual', (backup) => {
      backup.spec = { ...backup.spec, storageLocation: 'replica' };
    });
    const synced = syncedAt('2026-11-21T11:29:00Z', cluster);
    const own = theLocation(synced);
    const storageLocations = told([own, { ...own, name: 'replica', isDefault: false }]);
    expect(news({ ...synced, storageLocations }, without('platform-manual'))).toEqual([]);
    expect(news({ ...synced, storageLocations })).toEqual([]);
  });
});

describe('what the cluster alone knows', () => {
  const refusedOf = (schedule: string | undefined, created: string) =>
    withBackup('platform-manual', (backup) => {
      const labels = schedule === undefined ? {} : { 'velero.io/schedule-name': schedule };
      backup.metadata = { ...backup.metadata, labels, creationTimestamp: created };
      backup.status = {
        phase: 'FailedValidation',
        validationErrors: ['an existing backup storage location was not specified'],
      };
    });
  const here = (findings: readonly Finding[]) =>
    findings.filter(({ subject }) => subject === BACKUP);

  test('a refused backup, with the reason; once a later one has ended it is history', () => {
    expect(here(found(refusedOf(undefined, '2026-11-21T10:52:17Z')))).toMatchObject([
      {
        code: 'BACKUP_REFUSED',
        severity: 'error',
        message: expect.stringContaining('was not specified'),
        hint: expect.stringContaining('delete backups.velero.io platform-manual'),
      },
    ]);
    expect(here(found(refusedOf('frequent', '2026-11-21T10:52:17Z')))).toMatchObject([
      { severity: 'info' },
    ]);
    expect(here(found(refusedOf('frequent', '2026-11-21T11:02:17Z')))).toMatchObject([
      { severity: 'error' },
    ]);
  });

  test('a refused backup of a location that does not exist is told at the default one', () => {
    const cluster = withBackup('platform-manual', (backup) => {
      backup.spec = { ...backup.spec, storageLocation: 'nowhere' };
      backup.status = { phase: 'FailedValidation', validationErrors: ['no such location'] };
    });
    expect(here(found(cluster))).toMatchObject([{ code: 'BACKUP_REFUSED' }]);
    const other = { ...theLocation(cluster), isDefault: false };
    const question = { cluster, facts: stored, url: URL, now: LATER };
    expect(here(disagreements({ ...question, storageLocation: other }))).toEqual([]);
  });

  test('a deletion that does not end', () => {
    const deleting = (time: string) =>
      withBackup('platform-manual', (backup) => {
        backup.status = { ...backup.status, phase: 'Deleting' };
        backup.metadata = {
          ...backup.metadata,
          managedFields: [{ manager: 'velero-server', time }],
        };
      });
    expect(news(deleting('2026-11-21T09:00:00Z'))).toMatchObject([
      { code: 'BACKUP_DELETION_STUCK', severity: 'warning', subject: BACKUP },
    ]);
    expect(news(deleting('2026-11-21T11:20:00Z'))).toEqual([]);
  });

  test.each([
    ['New', '2026-11-21T12:00:00Z'],
    ['Queued', '2026-11-21T12:00:00Z'],
    ['InProgress', '2026-11-21T20:00:00Z'],
  ])('a backup that stays %s', (phase, time) => {
    const without = stored.filter(({ backup }) => backup !== 'platform-manual');
    const cluster = withPhase('platform-manual', phase, { completionTimestamp: undefined });
    expect(here(found(cluster, without, new Date(time)))).toMatchObject([
      { code: 'BACKUP_STUCK', message: expect.stringContaining(phase) },
    ]);
    expect(here(found(cluster, without, new Date('2026-11-21T10:53:00Z')))).toEqual([]);
  });

  test('one that waits for another is not stuck', () => {
    const cluster = withPhase('platform-manual', 'Queued');
    if (cluster.backups.outcome === 'unchecked') throw new Error('the twin lost its backups');
    const [one, ...others] = cluster.backups.value;
    if (one === undefined) throw new Error('the twin lost its backups');
    const running = { ...one, status: { ...one.status, phase: 'InProgress' } };
    const busy = { ...cluster, backups: told([running, ...others]) };
    expect(here(found(busy)).map(({ code }) => code)).not.toContain('BACKUP_STUCK');
  });
});

test('names of strangers reach no terminal and no shell as they are', () => {
  const odd = 'x\u001b[31m$(reboot)';
  const cluster = withBackup('platform-manual', (backup) => {
    backup.metadata = { ...backup.metadata, name: odd };
    backup.status = { phase: 'FailedValidation', validationErrors: [`${odd} is no name`] };
  });
  const refused = found(cluster).find(({ code }) => code === 'BACKUP_REFUSED');
  expect(refused?.hint).toContain('delete backups.velero.io <name>');
  expect([refused?.subject, refused?.message].join()).not.toContain('\u001b');
});
