import { expect, test } from 'vitest';
import { planPacks } from '../../../shared/kopia/replication/pack-plan.ts';
import {
  NAMED_BY_LOSER,
  NEEDED,
  NEEDED_DELETED,
  Survey,
} from '../../../shared/kopia/replication/survey.ts';
import { entry } from '../indexes/loaded.ts';
import { decoded, epochs, pack, xn } from './listings.ts';

const [a, b] = [xn(0, 'a'), xn(0, 'b')];
const at = (name: number, blob: string, timeSeconds: number, deleted = false) =>
  entry(name, { packBlob: pack(blob), timeSeconds, deleted });
const blobs = {
  [a]: [at(1, 'kept', 10), at(2, 'short', 10), at(3, 'dropped', 10), at(4, 'doomed', 10)],
  [b]: [at(2, 'joined', 20), at(3, 'dropped', 15, true), at(4, 'doomed', 30, true)],
};

function survey(target = epochs()): Survey {
  const survey = new Survey(epochs(a, b, 'xw20'), target);
  survey.add(decoded(blobs));
  return survey;
}

test('says of each pack what names it', () => {
  const { packs } = survey();
  expect(packs.of(pack('kept'))).toBe(NEEDED);
  expect(packs.of(pack('joined'))).toBe(NEEDED);
  expect(packs.of(pack('short'))).toBe(NAMED_BY_LOSER);
  expect(packs.of(pack('dropped'))).toBe(NAMED_BY_LOSER);
  expect(packs.of(pack('doomed'))).toBe(NEEDED_DELETED | NAMED_BY_LOSER);
  expect(packs.of(pack('unknown'))).toBe(0);
});

test('entries that lose are of no account once their blob is at the target', () => {
  expect(survey(epochs(a)).packs.of(pack('short'))).toBe(0);
});

test('counts what moves and what vanishes for who restores from the target', () => {
  expect(survey(epochs(a)).changes).toEqual({ live: 4, moved: 1, vanished: 2 });
  expect(survey().changes).toEqual({ live: 0, moved: 0, vanished: 0 });
});

const sizes = (...names: string[]) => new Map(names.map((name) => [pack(name), 100]));

test('what is needed is copied first, what losing entries name as far as it is there', () => {
  const plan = planPacks(survey().packs, sizes('kept', 'short', 'joined', 'doomed'), sizes('kept'));
  if (plan.kind !== 'copy') throw new Error(plan.kind);
  const [, , last] = plan.packs;
  const needed = plan.packs.filter(({ isNeeded }) => isNeeded).map(({ id }) => id);
  expect(needed.sort()).toEqual([pack('doomed'), pack('joined')].sort());
  expect(last).toEqual({ id: pack('short'), sizeBytes: 100, isNeeded: false, isRepair: false });
});

test('another size at the target is damage there', () => {
  const target = new Map([[pack('kept'), 99]]);
  const plan = planPacks(survey().packs, sizes('kept', 'joined', 'doomed'), target);
  const copies = plan.kind === 'copy' ? plan.packs : [];
  expect(copies.find(({ id }) => id === pack('kept'))?.isRepair).toBe(true);
  expect(copies.filter(({ isRepair }) => isRepair)).toHaveLength(1);
});

test('a needed pack that vanished makes the plan stale, unless the target has it', () => {
  const plan = planPacks(survey().packs, sizes('kept', 'doomed'), sizes());
  expect(plan).toEqual({ kind: 'stale', missing: [pack('joined')] });
  const other = planPacks(survey().packs, sizes('kept', 'doomed'), sizes('joined'));
  expect(other.kind).toBe('copy');
});
