import type { ProofMark } from '../ledger/location-look.ts';
import type { LadderRow } from '../model/ladder.ts';
import { shownReference } from '../snapshots/snapshot-error.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import type { ClusterClaim } from '../velero/cluster/velero-cluster.ts';
import { applicationsOf, type ProtectedApplication, partOf } from './applications.ts';
import type { LocationQuestion } from './judge.ts';
import type { ClusterJudgement } from './judge-cluster.ts';
import { breachAfterMs } from './objectives.ts';
import { ladderRow, type PointStanding, standingOf } from './points.ts';
import { markKey, remembered, type StandingOf } from './proofs.ts';
import type { RetentionPoint } from './retention.ts';
import { usualDurations } from './schedules.ts';
import { leftOut } from './selected.ts';
import type { VolumeStanding, VolumeWitnesses } from './volumes.ts';

export interface PointsJudgement {
  readonly rows: readonly LadderRow[];
  readonly standings: readonly StandingOf[];
  readonly retention: readonly RetentionPoint[];
}

const DAY_MS = 24 * 3_600_000;
/** A route runs at least once an hour, and copies for a while. */
const REPLICATION_MS = 2 * 3_600_000;

/** Puts the recovery points of each application on their rungs. */
export function judgePoints(
  question: LocationQuestion,
  cluster: ClusterJudgement,
): PointsJudgement {
  const { place, previous } = question;
  const marks = new Map((previous?.marks ?? []).map((mark) => [markKey(mark), mark]));
  const rows: LadderRow[] = [];
  const standings: StandingOf[] = [];
  const retention: RetentionPoint[] = [];
  const durations = cluster.schedules?.usualDurationMs ?? usualDurations(question.facts);
  for (const application of applications(question, cluster.claims)) {
    const own = standingsOf(application, question, cluster, marks);
    if (own.length === 0 && !isExpectedHere(application, question)) continue;
    standings.push(...own);
    retention.push(...own.map((each) => retentionPoint(each, question)));
    const schedules = new Set(own.flatMap(({ schedule }) => schedule ?? []));
    rows.push(
      ladderRow({
        application,
        location: place.name,
        points: own.map(({ standing }) => standing),
        rpoMs: application.rpoMs,
        breachAfterMs: breachMs(application, schedules, question, cluster, durations),
      }),
    );
  }
  if (rows.length === 0) rows.push(...lostRows(question, cluster.claims));
  return { rows, standings, retention };
}

/**
 * Where the applications are those that backups and clusters show, and none shows any more: the
 * ones that were proven here once. An emptied location must not be one that lacks nothing.
 */
function lostRows(
  { place, config, facts, previous, isComplete }: LocationQuestion,
  claims: readonly ClusterClaim[] | undefined,
): readonly LadderRow[] {
  // The cluster knows what is left to protect.
  if (config.applications !== undefined || claims !== undefined || !isComplete) return [];
  const isEmpty = !facts.some(({ completeness }) => completeness === 'complete');
  if (config.application !== undefined && !isEmpty) return [];
  const { rpoMs } = config.settings;
  const names = new Set(previous?.marks.map(({ application }) => application));
  return [...names]
    .filter((name) => config.application === undefined || config.application === name)
    .filter((name) => !config.unprotected.includes(name))
    .map((name) =>
      ladderRow({
        application: { name, namespaces: [name] },
        location: place.name,
        points: [],
        rpoMs,
        breachAfterMs: breachAfterMs(rpoMs, undefined),
      }),
    );
}

function applications(
  { config, facts, source }: LocationQuestion,
  claims: readonly ClusterClaim[] | undefined,
): readonly ProtectedApplication[] {
  const all = [...facts, ...(source?.facts ?? [])];
  const { applications: configured, unprotected, settings } = config;
  const found = applicationsOf(configured, unprotected, all, claims, settings.rpoMs);
  return found.filter(
    ({ name }) => config.application === undefined || config.application === name,
  );
}

/**
 * A configured application belongs to each location that it does not leave out. Of one that was
 * found elsewhere the claims without a backup, or the replica that is behind, are told already.
 */
function isExpectedHere(
  { isConfigured, locations }: ProtectedApplication,
  { place }: LocationQuestion,
): boolean {
  return isConfigured && (locations === undefined || locations.includes(place.name));
}

interface OwnStanding extends StandingOf {
  readonly schedule: string | undefined;
}

function standingsOf(
  application: ProtectedApplication,
  question: LocationQuestion,
  cluster: ClusterJudgement,
  marks: ReadonlyMap<string, ProofMark>,
): readonly OwnStanding[] {
  const { facts, config, now } = question;
  const { claims } = cluster;
  const witnesses = witnessesOf(question);
  const { proofAgeMsMax } = witnesses;
  const changed = new Set(question.tampered.map(({ subject }) => subject));
  return facts.flatMap((each): OwnStanding[] => {
    const held = partOf(application, each, claims);
    if (held === undefined) return [];
    // Where the cluster told its claims, those that are missing are known.
    const lacking = claims === undefined ? leftOut(application, each, facts) : [];
    const part = lacking.length === 0 ? held : { ...held, unchecked: leftOutText(lacking) };
    const isTampered = changed.has(backupSubject(question.url, each.backup));
    const fresh = standingOf({
      application,
      part,
      facts: each,
      witnesses,
      isTampered,
      firstSightMatches: !isTampered,
      rungWanted: config.rung,
    });
    if (fresh === undefined) return [];
    if (cluster.deleting.has(each.backup)) return [beingDeleted(application, fresh, each)];
    const isRefuted = !fresh.isWhole || fresh.volumes.some(isLost);
    const mark = marks.get(markKey({ application: application.name, point: fresh.point }));
    const standing = remembered({ standing: fresh, isRefuted }, mark, proofAgeMsMax, now);
    const schedule = each.resource?.schedule;
    return [{ application: application.name, standing, isRefuted, schedule }];
  });
}

/** Velero removes snapshots and volume data first, and the objects of the backup last. */
function beingDeleted(
  { name: application }: ProtectedApplication,
  fresh: PointStanding,
  { resource }: BackupFacts,
): OwnStanding {
  const why = ['Velero is deleting it, its volumes first', ...fresh.why];
  const standing = { ...fresh, rung: 'reported' as const, isProven: false, why };
  return { application, standing, isRefuted: true, schedule: resource?.schedule };
}

function leftOutText([first = '', ...others]: readonly string[]): string {
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return `a selector chose what it holds, and it lacks ${shownReference(first)}${more}, which a backup beside it has`;
}

/** Who can say something about the data of the volumes of this location. */
export function witnessesOf(question: LocationQuestion): VolumeWitnesses {
  const { home, answers: snapshots, repositories, config, now } = question;
  const proofAgeMsMax = config.settings.proofDays * DAY_MS;
  return { home, snapshots, repositories, proofAgeMsMax, now };
}

function isLost({ outcome }: VolumeStanding): boolean {
  return outcome === 'missing' || outcome === 'damaged';
}

function retentionPoint(
  { application, standing, schedule }: OwnStanding,
  { place }: LocationQuestion,
): RetentionPoint {
  const { backup: point, takenAt, expiresAt, isProven } = standing;
  return {
    application,
    location: place.name,
    point,
    takenAt,
    isProven,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(schedule !== undefined && { schedule }),
  };
}

/** The usual duration of the slowest of its schedules; a replica is behind its source by design. */
function breachMs(
  { rpoMs }: ProtectedApplication,
  own: ReadonlySet<string>,
  { isReplica }: LocationQuestion,
  { schedules }: ClusterJudgement,
  usualDurationMs: ReadonlyMap<string, number>,
): number {
  const durations = [...own].map((name) => usualDurationMs.get(name) ?? 0);
  const intervals = [...own].flatMap((name) => schedules?.intervalMs.get(name) ?? []);
  const intervalMs = intervals.length === 0 ? undefined : Math.min(...intervals);
  const breach = breachAfterMs(rpoMs, Math.max(0, ...durations), intervalMs);
  return breach + (isReplica ? REPLICATION_MS : 0);
}
