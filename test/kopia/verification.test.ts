import { describe, expect, test } from 'vitest';
import { VELERO_DEFAULT_PASSWORD } from '../../shared/kopia/format/open-format.ts';
import { listRepositories } from '../../shared/kopia/repository.ts';
import type { KopiaVerification } from '../../shared/kopia/verification.ts';
import { isAtLeast } from '../../shared/model/finding.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { listFixtures, loadFixture } from '../support/fixtures.ts';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { NOW, verified } from './verified.ts';

const codesOf = ({ findings }: KopiaVerification) => new Set(findings.map(({ code }) => code));
/** LZ4 is not read, and what every version of Kopia refuses is not opened here either. */
const UNCHECKED = new Set([
  'kopia/compressors-0.22.3',
  'kopia/upgrade-locked',
  'kopia/required-feature',
]);

describe('what released Kopia wrote is whole', () => {
  test.each(listFixtures('kopia'))('%s', async (name) => {
    const fixture = await loadFixture(name);
    const store = await fixtureInMemory(fixture, fakeClock(NOW));
    for (const { prefix, password, readers } of fixture.meta.repositories) {
      const result = await verified(store, prefix, password, { level: 'content' });
      expect(result.findings.filter(({ severity }) => isAtLeast(severity, 'error'))).toEqual(
        UNCHECKED.has(name) ? [expect.anything()] : [],
      );
      expect(result.verdict.kind).toBe(UNCHECKED.has(name) ? 'unchecked' : 'verified');
      const [reader] = readers;
      if (reader === undefined) continue;
      const contents = fixture.answer(reader.answers, 'contents') as { deleted: boolean }[];
      const snapshots = fixture.answer(reader.answers, 'snapshots') as { incomplete?: string }[];
      expect(codesOf(result).has('KOPIA_SNAPSHOT_UNFINISHED')).toBe(
        snapshots.some(({ incomplete }) => incomplete !== undefined),
      );
      expect(result.measures['contents']).toBe(contents.filter(({ deleted }) => !deleted).length);
      expect(result.measures['contentsRead']).toBe(result.measures['contents']);
      expect(result.snapshots).toHaveLength(snapshots.length);
      if (UNCHECKED.has(name)) expect(result.measures['packsUnproven']).toBeGreaterThan(0);
      else expect(result.measures['coveragePercent']).toBe(100);
    }
  });
});

test('what Velero wrote is whole, and opens with the password that everybody knows', async () => {
  const store = await fixtureInMemory(await loadFixture('velero/v1.18.2'), fakeClock(NOW));
  const prefixes = await listRepositories(store, 'prod/');
  expect(prefixes).toEqual(['prod/kopia/billing/', 'prod/kopia/media/', 'prod/kopia/shop/']);
  for (const prefix of prefixes) {
    const run = await verified(store, prefix, VELERO_DEFAULT_PASSWORD, { level: 'content' });
    expect(run.verdict.kind).toBe('verified');
    expect([...codesOf(run)]).toEqual(['KOPIA_DEFAULT_PASSWORD']);
    expect(run.snapshots.length).toBeGreaterThan(0);
  }
});

describe('damage is found, at the level that can see it, with what it costs', () => {
  test.each(DAMAGES.map(({ name, title, make }) => ({ name, title, make })))(
    '$name: $title',
    async ({ make }) => {
      const { store, prefix, password, truth } = await make();
      if (truth.refusal === 'NOT_A_REPOSITORY' && !(await hasFormat(store, prefix))) {
        const run = verified(store, prefix, password, { level: 'structure' });
        await expect(run).rejects.toMatchObject({ code: 'NOT_A_REPOSITORY' });
        return;
      }
      const structure = await verified(store, prefix, password, { level: 'structure' });
      const content = await verified(store, prefix, password, { level: 'content' });
      for (const code of truth.findings.structure) expect(codesOf(structure)).toContain(code);
      for (const code of [...truth.findings.structure, ...truth.findings.content]) {
        expect(codesOf(content)).toContain(code);
      }
      const isHarmed = truth.contents.length > 0 || !truth.opens || truth.vanished.length > 0;
      if (isHarmed) expect(content.verdict.kind).not.toBe('verified');
      for (const packBlob of truth.packs) {
        const told = content.findings.filter(({ evidence }) => evidence?.['packBlob'] === packBlob);
        expect(told.length + Number(truth.findings.content.length === 0)).toBeGreaterThan(0);
      }
      for (const [snapshot, paths] of Object.entries(truth.files)) {
        const verdict = content.snapshots.find(({ id }) => id === snapshot);
        expect(verdict?.verdict).not.toBe('verified');
        if (truth.opens) expect(verdict?.paths).not.toEqual([]);
        for (const path of verdict?.paths ?? []) expect(paths.some(covers(path))).toBe(true);
      }
      // What is whole is not said to be lost. (Kopia repairs what Drydock calls damaged there.)
      if (content.findings.some(({ evidence }) => evidence?.['reason'] === 'ecc-damaged')) return;
      for (const { id, verdict } of content.snapshots) {
        if (truth.opens && !(id in truth.files)) expect(verdict).not.toBe('damaged');
      }
    },
  );
});

/** Whether a path is the one that is lost, or lies below it. */
function covers(path: string): (lost: string) => boolean {
  return (lost) => lost === '' || path === lost || path.startsWith(`${lost}/`);
}

async function hasFormat(
  store: { stat(key: string): Promise<unknown> },
  prefix: string,
): Promise<boolean> {
  return (await store.stat(`${prefix}kopia.repository`)) !== undefined;
}
