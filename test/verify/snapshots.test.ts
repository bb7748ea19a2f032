import { describe, expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import type { RepositoryLook } from '../../shared/ledger/location-look.ts';
import type { Finding } from '../../shared/model/finding.ts';
import type { SnapshotAnswer, SnapshotFacts } from '../../shared/snapshots/snapshot-witness.ts';
import { snapshotHomeOf } from '../../shared/verify/snapshot-home.ts';
import { snapshotFindings, snapshotQuestions } from '../../shared/verify/snapshots.ts';
import { facts, resource, volume } from './facts.ts';
import { awsLocation, realAnswers, realFacts, realLook } from './real-facts.ts';

const real = [...(await realFacts()).values()];
const url = 's3://velero/prod';
const home = snapshotHomeOf(awsLocation());
const repositories = new Map(['billing', 'media', 'shop'].map((each) => [each, realLook(each)]));

/** What is found of the real root, but for the CSI snapshot that names nothing. */
function found(change?: (facts: SnapshotFacts) => SnapshotAnswer): readonly Finding[] {
  const own = real.filter(({ backup }) => backup !== 'media-csi');
  return snapshotFindings({ facts: own, answers: realAnswers(change), repositories, home, url });
}

function changed(overrides: Partial<SnapshotFacts>): readonly Finding[] {
  return found((each) => ({ outcome: 'found', facts: { ...each, ...overrides } }));
}

describe('the cloud is asked', () => {
  test('about every snapshot that a finished backup needs, once', () => {
    const twice = [...real, ...real];
    expect([...snapshotQuestions(twice, home)].sort()).toEqual([
      'snap-10fa76e0fc070f3c6',
      'snap-63d3eadf99784a3e8',
      'snap-750691d824256e875',
      'snap-7f7bc48fecbd5e789',
    ]);
  });

  test('about none of another cloud, and none where no place is set', () => {
    const { snapshots: _, ...unset } = awsLocation();
    expect(snapshotQuestions(real, snapshotHomeOf(unset))).toEqual([]);
    const azure: NamedLocation = {
      ...unset,
      location: { kind: 'azblob', account: 'backups', container: 'velero', prefix: '' },
    };
    expect(snapshotQuestions(real, snapshotHomeOf(azure, awsLocation()))).toEqual([]);
  });

  test('about none of a backup that is not finished, failed, or has none', () => {
    const taken = volume({ method: 'native', handle: 'snap-7f7bc48fecbd5e789' });
    const others = [
      facts({ volumes: [taken], completeness: 'unfinished' }),
      facts({ volumes: [taken], resource: resource({ phase: 'Failed' }) }),
      facts({ volumes: [{ ...taken, result: 'failed' }] }),
    ];
    expect(snapshotQuestions(others, home)).toEqual([]);
    expect(snapshotQuestions([facts({ volumes: [taken] })], home)).toEqual([taken.handle]);
  });
});

test('nothing is found of snapshots that are there', () => {
  expect(found()).toEqual([]);
});

describe('a finding per backup says that a snapshot', () => {
  const cases: readonly (readonly [string, string, readonly Finding[], RegExp])[] = [
    ['is missing', 'SNAPSHOT_MISSING', found(() => ({ outcome: 'absent' })), /does not exist$/],
    ['was deleted', 'SNAPSHOT_MISSING', changed({ state: 'recoverable' }), /in the Recycle Bin$/],
    ['is pending', 'SNAPSHOT_PENDING', changed({ state: 'pending' }), /still being made/],
    [
      'failed',
      'SNAPSHOT_FAILED',
      changed({ state: 'failed', stateReason: 'key' }),
      /failed: "key"/,
    ],
    ['is archived', 'SNAPSHOT_ARCHIVED', changed({ archived: true }), /archive tier$/],
    ['is shared', 'SNAPSHOT_ELSEWHERE', changed({ account: '9' }), /belongs to the account 9/],
  ];
  test.each(cases)('%s', (_, code, findings, words) => {
    expect(findings.map((each) => [each.code, each.subject])).toEqual(
      ['archive-native', 'frequent-20261121105415', 'frequent-20261121105615'].map((backup) => [
        code,
        `${url}/backups/${backup}`,
      ]),
    );
    expect(findings[0]?.message).toMatch(/^Volume "archive\/cold" of backup "archive-native": /);
    expect(findings[0]?.message).toMatch(words);
    expect(findings[0]?.evidence).toMatchObject({
      count: 1,
      volumes: ['archive/cold'],
      handles: ['snap-7f7bc48fecbd5e789'],
    });
  });

  test('tells how to bring a deleted one back', () => {
    const [first] = changed({ state: 'recoverable' });
    expect(first?.hint).toMatch(/restore-snapshot-from-recycle-bin/);
  });
});

test('a snapshot that a backup names and nobody made is missing', () => {
  const answers = realAnswers();
  const findings = snapshotFindings({ facts: real, answers, repositories, home, url });
  expect(findings).toMatchObject([
    { code: 'SNAPSHOT_MISSING', severity: 'critical', subject: `${url}/backups/media-csi` },
  ]);
});

describe('what cannot be used at a replica', () => {
  test('is a finding of each backup, and says which volumes and why', () => {
    const place: NamedLocation = {
      name: 'copy',
      layout: 'velero',
      location: { kind: 'azblob', account: 'backups', container: 'velero', prefix: '' },
      access: {},
    };
    const replica = snapshotHomeOf(place, awsLocation());
    const answers = new Map();
    const findings = snapshotFindings({ facts: real, answers, repositories, home: replica, url });
    expect(findings.map(({ code, subject }) => [code, subject])).toEqual(
      ['archive-native', 'frequent-20261121105415', 'frequent-20261121105615', 'media-csi'].map(
        (backup) => ['SNAPSHOT_ELSEWHERE', `${url}/backups/${backup}`],
      ),
    );
    expect(findings[0]).toMatchObject({
      severity: 'error',
      message:
        'Volume "archive/cold" of backup "archive-native": its snapshot is in AWS, the location "copy" in Azure',
      hint: expect.stringContaining('snapshotMoveData: true'),
    });
  });
});

describe('what could not be checked', () => {
  const denied: SnapshotAnswer = {
    outcome: 'unchecked',
    reason: 'denied',
    message: 'Cannot describe snapshots: access denied',
    hint: 'Grant ec2:DescribeSnapshots',
  };

  test('is one finding of the location, never a missing snapshot', () => {
    expect(found(() => denied)).toEqual([
      {
        code: 'SNAPSHOT_UNCHECKED',
        severity: 'warning',
        subject: url,
        message:
          'Volume "archive/cold" of backup "archive-native" (and of 2 more): Cannot describe snapshots: access denied',
        hint: 'Grant ec2:DescribeSnapshots',
        evidence: {
          count: 3,
          volumes: ['archive/cold'],
          handles: ['snap-7f7bc48fecbd5e789', 'snap-750691d824256e875', 'snap-10fa76e0fc070f3c6'],
          reasons: [denied.message],
          backups: ['archive-native', 'frequent-20261121105415', 'frequent-20261121105615'],
        },
      },
    ]);
  });

  test('includes what nobody was asked, since no place is set', () => {
    const { snapshots: _, ...unset } = awsLocation();
    const answers = new Map();
    const nowhere = snapshotHomeOf(unset);
    const findings = snapshotFindings({ facts: real, answers, repositories, home: nowhere, url });
    expect(findings).toMatchObject([
      { code: 'SNAPSHOT_UNCHECKED', hint: expect.stringContaining('Set "snapshots:"') },
    ]);
  });
});

describe('a Kopia snapshot', () => {
  const withLook = (look: RepositoryLook | undefined) =>
    snapshotFindings({
      facts: real.filter(({ backup }) => backup !== 'media-csi'),
      answers: realAnswers(),
      repositories: look === undefined ? new Map() : new Map([...repositories, ['shop', look]]),
      home,
      url,
    });

  test('that the repository does not hold is a finding of each backup that needs it', () => {
    const [kept, lost] = realLook('shop').snapshots;
    const findings = withLook(realLook('shop', { snapshots: kept === undefined ? [] : [kept] }));
    expect(findings).toMatchObject([
      {
        code: 'VOLUME_MANIFEST_MISSING',
        severity: 'critical',
        subject: `${url}/backups/frequent-20261121105615`,
        evidence: { volumes: ['shop/data-db-0'], handles: [lost?.id] },
      },
    ]);
  });

  test('is none that is missing while nobody could read the repository', () => {
    expect(withLook(undefined)).toEqual([]);
    expect(withLook(realLook('shop', { snapshots: [], outcome: 'unchecked' }))).toEqual([]);
    const lookedAt = '2026-11-21T00:00:00Z';
    expect(withLook(realLook('shop', { snapshots: [], lookedAt }))).toEqual([]);
  });
});
