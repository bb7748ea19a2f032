/**
 * Runs many worlds: `node test/simulation/simulate.ts --steps 1000000 --seed 1 [--without <rule>]`.
 * Ends with one line of counts; a breach prints the seed and the steps that show it again.
 */
import { parseArgs } from 'node:util';
import type { Rule } from './replicator.ts';
import { simulate } from './world.ts';

const STEPS_PER_WORLD = 3000;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    without: { type: 'string' },
  },
});
const totals: Record<string, number> = { steps: 0 };
let breaches = 0;
for (let seed = Number(values.seed), left = Number(values.steps); left > 0; seed += 1) {
  const steps = Math.min(left, STEPS_PER_WORLD);
  const without = values.without as Rule | undefined;
  const ending = simulate({ seed, steps, ...(without ? { without } : { damage: true }) });
  left -= ending.steps;
  totals['steps'] = (totals['steps'] ?? 0) + ending.steps;
  for (const [name, count] of Object.entries(ending.counts)) {
    totals[name] = (totals[name] ?? 0) + count;
  }
  if (ending.breach === undefined) continue;
  breaches += 1;
  console.log(`Seed ${seed}, ${ending.breach}`);
}
const line = Object.entries(totals).map(([name, count]) => `${count} ${name}`);
console.log(`${line.join(', ')}, ${breaches} breaches`);
process.exitCode = breaches > 0 ? 1 : 0;
