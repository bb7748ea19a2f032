import { describe } from 'vitest';
import { TIME_GUARD } from '../support/tally.ts';

/** The groups of tools that take long to build; only these may fall to the time guard. */
export const TIERS = ['kubernetes', 'velero'] as const;
export type Tier = (typeof TIERS)[number];

/** The variable in which `run.ts` tells the test processes why a tier was left out. */
export function leftOutVariable(tier: Tier): string {
  return `DRYDOCK_LEFT_OUT_${tier.toUpperCase()}`;
}

/** A `describe` of tests that need the tools of a tier; left out only by the time guard. */
export function describeTier(tier: Tier, name: string, body: () => void): void {
  const reason = process.env[leftOutVariable(tier)];
  if (reason?.startsWith(TIME_GUARD)) describe.skip(`${name} (left out: ${reason})`, body);
  else describe(name, body);
}
