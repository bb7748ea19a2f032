/** Every damaged twin of the real root raises its codes and no other, and crashes nothing. */
import { expect, test } from 'vitest';
import type { FindingCode } from '../../../shared/model/finding.ts';
import { VELERO_FINDINGS } from '../../../shared/model/velero-findings.ts';
import { VELERO_DAMAGES } from '../../support/velero-damage/damages.ts';
import { openRoot } from '../../support/velero-damage/objects.ts';
import { codesOf, sightOf, sightOfRoot } from './looks.ts';
import { checkTold } from './told.ts';

/** Findings of a look after which a restore would not bring back what the backup promises. */
const BREAKING: readonly string[] = [
  'ARTEFACT_ARCHIVED',
  'ARTEFACT_DAMAGED',
  'ARTEFACT_EMPTY',
  'ARTEFACT_MISSING',
  'ARTEFACT_TOO_LARGE',
  'BACKUP_NAME_DIFFERS',
  'BACKUP_PHASE_FOREIGN',
  'CONTENTS_DISAGREE',
  'COPIES_DIFFER',
  'FORMAT_VERSION_DIFFERS',
  'TARBALL_HOSTILE',
];
/** Of objects that no restore reads, or of what Velero itself calls failed. */
const SPARED = [
  'list-no-list',
  'list-of-very-many',
  'volume-left-out',
  'log-archived',
  'log-truncated',
  'object-not-taken',
];

test.each(VELERO_DAMAGES.map((damage) => [damage.name, damage] as const))(
  '%s',
  async (name, { backup, raises, make }) => {
    const bucket = await make('backups');
    const ofRoot = codesOf(await sightOfRoot(bucket));
    if (backup === undefined) {
      expect(ofRoot).toEqual([...raises].sort());
      return;
    }
    expect(ofRoot).toEqual([]);
    const sight = await sightOf(bucket, backup);
    expect(codesOf(sight.findings)).toEqual([...raises].sort());
    checkTold(sight);
    const { facts } = sight;
    const isBroken = facts.findings.some(({ code }) => BREAKING.includes(code));
    const isWhole = facts.completeness === 'complete' && (!isBroken || SPARED.includes(name));
    expect(facts.isWhole).toBe(isWhole);
    expect(Object.hasOwn(Object.prototype, 'warnings')).toBe(false);
  },
);

/** What a Velero server itself wrote, by the fixture's README. */
const UNTOUCHED: Readonly<Record<string, readonly FindingCode[]>> = {
  'archive-native': [],
  'frequent-20261121105415': ['SECRETS_IN_CLEAR'],
  'frequent-20261121105615': ['SECRETS_IN_CLEAR'],
  'lost-upload': ['BACKUP_DEBRIS'],
  'media-csi': [],
  'media-moved': [],
  'media-moving': ['BACKUP_STUCK'],
  'platform-manual': [],
  'shop-bad-selector': ['BACKUP_FAILED'],
  'shop-failing-hook': [
    'BACKUP_HOOKS_FAILED',
    'BACKUP_PARTIALLY_FAILED',
    'CONTENTS_DISAGREE',
    'SECRETS_IN_CLEAR',
    'VOLUME_SKIPPED',
  ],
};

test.each(Object.entries(UNTOUCHED))('untouched, %s', async (backup, raises) => {
  const bucket = await (await openRoot(backup)).store('backups');
  const sight = await sightOf(bucket, backup);
  expect(codesOf(sight.findings)).toEqual(raises);
  checkTold(sight);
  expect(await sightOfRoot(bucket)).toEqual([]);
  const isComplete = !['lost-upload', 'media-moving'].includes(backup);
  expect([sight.facts.completeness === 'complete', sight.facts.isWhole]).toEqual([
    isComplete,
    isComplete,
  ]);
  if (isComplete) expect(sight.facts.objects.filter(({ sha256 }) => !sha256)).toEqual([]);
});

test('every code of a look is raised by a twin, or by what a server wrote', () => {
  const raised = new Set([
    ...VELERO_DAMAGES.flatMap(({ raises }) => raises),
    ...Object.values(UNTOUCHED).flat(),
  ]);
  const codes = Object.keys(VELERO_FINDINGS) as FindingCode[];
  expect(codes.filter((code) => !raised.has(code))).toEqual([]);
});

test('every damage has a name of its own', () => {
  const names = VELERO_DAMAGES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
});
