/** What the hour makes of unfinished backups, and which are read again. */
import { describe, expect, test } from 'vitest';
import type { ObjectInfo } from '../../../shared/stores/store.ts';
import { ageFindings, needsLook } from '../../../shared/velero/checks/backup-age.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { openRoot } from '../../support/velero-damage/objects.ts';
import { sightOf, URL } from './looks.ts';

async function factsOf(
  backup: string,
  status: Readonly<Record<string, unknown>> = {},
): Promise<BackupFacts> {
  const objects = await openRoot(backup);
  if (Object.keys(status).length > 0) objects.status(status);
  return (await sightOf(await objects.store('backups'), backup)).facts;
}

const at = (facts: BackupFacts, time: string): readonly (readonly string[])[] =>
  ageFindings(facts, { url: URL, now: new Date(time) }).map(({ code, severity }) => [
    code,
    severity,
  ]);

const YOUNG = [['BACKUP_UNFINISHED', 'info']];
const STUCK = [['BACKUP_STUCK', 'error']];

describe('an unfinished backup', () => {
  test('has its operations time out, and half an hour', async () => {
    const facts = await factsOf('media-moving');
    expect(at(facts, '2026-11-21T15:26:26Z')).toEqual(YOUNG);
    expect(at(facts, '2026-11-21T15:26:27Z')).toEqual(STUCK);
    const patient = {
      ...facts,
      resource: facts.resource && { ...facts.resource, itemOperationTimeoutMs: 8 * 3_600_000 },
    };
    expect(at(patient as BackupFacts, '2026-11-21T19:26:26Z')).toEqual(YOUNG);
    expect(at(patient as BackupFacts, '2026-11-21T19:26:27Z')).toEqual(STUCK);
    const [stuck] = ageFindings(facts, { url: URL, now: new Date('2026-11-22T00:00:00Z') });
    expect(stuck?.hint).toContain('"velero backup describe media-moving"');
    expect(stuck).toMatchObject({
      subject: `${URL}/backups/media-moving`,
      message:
        'The backup is not finished: its phase is "WaitingForPluginOperations", and its operations had until 2026-11-21T15:26:27.000Z',
    });
  });

  test.each(['Finalizing', 'FinalizingPartiallyFailed'])(
    'in phase %s has half an hour from its velero-backup.json',
    async (phase) => {
      const facts = await factsOf('platform-manual', { phase });
      expect(at(facts, '2026-11-21T11:22:17Z')).toEqual(YOUNG);
      expect(at(facts, '2026-11-21T11:22:18Z')).toEqual(STUCK);
    },
  );

  test('for any other reason has four and a half hours from its last write', async () => {
    const facts = await factsOf('platform-manual', { phase: 'Uploading' });
    expect(at(facts, '2026-11-21T15:22:17Z')).toEqual(YOUNG);
    expect(at(facts, '2026-11-21T15:22:18Z')).toEqual(STUCK);
  });

  test('without velero-backup.json is an upload for an hour, then debris', async () => {
    const facts = await factsOf('lost-upload');
    expect(at(facts, '2026-11-21T11:52:21Z')).toEqual(YOUNG);
    expect(at(facts, '2026-11-21T11:52:22Z')).toEqual([['BACKUP_DEBRIS', 'warning']]);
  });
});

test('a complete backup, and one of which the look has said enough, have no age', async () => {
  for (const facts of [
    await factsOf('media-moved'),
    await factsOf('platform-manual', { phase: 'New' }),
  ]) {
    expect(at(facts, '2027-01-01T00:00:00Z')).toEqual([]);
  }
});

describe('needsLook()', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const listed = ({ objects }: BackupFacts): ObjectInfo[] =>
    objects.map(({ lastModified, ...object }) => ({
      ...object,
      lastModified: new Date(lastModified),
    }));
  const first = (files: readonly ObjectInfo[], change: Partial<ObjectInfo>): ObjectInfo[] =>
    files.map((file, index) => (index === 0 ? { ...file, ...change } : file));

  test('is true of what is new, and false of what is complete and as it was', async () => {
    const facts = await factsOf('media-moved');
    expect(needsLook(undefined, listed(facts), now)).toBe(true);
    expect(needsLook(facts, listed(facts), now)).toBe(false);
    expect(needsLook(JSON.parse(JSON.stringify(facts)), listed(facts), now)).toBe(false);
    expect(needsLook(await factsOf('lost-upload'), listed(await factsOf('lost-upload')), now)).toBe(
      false,
    );
  });

  test.each<[string, Partial<ObjectInfo>]>([
    ['ETag', { etag: 'other' }],
    ['size', { sizeBytes: 1 }],
    ['key', { key: 'backups/media-moved/x' }],
    ['tier', { storageClass: 'GLACIER' }],
  ])('is true where one %s is another', async (_, change) => {
    const facts = await factsOf('media-moved');
    expect(needsLook(facts, first(listed(facts), change), now)).toBe(true);
  });

  test('is true where an object came or went', async () => {
    const facts = await factsOf('media-moved');
    const files = listed(facts);
    expect(needsLook(facts, files.slice(1), now)).toBe(true);
    expect(needsLook(facts, [...files, ...first(files, { key: 'x' }).slice(0, 1)], now)).toBe(true);
  });

  test('is true of an unfinished one, for a week', async () => {
    const facts = await factsOf('media-moving');
    expect(needsLook(facts, listed(facts), now)).toBe(true);
    expect(needsLook(facts, listed(facts), new Date('2026-11-28T10:56:32Z'))).toBe(false);
  });

  test('is true of one that lay in an archive tier, which keeps its ETag', async () => {
    const objects = await openRoot('platform-manual');
    objects.archive('.tar.gz');
    const { facts } = await sightOf(await objects.store('backups'), 'platform-manual');
    expect(needsLook(facts, listed(facts), now)).toBe(true);
  });
});
