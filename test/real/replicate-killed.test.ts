/** Replicas killed after every write, of repositories that a released Kopia writes meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Captured } from './replica/captured.ts';
import { type KillPoints, killAtEvery, replicateWhole } from './replica/killed.ts';
import { Places } from './replica/places.ts';
import { SCENARIOS } from './replica/scenarios.ts';

let places: Places;
const total: KillPoints = { refused: 0, verified: 0 };

beforeAll(async () => {
  places = await Places.start();
});
afterAll(async () => {
  await places?.close();
  const { refused, verified } = total;
  console.log(`kill points: ${refused + verified} (refused ${refused}, verified ${verified})`);
});

describe.concurrent('killed after every write, the replica is closed or restores whole', () => {
  for (const [at, scenario] of SCENARIOS.entries())
    test(`${scenario.name}, from ${scenario.source} to ${scenario.target}`, async () => {
      const name = `scenario-${at}`;
      const living = await scenario.begin(places, scenario.source, name);
      try {
        let base: readonly Captured[] = [];
        const writes: string[] = [];
        for (const [number, liveOn] of scenario.generations.entries()) {
          await liveOn(living);
          const targets = { kind: scenario.target, name: `${name}-${number}`, base };
          const whole = await replicateWhole(places, living, targets);
          if (number > 0 || !scenario.isSeededWhole) {
            expect(whole.log.length).toBeGreaterThan(3);
            const points = await killAtEvery(places, living, targets, whole);
            if (number > 0) expect(points.refused, 'an open replica was closed').toBe(0);
            total.refused += points.refused;
            total.verified += points.verified;
          }
          writes.push(...whole.log);
          base = whole.replica;
        }
        for (const wanted of scenario.writes) {
          expect(writes).toEqual(expect.arrayContaining([expect.stringMatching(wanted)]));
        }
      } finally {
        await living.close();
      }
    });
});
