import { describe, expect, test } from 'vitest';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { FINDINGS, finding } from '../../shared/model/finding.ts';
import type { LifecycleRule, Setting, StoreSettings } from '../../shared/stores/settings.ts';
import {
  archivedFindings,
  type SettingsQuestion,
  settingsFindings,
} from '../../shared/verify/settings.ts';
import { facts, object } from './facts.ts';

const URL = 's3://backups/prod';
const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd';
const NOW = new Date('2026-11-25T00:00:00Z');
const told = <T>(value: T): Setting<T> => ({ outcome: 'told', value });

/** Nothing wrong. */
const SETTINGS: StoreSettings = {
  lifecycle: told([]),
  archiveTiering: told([]),
  versioning: told('on'),
  softDeleteDays: told(0),
  encryptionKey: told('none'),
  immutability: told(false),
};

function findings(settings: Partial<StoreSettings>, more: Partial<SettingsQuestion> = {}) {
  const question = {
    settings: { ...SETTINGS, ...settings },
    location: parseLocationUrl(URL),
    layout: 'velero' as const,
    url: URL,
    isReplica: false,
    now: NOW,
  };
  return settingsFindings({ ...question, ...more });
}

const rule = (overrides: Partial<LifecycleRule>): LifecycleRule => ({
  ...{ name: 'tidy', prefix: '', isNarrowed: false, transitions: [] },
  ...overrides,
});
const expiring = (prefix: string): LifecycleRule => rule({ prefix, expires: { afterDays: 30 } });
const codes = (found: readonly { code: string; severity: string }[]): string[] =>
  found.map(({ code, severity }) => `${severity} ${code}`);

test('a location of which everything is known and well has no finding', () => {
  expect(findings({})).toEqual([]);
  expect(findings({ encryptionKey: told({ id: KEY, state: 'enabled' }) })).toEqual([]);
});

describe('a rule that removes objects', () => {
  test.each([
    ['', ['prod/backups/', 'prod/kopia/', 'prod/restic/']],
    ['pro', ['prod/backups/', 'prod/kopia/', 'prod/restic/']],
    ['prod/', ['prod/backups/', 'prod/kopia/', 'prod/restic/']],
    ['prod/kopia/', ['prod/kopia/']],
    ['prod/kopia/shop/p', ['prod/kopia/shop/p']],
    ['prod/back', ['prod/backups/']],
  ])('with the prefix "%s" is critical', (prefix, below) => {
    const found = findings({ lifecycle: told([expiring(prefix)]) });
    expect(codes(found)).toEqual(['critical LIFECYCLE_EXPIRES']);
    expect(found[0]).toMatchObject({
      subject: `${URL} lifecycle rule tidy`,
      message: expect.stringMatching(/^The lifecycle rule "tidy" removes .* after 30 days$/),
      evidence: { rule: 'tidy', below },
    });
  });

  test('is taken out by the commands of its cloud', () => {
    const lifecycle = told([expiring('')]);
    const ofS3 = findings({ lifecycle })[0]?.hint;
    expect(ofS3).toContain('put-bucket-lifecycle-configuration --bucket backups ');
    const location = parseLocationUrl('azblob://account/backups/prod');
    const ofAzure = findings({ lifecycle }, { location })[0]?.hint;
    expect(ofAzure).toContain('management-policy create --account-name account ');
  });

  test.each(['production/', 'prod2/', 'logs/', 'prod/restores/', 'prod/backupsx/'])(
    'with the prefix "%s" touches nothing that a restore needs',
    (prefix) => expect(findings({ lifecycle: told([expiring(prefix)]) })).toEqual([]),
  );

  test('touches all of a repository without Velero around it', () => {
    const lifecycle = told([expiring('prod/restores/')]);
    const [found] = findings({ lifecycle }, { layout: 'kopia' });
    expect(found).toMatchObject({ evidence: { below: ['prod/restores/'] } });
  });

  test('that also asks for tags may spare them: a warning', () => {
    const lifecycle = told([{ ...expiring(''), isNarrowed: true }]);
    expect(codes(findings({ lifecycle }))).toEqual(['warning LIFECYCLE_EXPIRES']);
  });

  test('on a day: past or to come', () => {
    const messages = ['2026-11-01', '2026-12-01'].map((day) => {
      const lifecycle = told([rule({ expires: { from: new Date(day) } })]);
      return findings({ lifecycle })[0]?.message;
    });
    expect(messages[0]).toContain('since 2026-11-01');
    expect(messages[1]).toContain('from 2026-12-01 on');
  });

  test('with several prefixes is one alert, as bad as the worst of them', () => {
    const narrowed = { ...expiring('prod/backups/'), isNarrowed: true };
    const found = findings({ lifecycle: told([narrowed, expiring('prod/kopia/')]) });
    expect(codes(found)).toEqual(['critical LIFECYCLE_EXPIRES']);
    expect(found[0]?.evidence?.['below']).toEqual(['prod/backups/', 'prod/kopia/']);
  });

  test('of old versions alone is harmless', () => {
    expect(findings({ lifecycle: told([rule({ expiresVersionsAfterDays: 1 })]) })).toEqual([]);
  });
});

test('a rule that archives is an error; one that moves to a tier read at once is none', () => {
  const to = (storageClass: string, isArchive: boolean): LifecycleRule =>
    rule({ transitions: [{ when: { afterDays: 1 }, storageClass, isArchive }] });
  const found = findings({ lifecycle: told([to('GLACIER', true)]) });
  expect(codes(found)).toEqual(['error LIFECYCLE_ARCHIVES']);
  expect(found[0]?.message).toContain('"prod/restic/" to GLACIER');
  expect(found[0]?.hint).toContain('take "Transitions" out of the rule');
  expect(found[0]?.message).toMatch(/after 1 day$/);
  expect(findings({ lifecycle: told([to('GLACIER_IR', false)]) })).toEqual([]);
  const archiveTiering = told([{ ...to('DEEP_ARCHIVE_ACCESS', true), isNarrowed: true }]);
  const [tiering] = findings({ archiveTiering });
  expect(tiering).toMatchObject({
    ...{ code: 'LIFECYCLE_ARCHIVES', severity: 'warning' },
    message: expect.stringContaining('that meet its conditions to DEEP_ARCHIVE_ACCESS'),
    hint: FINDINGS.LIFECYCLE_ARCHIVES.fix,
  });
});

test('a key that cannot be used, or soon cannot', () => {
  for (const state of ['disabled', 'unavailable'] as const) {
    const found = findings({ encryptionKey: told({ id: KEY, state }) });
    expect(codes(found)).toEqual(['critical KEY_UNUSABLE']);
    expect(found[0]?.message).toContain(`is ${state}`);
  }
  const deletionAt = new Date('2026-12-02T00:00:00Z');
  const found = findings({
    encryptionKey: told({ id: KEY, state: 'pending-deletion', deletionAt }),
  });
  expect(codes(found)).toEqual(['critical KEY_PENDING_DELETION']);
  expect(found[0]?.message).toContain('2026-12-02T00:00:00.000Z');
  expect(found[0]?.hint).toContain(`aws kms cancel-key-deletion --key-id ${KEY}`);
  const id = 'https://v.vault.azure.net/keys/k';
  const [disabled] = findings({ encryptionKey: told({ id, state: 'disabled' }) });
  expect(disabled?.hint).toBe(`Run "az keyvault key set-attributes --id ${id} --enabled true"`);
});

describe('what was removed', () => {
  const bare = { versioning: told('off'), softDeleteDays: told(0), immutability: told(false) };
  const denied = { outcome: 'unchecked', reason: 'denied', hint: 'Grant it' } as const;

  test('cannot be brought back without versions, soft delete and retention', () => {
    for (const versioning of ['off', 'suspended'] as const) {
      const found = findings({ ...bare, versioning: told(versioning) } as StoreSettings);
      expect(codes(found)).toEqual(['warning VERSIONING_OFF']);
      expect(found[0]?.hint).toContain('put-bucket-versioning --bucket backups');
    }
    const location = parseLocationUrl('azblob://account/backups');
    const [found] = findings(bare as StoreSettings, { location, isReplica: true });
    expect(found?.message).toContain('this replica');
    expect(found?.hint).toContain('--account-name account');
  });

  test.each<Partial<StoreSettings>>([
    { versioning: told('on') },
    { softDeleteDays: told(7) },
    { immutability: told(true) },
    { versioning: denied },
    { softDeleteDays: denied },
    { immutability: denied },
  ])('comes back, or may, by %j', (one) => {
    const found = findings({ ...bare, ...one } as StoreSettings);
    expect(codes(found)).not.toContain('warning VERSIONING_OFF');
  });
});

test('what was not told is one finding, with every reason and every right', () => {
  const denied = (right: string): Setting<never> => {
    return { outcome: 'unchecked', reason: 'access denied', hint: `Grant ${right}` };
  };
  const found = findings({ lifecycle: denied('a'), encryptionKey: denied('b') });
  expect(codes(found)).toEqual(['info SETTINGS_UNCHECKED']);
  expect(found[0]).toMatchObject({
    subject: URL,
    hint: 'Grant a; Grant b',
    evidence: { unchecked: ['lifecycle rules: access denied', 'encryption key: access denied'] },
  });
});

test('objects of an archive tier that could be read, by backup', () => {
  const objects = [
    object('backups/old/old.tar.gz', { storageClass: 'DEEP_ARCHIVE' }),
    object('backups/old/velero-backup.json'),
  ];
  const cool = object('backups/new/new.tar.gz', { storageClass: 'GLACIER_IR' });
  const known = finding('ARTEFACT_ARCHIVED', `${URL}/backups/known`, 'It lies there');
  const found = archivedFindings(URL, [
    facts({ backup: 'old', objects }),
    facts({ backup: 'known', objects, findings: [known] }),
    facts({ backup: 'new', objects: [cool] }),
    facts(),
  ]);
  expect(codes(found)).toEqual(['error OBJECTS_ARCHIVED']);
  expect(found[0]).toMatchObject({
    subject: `${URL}/backups/old`,
    evidence: { objects: ['backups/old/old.tar.gz'] },
  });
});
