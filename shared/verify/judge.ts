import type { NamedLocation } from '../config/config.ts';
import type {
  GoneBackup,
  LocationLook,
  RepositoryLook,
  SeenSchedule,
} from '../ledger/location-look.ts';
import { type Finding, finding, isAtLeast } from '../model/finding.ts';
import type { LadderRow } from '../model/ladder.ts';
import type { Verdict } from '../model/report.ts';
import type { SnapshotAnswer } from '../snapshots/snapshot-witness.ts';
import type { StoreSettings } from '../stores/settings.ts';
import { shown } from '../velero/artefacts/json.ts';
import { ageFindings } from '../velero/checks/backup-age.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import { rootFindings, type VeleroRoot } from '../velero/checks/root.ts';
import { shrinkFindings } from './anomalies.ts';
import type { ClusterLook } from './cluster.ts';
import type { VerifyConfig } from './job.ts';
import { judgeCluster } from './judge-cluster.ts';
import { judgePoints, type PointsJudgement, witnessesOf } from './judge-points.ts';
import { rpoFindings } from './objectives.ts';
import type { StandingOf } from './proofs.ts';
import { compareReplica } from './replicas.ts';
import { retentionFindings } from './retention.ts';
import type { ScheduleJudgement } from './schedules.ts';
import { archivedFindings, settingsFindings } from './settings.ts';
import type { SnapshotHome } from './snapshot-home.ts';
import { snapshotFindings } from './snapshots.ts';
import { vanished } from './vanished.ts';
import { type VolumeWitnesses, volumeStanding } from './volumes.ts';

/** Everything that was seen of a location, for a judgement that asks nobody any more. */
export interface LocationQuestion {
  readonly place: NamedLocation;
  readonly url: string;
  readonly root: VeleroRoot;
  readonly facts: readonly BackupFacts[];
  /** Every backup of the store is among `facts`: else nothing can be missed or gone. */
  readonly isComplete: boolean;
  readonly tampered: readonly Finding[];
  /** Backups that could not be read now, each with the reason. */
  readonly unread: ReadonlyMap<string, string>;
  readonly previous: LocationLook | undefined;
  readonly cluster: ClusterLook | undefined;
  /** By the namespace of their volumes. */
  readonly repositories: ReadonlyMap<string, RepositoryLook>;
  readonly home: SnapshotHome;
  readonly answers: ReadonlyMap<string, SnapshotAnswer>;
  /** Keys of snapshots about which nobody could tell. */
  readonly keysUnchecked: readonly string[];
  readonly settings: StoreSettings | undefined;
  /** Of a replica: what its source was last seen to be. */
  readonly source: { readonly url: string; readonly facts: readonly BackupFacts[] } | undefined;
  readonly isReplica: boolean;
  /** Backups of the same cluster elsewhere, as last seen; absent where not all of them are known. */
  readonly others: readonly BackupFacts[] | undefined;
  readonly config: VerifyConfig;
  readonly now: Date;
}

export interface LocationJudgement {
  readonly findings: readonly Finding[];
  readonly verdicts: readonly Verdict[];
  readonly rows: readonly LadderRow[];
  readonly standings: readonly StandingOf[];
  readonly gone: readonly GoneBackup[];
  readonly schedules: readonly SeenSchedule[];
  readonly measures: Readonly<Record<string, number>>;
  /** Witnesses that could not be asked, a clause each. */
  readonly unchecked: readonly string[];
}

/** Judges a location by all that was seen of it. Pure. */
export function judgeLocation(question: LocationQuestion): LocationJudgement {
  const { url, facts, now, previous, isComplete, cluster } = question;
  const gone = isComplete
    ? vanished(previous, new Set(facts.map(({ backup }) => backup)), {
        url,
        now,
        uids: new Map(facts.flatMap(uidOf)),
      })
    : { gone: previous?.gone ?? [], findings: [] };
  const judged = judgeCluster(question, gone.gone);
  const points = judgePoints(question, judged);
  const findings = [
    ...rootFindings(question.root, url),
    ...unreadFindings(question),
    ...facts.flatMap((each) => ownFindings(each, question)),
    ...archivedFindings(url, facts),
    ...[...question.repositories.values()].flatMap((look) => look.findings),
    ...snapshotFindings({
      facts,
      answers: question.answers,
      repositories: question.repositories,
      home: question.home,
      url,
    }),
    ...settingFindings(question),
    ...(cluster?.findings ?? []),
    ...judged.findings,
    ...(isComplete ? overTime(question, points, judged.schedules) : []),
    ...replicaFindings(question),
    ...gone.findings,
  ];
  const unchecked = [
    ...(cluster?.unchecked ?? []),
    ...judged.unchecked,
    ...(question.isReplica && question.source === undefined ? [SOURCE_UNKNOWN] : []),
    ...question.keysUnchecked.map((id) => `Nobody tells whether the key ${shown(id)} can be used`),
  ];
  return {
    findings,
    verdicts: verdictsOf(question, points.standings, findings),
    rows: points.rows,
    standings: points.standings,
    gone: gone.gone,
    schedules: judged.schedules?.seen ?? previous?.schedules ?? [],
    measures: { applications: points.rows.length, recoveryPoints: points.standings.length },
    unchecked,
  };
}

function unreadFindings({ unread, url }: LocationQuestion): readonly Finding[] {
  if (unread.size === 0) return [];
  const [[name, reason] = ['', '']] = unread;
  const more = unread.size > 1 ? ` and ${unread.size - 1} more` : '';
  const message = `Backup ${shown(name)}${more} could not be read: ${reason}`;
  const reasons = [...unread].map(([backup, why]) => `${shown(backup)}: ${why}`);
  return [finding('BACKUPS_UNREAD', url, message, { evidence: { reasons } })];
}

/**
 * What a look found in one backup, what the hour adds, and whether it is what it was. Velero removes
 * an expired backup object by object: what is half gone then is no damage.
 */
function ownFindings(facts: BackupFacts, question: LocationQuestion): readonly Finding[] {
  const { url, now, tampered, unread } = question;
  const subject = backupSubject(url, facts.backup);
  const found = [
    ...facts.findings,
    ...(unread.has(facts.backup) ? [] : ageFindings(facts, { url, now })),
    ...tampered.filter((each) => each.subject === subject),
  ];
  const expiredMs = now.getTime() - Date.parse(facts.resource?.expiresAt ?? '');
  if (!(expiredMs >= 0 && expiredMs < COLLECTED_WITHIN_MS)) return found;
  return found.map((each) => ({ ...each, severity: 'info' as const }));
}

/** Garbage is collected once an hour, and again after a failure; later it is POINT_EXPIRED_KEPT. */
const COLLECTED_WITHIN_MS = 48 * 3_600_000;

const SOURCE_UNKNOWN =
  'No run has looked at the source of this replica yet: they were not compared';

function uidOf({ backup, resource }: BackupFacts): readonly (readonly [string, string])[] {
  return resource === undefined ? [] : [[backup, resource.uid]];
}

function settingFindings(question: LocationQuestion): readonly Finding[] {
  const { settings, place, url, isReplica, now } = question;
  if (settings === undefined) return [];
  const { location, layout } = place;
  return settingsFindings({ settings, location, layout, url, isReplica, now });
}

/** What only shows over time, and only where every backup is known. */
function overTime(
  { url, facts, config, now, isReplica }: LocationQuestion,
  { rows, retention }: PointsJudgement,
  schedules: ScheduleJudgement | undefined,
): readonly Finding[] {
  const { fallPercent, backups } = config.settings.anomaly;
  const next = schedules?.next ?? [];
  const { keepPoints } = config.settings;
  return [
    ...rpoFindings(rows.filter(isJudged(config)), { url, now }),
    ...shrinkFindings(facts, { fallPercent, backups, url }),
    ...retentionFindings({ url, points: retention, next, keepPoints, isReplica, now }),
  ];
}

/** A run that was not to read Kopia data cannot say that nothing was ever proven. */
function isJudged({ rung }: VerifyConfig): (row: LadderRow) => boolean {
  return ({ proven, points }) => rung === 'intact' || proven !== undefined || points === 0;
}

function replicaFindings(question: LocationQuestion): readonly Finding[] {
  const { source, facts, url, now, isComplete } = question;
  if (source === undefined || !isComplete) return [];
  return compareReplica({
    source: source.facts,
    replica: facts,
    sourceUrl: source.url,
    replicaUrl: url,
    now,
  });
}

/** One verdict for each backup, by its own bytes and by the data of its volumes. */
function verdictsOf(
  question: LocationQuestion,
  standings: readonly StandingOf[],
  findings: readonly Finding[],
): readonly Verdict[] {
  const { url, facts, repositories } = question;
  const witnesses = witnessesOf(question);
  const own = Map.groupBy(standings, ({ standing }) => standing.backup);
  const bySubject = Map.groupBy(findings, ({ subject }) => subject);
  const ofBackups = facts.map((each): Verdict => {
    const subject = backupSubject(url, each.backup);
    const damages = (bySubject.get(subject) ?? []).filter(({ severity }) =>
      isAtLeast(severity, 'warning'),
    );
    const points = own.get(each.backup) ?? [];
    // What Velero itself calls failed is no recovery point, however whole its objects are.
    const isFailed = each.resource?.phase === 'Failed';
    const isDamaged = isFailed || !each.isWhole || points.some(({ isRefuted }) => isRefuted);
    if (each.completeness === 'unfinished') {
      return { kind: 'unchecked', subject, reason: each.incompleteReason ?? 'it is not finished' };
    }
    if (isDamaged) return { kind: 'damaged', subject, findings: damages };
    const unproven = points.find(({ standing }) => !standing.isProven);
    const reason =
      unproven === undefined
        ? unjudged(each, points, question.config.unprotected, witnesses)
        : (unproven.standing.why[0] ?? 'it was not proven');
    return reason === undefined
      ? { kind: 'verified', subject }
      : { kind: 'unchecked', subject, reason };
  });
  const ofRepositories = [...repositories.values()].map((look): Verdict => {
    const subject = `${url}/${look.prefix}`.replace(/\/$/, '');
    if (look.outcome === 'verified') return { kind: 'verified', subject };
    if (look.outcome === 'damaged') return { kind: 'damaged', subject, findings: look.findings };
    return { kind: 'unchecked', subject, reason: look.reason ?? 'it could not be read' };
  });
  return [...ofBackups, ...ofRepositories];
}

/**
 * Why nobody can say of all of a backup that it is whole: what no application that was judged holds
 * of it is not proven. A clause; `undefined` when everything in it is.
 */
function unjudged(
  { resource, contents, volumes, lookedAt }: BackupFacts,
  points: readonly StandingOf[],
  unprotected: readonly string[],
  witnesses: VolumeWitnesses,
): string | undefined {
  const phase = resource?.phase ?? '';
  if (points.length === 0 && phase !== 'Completed') return `its phase is ${shown(phase)}`;
  const judged = new Set(points.flatMap(({ standing }) => standing.volumes.map(idOf)));
  const unbound = new Set(
    contents?.claims
      .filter(({ isBound }) => !isBound)
      .map((each) => `${each.namespace}/${each.name}`),
  );
  const others = volumes.filter(({ id, claim, method }) => {
    if (judged.has(id) || unprotected.includes(claim?.namespace ?? '')) return false;
    return method !== 'none' || !unbound.has(id);
  });
  return others
    .map((each) => volumeStanding(each, witnesses, lookedAt))
    .find(({ isProven }) => !isProven)?.why;
}

function idOf({ volume }: { readonly volume: string }): string {
  return volume;
}
