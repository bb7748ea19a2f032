import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { claimsOf, idOf, type ProtectedApplication, takenAtOf } from './applications.ts';

/**
 * Claims of an application that this backup lacks and that the last one before it holds, or the first
 * after it: `namespace/name`, ascending. Only where a selector cut this one and neither of them. They
 * may have been there and been left out.
 */
export function leftOut(
  application: ProtectedApplication,
  facts: BackupFacts,
  all: readonly BackupFacts[],
): readonly string[] {
  if (facts.resource?.hasSelector !== true) return [];
  const takenMs = msOf(facts);
  const whole = wholeOf(all);
  const next = whole.findIndex(({ ms }) => ms > takenMs);
  const [before, after] = next < 0 ? [whole, []] : [whole.slice(0, next), whole.slice(next)];
  const holds = (each: Whole): boolean => idsOf(application, each.facts).size > 0;
  const held = idsOf(application, facts);
  const near = [before.findLast(holds), after.find(holds)].flatMap((each) =>
    each === undefined ? [] : [...idsOf(application, each.facts)],
  );
  return [...new Set(near)].filter((id) => !held.has(id)).sort();
}

interface Whole {
  readonly ms: number;
  readonly facts: BackupFacts;
}

/** Kept per look: each application asks for each backup. */
const kept = new WeakMap<readonly BackupFacts[], readonly Whole[]>();

/** Those that no selector cut, oldest first. */
function wholeOf(all: readonly BackupFacts[]): readonly Whole[] {
  const known = kept.get(all);
  if (known !== undefined) return known;
  const whole = all
    .filter(({ completeness, contents, resource }) => {
      const isRead = completeness === 'complete' && contents?.isCut === false;
      return isRead && resource?.hasSelector === false;
    })
    .map((facts): Whole => ({ ms: msOf(facts), facts }))
    .sort((left, right) => (left.ms < right.ms ? -1 : left.ms > right.ms ? 1 : 0));
  kept.set(all, whole);
  return whole;
}

/** What does not say when it was taken comes first of all. */
function msOf(facts: BackupFacts): number {
  const ms = Date.parse(takenAtOf(facts) ?? '');
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}

function idsOf(application: ProtectedApplication, { contents }: BackupFacts): ReadonlySet<string> {
  return new Set(claimsOf(application, contents?.claims ?? []).map(idOf));
}
