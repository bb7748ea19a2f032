/** What a damaged twin of the real Velero root is, and what verification has to say about it. */
import type { FindingCode } from '../../../shared/model/finding.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { openRoot, type RootParts, type VeleroObjects } from './objects.ts';

/** A day after the fixture was made: whatever is unfinished by then is stuck. */
export const LATER = new Date('2026-11-22T12:00:00Z');

export interface VeleroDamage {
  /** Lower case with hyphens. */
  readonly name: string;
  /** What was done, one sentence. */
  readonly title: string;
  /** The backup that it was done to; of the root itself without. */
  readonly backup?: string;
  /** Every code that must be found there at `LATER`, and no other; findings of the untouched included. */
  readonly raises: readonly FindingCode[];
  /** The whole root, objects below `prod/`. */
  make(parts?: RootParts): Promise<ObjectStore>;
}

/** A damage that changes the objects of a backup, or of the root. */
export function damage(
  about: Omit<VeleroDamage, 'make'>,
  change: (objects: VeleroObjects) => void,
): VeleroDamage {
  const make = async (parts?: RootParts): Promise<ObjectStore> => {
    const objects = await openRoot(about.backup ?? '');
    change(objects);
    return objects.store(parts);
  };
  return { ...about, make };
}
