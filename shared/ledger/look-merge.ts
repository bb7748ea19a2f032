import { isRungAtLeast } from '../model/rung.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import type { GoneBackup, LocationLook, ProofMark } from './location-look.ts';

/**
 * What two runs at once know together of a location, whichever of them is asked first. The later
 * whole look says which backups there are; of each backup, and of each proof, the later word counts.
 */
export function mergedLooks(one: LocationLook, other: LocationLook): LocationLook {
  const [late, early] = inOrder(one, other);
  const backups = new Map(late.backups.map((facts) => [facts.backup, facts]));
  const owner = new Map(late.backups.map(({ backup }) => [backupSubject('', backup), late]));
  for (const facts of early.backups) {
    const known = backups.get(facts.backup);
    // What the later look does not have was gone by then, unless it was read after that.
    const since = known?.lookedAt ?? late.lookedAt;
    if (msOf(facts.lookedAt) <= msOf(since)) continue;
    backups.set(facts.backup, facts);
    owner.set(backupSubject('', facts.backup), early);
  }
  return {
    ...late,
    backups: ascending([...backups.values()], ({ backup }) => backup),
    gone: mergedGone([...late.gone, ...early.gone], backups),
    marks: mergedMarks([...late.marks, ...early.marks]),
    tampered: [late, early].flatMap((look) =>
      look.tampered.filter(({ subject }) => (owner.get(withoutUrl(subject)) ?? late) === look),
    ),
  };
}

/** Of equal times the greater run id comes last, so that the order of the two makes no difference. */
function inOrder(
  one: LocationLook,
  other: LocationLook,
): readonly [late: LocationLook, early: LocationLook] {
  const apartMs = msOf(one.lookedAt) - msOf(other.lookedAt);
  const isLate = apartMs === 0 ? one.runId >= other.runId : apartMs > 0;
  return isLate ? [one, other] : [other, one];
}

function msOf(time: string): number {
  return Date.parse(time);
}

/** Of a finding about a backup, as `backupSubject('', name)`: names have no slash. */
function withoutUrl(subject: string): string {
  return subject.slice(subject.lastIndexOf('/backups/'));
}

/** Each as it was first missed. */
function mergedGone(
  gone: readonly GoneBackup[],
  backups: ReadonlyMap<string, BackupFacts>,
): readonly GoneBackup[] {
  const merged = new Map<string, GoneBackup>();
  for (const each of gone) {
    const here = backups.get(each.backup);
    // It is missed by one look and there in the later one.
    if (here !== undefined && here.resource?.uid === each.uid) continue;
    const key = JSON.stringify([each.backup, each.uid]);
    const known = merged.get(key);
    if (known === undefined || msOf(each.missedAt) < msOf(known.missedAt)) merged.set(key, each);
  }
  return ascending([...merged.values()], ({ backup, missedAt }) => `${backup} ${missedAt}`);
}

/** Of equal times the refutation counts, and the lower rung. */
function mergedMarks(marks: readonly ProofMark[]): readonly ProofMark[] {
  const merged = new Map<string, ProofMark>();
  for (const mark of marks) {
    const key = JSON.stringify([mark.application, mark.point]);
    const known = merged.get(key);
    if (known === undefined || isNewer(mark, known)) merged.set(key, mark);
  }
  return ascending([...merged.values()], ({ application, point }) => `${application} ${point}`);
}

function isNewer(mark: ProofMark, known: ProofMark): boolean {
  const apartMs = msOf(mark.provenAt) - msOf(known.provenAt);
  if (apartMs !== 0) return apartMs > 0;
  if (mark.outcome !== known.outcome) return mark.outcome === 'refuted';
  return isRungAtLeast(known.rung, mark.rung);
}

function ascending<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return [...items].sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
}
