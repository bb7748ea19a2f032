import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  activeIndexes,
  currentEpoch,
  deletionWatermark,
  epochsWithMore,
  type IndexBlob,
  incompleteSets,
} from '../../../shared/kopia/indexes/active-indexes.ts';

// fast-check prints seed and path of a failure; `fc.assert(…, { seed, path })` replays it.

const lastModified = new Date(0);
const hash = (name: number): string => name.toString(16).padStart(32, '0');
const session = (name: number): string => `s${name.toString(16).padStart(16, '0')}`;

/** One blob as the model sees it, and its name. */
type Made =
  | { readonly kind: 'xe'; readonly epoch: number }
  | { readonly kind: 'xn'; readonly epoch: number; readonly hash: number }
  | {
      readonly kind: 'xs' | 'xr';
      readonly epoch: number;
      readonly last: number;
      readonly hash: number;
      readonly set: number;
      readonly size: number;
    };

function nameOf(made: Made): string {
  if (made.kind === 'xe') return `xe${made.epoch}`;
  // An index is taken whatever its set claims.
  if (made.kind === 'xn') return `xn${made.epoch}_${hash(made.hash)}-${session(1)}147-c9`;
  const where = made.kind === 'xs' ? `${made.epoch}` : `${made.epoch}_${made.last}`;
  return `${made.kind}${where}_${hash(made.hash)}-${session(made.set)}-c${made.size}`;
}

const epoch = fc.nat(6);
const made: fc.Arbitrary<Made> = fc.oneof(
  fc.record({ kind: fc.constant('xe' as const), epoch: fc.nat(9) }),
  fc.record({ kind: fc.constant('xn' as const), epoch: fc.nat(11), hash: fc.nat(3) }),
  fc.record({
    kind: fc.constantFrom('xs' as const, 'xr' as const, 'xr' as const),
    epoch,
    last: epoch,
    hash: fc.nat(5),
    set: fc.nat(2),
    size: fc.constantFrom(1, 1, 2, 2, 3),
  }),
);
const repository = fc.uniqueArray(made, { maxLength: 40, selector: nameOf });

/**
 * The reference, section 5.5, word by word: every chain is tried. Chains of the same reach and length
 * may differ in where they are joined; Kopia takes any of them.
 */
function expectedActive(all: readonly Made[]): readonly (readonly string[])[] {
  const current = Math.max(0, ...all.flatMap((blob) => (blob.kind === 'xe' ? [blob.epoch] : [])));
  const complete = (kind: 'xs' | 'xr', first: number, last: number): readonly string[] => {
    const found = all
      .filter((blob) => blob.kind === kind && blob.epoch === first)
      .filter((blob) => kind === 'xs' || (blob.kind === 'xr' && blob.last === last))
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    const sets = new Map<string, string[]>();
    for (const blob of found) {
      if (blob.kind === 'xe' || blob.kind === 'xn') continue;
      const key = `${blob.set} of ${blob.size}`;
      sets.set(key, [...(sets.get(key) ?? []), nameOf(blob)]);
      if (sets.get(key)?.length === blob.size) return sets.get(key) ?? [];
    }
    return [];
  };
  type Range = { first: number; last: number; blobs: readonly string[] };
  const ranges = [0, 1, 2, 3, 4, 5, 6].flatMap((first) =>
    [0, 1, 2, 3, 4, 5, 6].flatMap((last): Range[] => {
      const blobs = complete('xr', first, last);
      return blobs.length > 0 && last >= first ? [{ first, last, blobs }] : [];
    }),
  );
  const chains = (start: number): readonly Range[][] =>
    ranges
      .filter(({ first }) => first === start)
      .flatMap((range) => [[range], ...chains(range.last + 1).map((rest) => [range, ...rest])]);
  const reach = (chain: readonly Range[]): number => chain.at(-1)?.last ?? -1;
  const some = chains(0).filter((each) => reach(each) > 0);
  const furthest = Math.max(...some.map(reach));
  const shortest = Math.min(
    ...some.flatMap((each) => (reach(each) === furthest ? each.length : [])),
  );
  const best = some.filter((each) => reach(each) === furthest && each.length === shortest);
  return (best.length === 0 ? [[]] : best).map((chain) => {
    const active: string[] = [];
    let start = 0;
    for (const range of chain) {
      if (range.last <= start) continue;
      active.push(...range.blobs);
      start = range.last + 1;
    }
    for (let number = start; number <= current + 1; number += 1) {
      const settled = number <= current - 2 ? complete('xs', number, 0) : [];
      const indexes = all.filter((blob) => blob.kind === 'xn' && blob.epoch === number).map(nameOf);
      active.push(...(settled.length > 0 ? settled : indexes));
    }
    return active.sort();
  });
}

const asBlobs = (all: readonly Made[]): readonly IndexBlob[] =>
  all.map((blob) => ({ id: nameOf(blob), lastModified }));
const idsOf = (blobs: readonly IndexBlob[]): readonly string[] => blobs.map(({ id }) => id).sort();

describe('activeIndexes()', () => {
  test('is the choice of the reference: sets, gaps, chains, blobs of the future', () => {
    fc.assert(
      fc.property(repository, (all) => {
        expect(expectedActive(all)).toContainEqual(idsOf(activeIndexes(asBlobs(all))));
      }),
      { numRuns: 500 },
    );
  });

  test('does not depend on the order of the listing', () => {
    fc.assert(
      fc.property(repository, (all) => {
        const blobs = asBlobs(all);
        expect(idsOf(activeIndexes([...blobs].reverse()))).toEqual(idsOf(activeIndexes(blobs)));
      }),
    );
  });

  const blob = (id: string): IndexBlob => ({ id, lastModified });
  const xn = (number: number, name: number): IndexBlob =>
    blob(nameOf({ kind: 'xn', epoch: number, hash: name }));
  const xs = (number: number, name: number, set: number, size: number): IndexBlob =>
    blob(nameOf({ kind: 'xs', epoch: number, last: 0, hash: name, set, size }));
  const xr = (first: number, last: number, name: number): IndexBlob =>
    blob(nameOf({ kind: 'xr', epoch: first, last, hash: name, set: 0, size: 1 }));

  test.each<[string, readonly IndexBlob[], readonly IndexBlob[]]>([
    ['without a marker: epochs 0 and 1', [xn(0, 1), xn(1, 1), xn(2, 1)], [xn(0, 1), xn(1, 1)]],
    [
      'an incomplete compaction',
      [blob('xe3'), xs(0, 1, 0, 2), xn(0, 1), xn(0, 2)],
      [xn(0, 1), xn(0, 2)],
    ],
    ['two complete ones', [blob('xe3'), xs(0, 1, 1, 1), xs(0, 2, 0, 1)], [xs(0, 1, 1, 1)]],
    ['a compaction of an epoch not settled', [blob('xe3'), xs(2, 1, 0, 1), xn(2, 1)], [xn(2, 1)]],
    ['a lone range of epoch 0', [blob('xe3'), xr(0, 0, 1), xn(0, 1)], [xn(0, 1)]],
    ['a range that does not begin at 0', [blob('xe5'), xr(1, 3, 1), xn(1, 1)], [xn(1, 1)]],
    [
      'ranges that join, and a long one that reaches as far',
      [blob('xe9'), xr(0, 2, 1), xr(3, 5, 1), xr(0, 5, 1), xn(6, 1)],
      [xr(0, 5, 1), xn(6, 1)],
    ],
  ])('%s', (_, all, expected) => {
    expect(idsOf(activeIndexes(all))).toEqual(idsOf(expected));
  });

  test('epochs with more than the compaction in use', () => {
    const all = [blob('xe5'), xs(0, 1, 0, 1), xs(1, 1, 0, 1), xs(1, 2, 1, 2), xn(1, 1), xn(2, 1)];
    const unsettled = [xs(4, 1, 0, 1), xn(4, 1)];
    const found = epochsWithMore([...unsettled, ...all]);
    expect(found).toEqual([
      { epoch: 1, chosen: [xs(1, 1, 0, 1)], others: [xs(1, 2, 1, 2), xn(1, 1)] },
    ]);
    expect(incompleteSets(all)).toEqual([{ blob: xs(1, 2, 1, 2), present: 1, size: 2 }]);
  });

  test('marker and watermark are the largest by number, not by text', () => {
    const all = [blob('xe9'), blob('xe10'), blob('xw9999'), blob('xw10000'), blob('xwx')];
    expect([currentEpoch(all), deletionWatermark(all)]).toEqual([10, 10_000]);
    expect([currentEpoch([]), deletionWatermark([])]).toEqual([0, 0]);
  });
});
