/** What is damaged we find, whatever the released Kopia says; and where it complains, so do we. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { committedTable, damageTable, isHarmless } from './kopia/damage-table.ts';
import { CHECKS, type Judgement, judge } from './kopia/judgement.ts';
import { Places } from './replica/places.ts';
import { slots } from './replica/slots.ts';

let places: Places;
beforeAll(async () => {
  places = await Places.start();
});
afterAll(() => places?.close());

const inSlot = slots(3);
const judged = new Map<string, Judgement>();

describe.concurrent('where the damage is', () => {
  test.each(DAMAGES)('$name: $title', async (damage) => {
    await inSlot(async () => {
      const judgement = await judge(damage, places.ground());
      judged.set(damage.name, judgement);
      expectAllFound(judgement);
      expectNoLess(judgement);
    });
  });
});

test('docs/kopia.md says who finds what', async () => {
  const judgements = DAMAGES.flatMap(({ name }) => judged.get(name) ?? []);
  expect(judgements).toHaveLength(DAMAGES.length);
  // A Kopia that recurses without end is stopped by us, or by itself when its memory is used up:
  // which comes first depends on the machine.
  const settled = (table = '') => table.replaceAll('| no end ', '| yes ');
  expect(settled(await committedTable())).toBe(settled(damageTable(judgements)));
});

function expectAllFound({ truth, ours }: Judgement): void {
  const { structure, content } = truth.findings;
  expect([...ours.structure.codes]).toEqual(expect.arrayContaining([...structure]));
  expect([...ours.content.codes]).toEqual(expect.arrayContaining([...structure, ...content]));
  if (isHarmless(truth)) return;
  if (truth.contents.length > 0 || !truth.opens) expect(ours.content.isVerified).toBe(false);
}

function expectNoLess({ kopia, ours }: Judgement): void {
  const complains = CHECKS.some((check) => kopia[check] === 'complains');
  if (complains) expect(ours.content.isVerified).toBe(false);
}
