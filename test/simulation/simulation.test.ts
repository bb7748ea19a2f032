import { describe, expect, test } from 'vitest';
import type { Rule } from './replicator.ts';
import { type Ending, simulate } from './world.ts';

/** Adds up what happened, so that a test can tell whether its worlds went through it at all. */
function totals(endings: readonly Ending[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { counts } of endings) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

const seeds = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => first + at);

describe('a replica that is looked at after every single operation', () => {
  test('can be restored from at each of them, or says that it is catching up', () => {
    const endings = seeds(1, 8).map((seed) => ({
      seed,
      ...simulate({ seed, steps: 1500, damage: true }),
    }));
    const breaches = endings.flatMap(({ seed, breach }) =>
      breach ? [`seed ${seed}, ${breach}`] : [],
    );
    expect(breaches).toEqual([]);
    const counts = totals(endings);
    // The worlds are worth something only while all of this happens in them.
    for (const name of ['completed', 'crashes', 'copies', 'published', 'deletions', 'maintained']) {
      expect(counts[name], name).toBeGreaterThan(10);
    }
  });

  test('also where every other run is stopped after its first, its second, its nth operation', () => {
    const steps = 320;
    const endings = seeds(0, 40).map((stopAfter) => ({
      stopAfter,
      ...simulate({ seed: 12, steps, stopAfter: stopAfter * 2 }),
    }));
    const breaches = endings.flatMap(({ stopAfter, breach }) =>
      breach ? [`${stopAfter}, ${breach}`] : [],
    );
    expect(breaches).toEqual([]);
    const { crashes = 0, completed = 0 } = totals(endings);
    expect(crashes).toBeGreaterThan(30);
    expect(completed).toBeGreaterThan(30);
  });
});

describe('without one of the rules', () => {
  /** Found with `node test/simulation/simulate.ts --without <rule>`. */
  const pinned: readonly (readonly [Rule, number, number, RegExp])[] = [
    ['loser-rule', 13, 598, /^step 598: content \w+ is in pack \S+, which is not there/],
    ['freezing', 187, 201, /^step 201: snapshot \w+ lacks content/],
    ['packs-before-indexes', 8, 135, /^step 135: content \w+ is in pack \S+, which is not there/],
    ['watermark-last', 62, 899, /^step 899: snapshot \w+ lacks content/],
    ['manifest-comparison', 7, 1145, /^step 1145: 15 snapshots left the target in a day/],
    ['backups-hidden-first', 30, 207, /^step 207: backup\/\w+ is there without its snapshot/],
    ['withheld-logs', 84, 1608, /^step 1608: snapshot \w+ lacks content/],
  ];

  test.each(pinned)('"%s": seed %i breaks within %i steps', (without, seed, steps, breach) => {
    expect(simulate({ seed, steps, without }).breach).toMatch(breach);
    expect(simulate({ seed, steps }).breach).toBeUndefined();
  });
});

test('a seed does again what it did', () => {
  const once = simulate({ seed: 5, steps: 600 });
  expect(simulate({ seed: 5, steps: 600 })).toEqual(once);
  expect(simulate({ seed: 6, steps: 600 })).not.toEqual(once);
});
