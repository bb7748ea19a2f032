import { NEEDED, NEEDED_DELETED, type PackRoles } from './survey.ts';

/** Sizes in bytes of the packs that a listing showed, by id. */
export type PackSizes = Pick<ReadonlyMap<string, number>, 'get'>;

export interface PackCopy {
  readonly id: string;
  readonly sizeBytes: number;
  /**
   * Effective entries name it: when the source has lost it by now, the plan is stale. A pack of
   * losing entries may go missing; the order of publication deals with that.
   */
  readonly isNeeded: boolean;
  /** The target has a blob of that name and of another size, which is damage there. */
  readonly isRepair: boolean;
}

export type PackPlan =
  | { readonly kind: 'copy'; readonly packs: readonly PackCopy[] }
  /** Needed packs that neither side has: the source moved on, or has lost them. Freeze again. */
  | { readonly kind: 'stale'; readonly missing: readonly string[] };

/**
 * Which packs must be at the target before any of the surveyed indexes may be published (reference
 * 8.5 P1); those that are needed first. Asked again with a fresh listing of the target, it is the check P2:
 * nothing needed may be left. Holds a string for each pack to be copied, not for those in place.
 *
 * @param source sizes from a listing that began after the indexes were frozen.
 */
export function planPacks(roles: PackRoles, source: PackSizes, target: PackSizes): PackPlan {
  const needed: PackCopy[] = [];
  const others: PackCopy[] = [];
  const missing: string[] = [];
  for (const { name: id, role } of roles.entries()) {
    const isNeeded = (role & (NEEDED | NEEDED_DELETED)) !== 0;
    const [sizeBytes, present] = [source.get(id), target.get(id)];
    if (sizeBytes === undefined) {
      // What only the target has left is its own: it stays.
      if (isNeeded && present === undefined) missing.push(id);
    } else if (present !== sizeBytes) {
      const copy = { id, sizeBytes, isNeeded, isRepair: present !== undefined };
      (isNeeded ? needed : others).push(copy);
    }
  }
  if (missing.length > 0) return { kind: 'stale', missing };
  return { kind: 'copy', packs: [...needed, ...others] };
}
