import type { GoneBackup } from '../ledger/location-look.ts';
import type { Finding } from '../model/finding.ts';
import { claimFindings } from '../velero/cluster/claim-findings.ts';
import { coverageFindings } from '../velero/cluster/coverage-findings.ts';
import { disagreements } from '../velero/cluster/disagreements.ts';
import { matchStorageLocation } from '../velero/cluster/match-location.ts';
import { repositoryFindings } from '../velero/cluster/repository-findings.ts';
import { storageLocationFindings } from '../velero/cluster/storage-location-findings.ts';
import type {
  ClusterBackup,
  ClusterClaim,
  StorageLocation,
  Told,
  VeleroCluster,
} from '../velero/cluster/velero-cluster.ts';
import { configuredSchedule, type ScheduleFacts } from '../velero/schedule/schedule-resource.ts';
import { openZone, UTC } from '../velero/schedule/zone.ts';
import type { LocationQuestion } from './judge.ts';
import { judgeSchedules, type ScheduleJudgement, type ScheduleQuestion } from './schedules.ts';

/** What the cluster and the schedules say of a location. */
export interface ClusterJudgement {
  readonly findings: readonly Finding[];
  /** Absent for replicas: what is due there is what the source has. */
  readonly schedules: ScheduleJudgement | undefined;
  /** Of the whole cluster; absent when nobody told. */
  readonly claims: readonly ClusterClaim[] | undefined;
  /** Names of backups that Velero is deleting. */
  readonly deleting: ReadonlySet<string>;
  readonly unchecked: readonly string[];
}

/** Slots before that are history: their backups may have expired. */
const WINDOW_MS = 7 * 24 * 3_600_000;

/**
 * Sets what the cluster tells against the store, and the schedules against the backups.
 * @param gone backups that were made and have vanished since: their slots were not missed.
 */
export function judgeCluster(
  question: LocationQuestion,
  gone: readonly GoneBackup[],
): ClusterJudgement {
  const { url, facts, place, cluster: look, config, now, isComplete } = question;
  const cluster = look?.cluster;
  const claims = cluster && told(cluster.claims);
  const own = cluster && ownStorageLocation(cluster, question);
  const deleting = beingDeleted(cluster, own);
  const findings =
    cluster === undefined
      ? []
      : [
          ...storageLocationFindings({ cluster, location: place.location, url }),
          ...coverageFindings({ cluster, unprotected: config.unprotected, url }),
          ...(own === undefined ? [] : repositoryFindings({ cluster, storageLocation: own, url })),
          ...(own === undefined || !isComplete
            ? []
            : disagreements({ cluster, storageLocation: own, facts, url, now })),
          ...(isComplete && question.others !== undefined
            ? claimFindings({
                claims: cluster.claims,
                facts: [...facts, ...question.others],
                unprotected: config.unprotected,
                url,
                now,
              })
            : []),
        ];
  if (question.isReplica || !isComplete) {
    return { findings, schedules: undefined, claims, deleting, unchecked: [] };
  }
  const schedules = judgeSchedules({ ...scheduleQuestion(question, cluster, own), gone });
  return {
    findings: [...findings, ...schedules.findings],
    schedules,
    claims,
    deleting,
    unchecked: [],
  };
}

function beingDeleted(
  cluster: VeleroCluster | undefined,
  own: StorageLocation | undefined,
): ReadonlySet<string> {
  const all = (cluster && own && told(cluster.backups)) ?? [];
  const names = all
    .filter((each) => own !== undefined && isIn(each, own))
    .filter(({ status }) => status.phase === 'Deleting')
    .map(({ name }) => name);
  return new Set(names);
}

function told<T>(part: Told<T>): T | undefined {
  return part.outcome === 'told' ? part.value : undefined;
}

function ownStorageLocation(
  { storageLocations }: VeleroCluster,
  { place }: LocationQuestion,
): StorageLocation | undefined {
  const all = told(storageLocations);
  return all && matchStorageLocation(all, place.location);
}

/** The cluster knows best; without it the configuration; without that the backups themselves. */
function scheduleQuestion(
  { place, url, facts, cluster: look, config, previous, now }: LocationQuestion,
  cluster: VeleroCluster | undefined,
  own: StorageLocation | undefined,
): ScheduleQuestion {
  const inCluster = cluster && own && told(cluster.schedules);
  const configured = config.settings.schedules.filter(({ location }) => location === place.name);
  const clusterBackups = cluster && own && told(cluster.backups);
  const serverVersion = cluster?.serverVersion ?? look?.config.veleroVersion;
  const zone = look?.config.timeZone;
  return {
    url,
    location: place.name,
    schedules: inCluster
      ? inCluster.filter((each) => writesTo(each, own))
      : configured.map(({ name, cron, ttlMs }) =>
          configuredSchedule(name, cron, { ...(ttlMs !== undefined && { ttlMs }) }),
        ),
    ...(inCluster && {
      elsewhere: inCluster.filter((each) => !writesTo(each, own)).map(({ name }) => name),
    }),
    from: inCluster ? 'cluster' : configured.length > 0 ? 'configuration' : 'observation',
    ...(serverVersion !== undefined && { serverVersion }),
    serverZone: (zone === undefined ? undefined : openZone(zone)) ?? UTC,
    facts,
    ...(clusterBackups && { clusterBackups: clusterBackups.filter((each) => isIn(each, own)) }),
    seen: previous?.schedules ?? [],
    windowStart: new Date(now.getTime() - WINDOW_MS),
    now,
  };
}

function writesTo({ storageLocation }: ScheduleFacts, own: StorageLocation): boolean {
  return storageLocation === undefined ? own.isDefault : storageLocation === own.name;
}

function isIn({ storageLocation }: ClusterBackup, own: StorageLocation): boolean {
  return storageLocation === own.name;
}
