import type { LadderPoint, LadderRow } from '../model/ladder.ts';
import { isRungAtLeast, RUNGS, type Rung } from '../model/rung.ts';
import { shownReference } from '../snapshots/snapshot-error.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { type ApplicationPart, type ProtectedApplication, takenAtOf } from './applications.ts';
import { type VolumeStanding, type VolumeWitnesses, volumeStanding } from './volumes.ts';

export interface PointQuestion {
  readonly application: ProtectedApplication;
  readonly part: ApplicationPart;
  readonly facts: BackupFacts;
  readonly witnesses: VolumeWitnesses;
  /** Its objects are not those of its first sight. */
  readonly isTampered: boolean;
  /** Its objects were read and are those of its first sight. */
  readonly firstSightMatches: boolean;
  /** How far the run goes: what stands lower because it was not looked at says so. */
  readonly rungWanted: Rung;
}

/** Where a recovery point of an application stands at a location. Times are RFC 3339. */
export interface PointStanding {
  /** Name and UID of the backup: the same in every run, another one for a name that is reused. */
  readonly point: string;
  readonly backup: string;
  /** The moment that a restore leads back to. */
  readonly takenAt: string;
  readonly expiresAt?: string;
  readonly rung: Rung;
  readonly isProven: boolean;
  /** When it was last shown to stand on its rung; absent on `reported`. */
  readonly provenAt?: string;
  /**
   * Nothing that was read speaks against it, its volumes left aside. Where something does, no
   * earlier proof counts for it either; what could not be read says nothing.
   */
  readonly isWhole: boolean;
  /** Why it is not proven, a clause each; empty when it is. */
  readonly why: readonly string[];
  readonly volumes: readonly VolumeStanding[];
}

/** How far clocks of a cluster may be ahead of ours. */
export const AHEAD_MS_MAX = 10 * 60_000;

/**
 * The rung of a recovery point: the lowest of its volumes', and `reported` alone when something
 * that a restore needs is missing or could not be checked.
 * @returns `undefined` when nobody says that the backup succeeded: then it is no recovery point
 */
export function standingOf(question: PointQuestion): PointStanding | undefined {
  const { facts, part, witnesses, isTampered, firstSightMatches } = question;
  const { resource } = facts;
  const takenAt = takenAtOf(facts);
  if (resource === undefined || takenAt === undefined) return undefined;
  if (resource.phase !== 'Completed' && resource.phase !== 'PartiallyFailed') return undefined;

  const volumes = part.volumes.map((each) => volumeStanding(each, witnesses, facts.lookedAt));
  const data = volumes.filter(({ kind, outcome }) => kind !== 'nothing' || outcome !== 'stands');
  const against = objections(question, takenAt);
  const unread = gaps(question);
  const isSettled = against.length === 0 && unread.length === 0;
  const isRead = data.length > 0 || firstSightMatches;
  const rung = lowest([
    ...volumes.map((volume) => volume.rung),
    ...(isSettled ? [] : ['reported' as const]),
    ...(isTampered || !isRead ? ['present' as const] : []),
    'intact',
  ]);
  const isYoung = ageMsOf(facts, witnesses.now) <= witnesses.proofAgeMsMax;
  const isProven =
    !isTampered &&
    isRungAtLeast(rung, 'present') &&
    (data.length > 0 ? data.every((volume) => volume.isProven) : rung === 'intact' && isYoung);
  const provenAt = rung === 'reported' ? undefined : shownAt(facts, data);
  const why = [
    ...against,
    ...unread,
    ...(isTampered ? ['its objects are not those of its first sight'] : []),
    ...(isRead ? [] : ['its objects were not compared with their first sight']),
    ...(isYoung || data.length > 0 ? [] : [`its objects were last read on ${facts.lookedAt}`]),
    ...data.flatMap((volume) => volume.why ?? []),
    ...notWanted(question.rungWanted, data),
  ];
  return {
    point: `${facts.backup} ${resource.uid}`,
    backup: facts.backup,
    takenAt,
    ...(resource.expiresAt !== undefined && { expiresAt: resource.expiresAt }),
    rung,
    isProven,
    ...(provenAt !== undefined && { provenAt }),
    isWhole: against.length === 0 && !isTampered,
    why: isProven ? [] : why,
    volumes,
  };
}

/** A clock that was ahead must not make a proof young for ever. */
function ageMsOf({ lookedAt }: BackupFacts, now: Date): number {
  return Math.abs(now.getTime() - Date.parse(lookedAt));
}

function lowest(rungs: readonly Rung[]): Rung {
  return RUNGS.find((rung) => rungs.includes(rung)) ?? 'reported';
}

/** What was read and speaks against the point. */
function objections(question: PointQuestion, takenAt: string): readonly string[] {
  const { facts, part, witnesses } = question;
  const why: string[] = [];
  if (facts.completeness !== 'complete') {
    const reason = facts.incompleteReason;
    why.push(`the backup is not complete${reason === undefined ? '' : `: ${reason}`}`);
  }
  if (!facts.isWhole) why.push('an artefact that a restore reads is missing or damaged');
  if (!(Date.parse(takenAt) <= witnesses.now.getTime() + AHEAD_MS_MAX)) {
    why.push(`it says that it was taken on ${takenAt}, which is yet to come`);
  }
  if (part.missingClaims.length > 0) {
    why.push(`it does not hold ${named(part.missingClaims)}, which the cluster had before`);
  }
  const errors = errorsOf(question);
  if (errors > 0) why.push(`Velero reports ${errorsText(errors)} about it`);
  return why;
}

/** What could not be read, so that nobody knows. */
function gaps({ facts, part }: PointQuestion): readonly string[] {
  const { unreadVolumeLists: lists } = facts;
  const several = sharedHandles(facts);
  const counted = facts.errors === undefined ? (facts.resource?.errors ?? 0) : 0;
  const doubtful = part.volumes.filter(({ handle = '' }) => several.has(handle));
  return [
    ...(part.unchecked === undefined ? [] : [part.unchecked]),
    ...(lists.length === 0 ? [] : [`lists of volumes could not be read: ${named(lists)}`]),
    ...(counted === 0
      ? []
      : [`Velero counts ${errorsText(counted)}, and what they are could not be read`]),
    ...(doubtful.length === 0
      ? []
      : [`several volumes name the same snapshot: ${named(doubtful.map(({ id }) => id))}`]),
  ];
}

/** A snapshot is of one volume: of claims that name the same one, all but one lack their data. */
function sharedHandles(facts: BackupFacts): ReadonlySet<string> {
  const known = shared.get(facts);
  if (known !== undefined) return known;
  const [seen, twice] = [new Set<string>(), new Set<string>()];
  for (const { handle, claim } of facts.volumes) {
    if (handle === undefined || claim === undefined) continue;
    (seen.has(handle) ? twice : seen).add(handle);
  }
  shared.set(facts, twice);
  return twice;
}

/** Kept per look: each application asks for its own volumes. */
const shared = new WeakMap<BackupFacts, ReadonlySet<string>>();

function errorsText(errors: number): string {
  return errors === 1 ? '1 error' : `${errors} errors`;
}

/** Errors of other namespaces do not concern the application. */
function errorsOf({ application, part, facts }: PointQuestion): number {
  if (facts.errors === undefined) return 0;
  const { velero, cluster, namespaces } = facts.errors;
  const own = new Set([...application.namespaces, ...part.claims.map((each) => each.namespace)]);
  return namespaces
    .filter(({ name }) => own.has(name))
    .reduce((sum, { errors }) => sum + errors, velero + cluster);
}

const NAMED_MAX = 5;

function named(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  const shown = names.slice(0, NAMED_MAX).map(shownReference).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The oldest proof of its parts; without data the tarball is what was read. */
function shownAt({ lookedAt }: BackupFacts, data: readonly VolumeStanding[]): string {
  const times = data.map(({ provenAt }) => provenAt).filter((time) => time !== undefined);
  const [first = lookedAt, ...others] = times;
  return others.reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a), first);
}

function notWanted(wanted: Rung, data: readonly VolumeStanding[]): readonly string[] {
  const isShort = data.some(({ kind, isProven }) => kind === 'kopia' && !isProven);
  if (isRungAtLeast(wanted, 'intact') || !isShort) return [];
  return [`this run was to go no further than "${wanted}"`];
}

export interface LadderQuestion {
  readonly application: Pick<ProtectedApplication, 'name' | 'namespaces' | 'class'>;
  /** Name of the location. */
  readonly location: string;
  readonly points: readonly PointStanding[];
  readonly rpoMs: number;
  readonly breachAfterMs: number;
}

const HOUR_MS = 3_600_000;

/** What `drydock status` shows of an application at a location. */
export function ladderRow(question: LadderQuestion): LadderRow {
  const { application, location, rpoMs, breachAfterMs } = question;
  const points = [...question.points].sort(newestFirst);
  const [newest] = points;
  const proven = points.find(({ isProven }) => isProven);
  const byRung: Partial<Record<Rung, LadderPoint>> = {};
  for (const rung of RUNGS) {
    const point = points.find((each) => isRungAtLeast(each.rung, rung));
    if (point !== undefined) byRung[rung] = ladderPoint(point);
  }
  return {
    application: application.name,
    location,
    ...(application.class !== undefined && { class: application.class }),
    namespaces: application.namespaces,
    rpoHours: hoursOf(rpoMs),
    breachAfterHours: hoursOf(breachAfterMs),
    points: points.length,
    ...(newest !== undefined && { newest: ladderPoint(newest) }),
    byRung,
    ...(proven !== undefined && { proven: ladderPoint(proven) }),
    why: whyOf(newest),
  };
}

/** One for each of ten thousand volumes would fill the ladder, which everybody reads. */
const WHY_MAX = 20;

function whyOf(newest: PointStanding | undefined): readonly string[] {
  const { why } = newest ?? { why: [] };
  const more = why.length - WHY_MAX;
  return more > 0 ? [...why.slice(0, WHY_MAX), `and ${more} reasons more`] : why;
}

/** To half a minute: these are read by people. */
function hoursOf(ms: number): number {
  return Math.round((ms / HOUR_MS) * 100) / 100;
}

function newestFirst(left: PointStanding, right: PointStanding): number {
  const apartMs = Date.parse(right.takenAt) - Date.parse(left.takenAt);
  return apartMs || (left.point < right.point ? 1 : -1);
}

function ladderPoint(standing: PointStanding): LadderPoint {
  const { backup, takenAt, rung, provenAt, expiresAt } = standing;
  return {
    point: backup,
    takenAt,
    rung,
    ...(provenAt !== undefined && { provenAt }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
