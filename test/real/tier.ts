import { describe } from 'vitest';
import { TIME_GUARD } from '../support/tally.ts';

/**
 * The groups of tools that take long to build, each needing those before it; only these may fall
 * to the time guard.
 */
export const TIERS = ['kubernetes', 'velero'] as const;
export type Tier = (typeof TIERS)[number];

/** The variable in which `run.ts` tells the test processes why a tier was left out. */
export function leftOutVariable(tier: Tier): string {
  return `DRYDOCK_LEFT_OUT_${tier.toUpperCase()}`;
}

/** A `describe` of tests that need the tools of a tier; left out only by the time guard. */
export function describeTier(tier: Tier, name: string, body: () => void): void {
  const needed = TIERS.slice(0, TIERS.indexOf(tier) + 1);
  const reasons = needed.flatMap((one) => process.env[leftOutVariable(one)] ?? []);
  const reason = reasons.find((text) => text.startsWith(TIME_GUARD));
  if (reason !== undefined) describe.skip(`${name} (left out: ${reason})`, body);
  else describe(name, body);
}
