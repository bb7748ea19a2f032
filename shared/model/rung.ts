/** The ladder of proof, ascending: what is known of a recovery point at a location. */
export const RUNGS = ['reported', 'present', 'intact', 'restored'] as const;
export type Rung = (typeof RUNGS)[number];

export function isRungAtLeast(rung: Rung, floor: Rung): boolean {
  return RUNGS.indexOf(rung) >= RUNGS.indexOf(floor);
}
