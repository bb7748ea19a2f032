import { type Finding, finding } from '../../model/finding.ts';
import type { BackupFacts, ResourceFacts } from '../checks/backup-facts.ts';
import { backupSubject, plain, readable } from '../checks/plain.ts';
import { progressOf, type ServerLoad } from '../schedule/backup-progress.ts';
import { SLOT_LIMITS } from '../schedule/slot-types.ts';
import { hasQueue } from '../schedule/slots.ts';
import { commandWord, kubectlIn } from './kubectl.ts';
import type { ClusterBackup, StorageLocation, VeleroCluster } from './velero-cluster.ts';

export interface DisagreementQuestion {
  readonly cluster: VeleroCluster;
  /** As `matchStorageLocation` found it. */
  readonly storageLocation: StorageLocation;
  /**
   * Of every backup of the store, as it is now: a backup that is not among them counts as absent.
   */
  readonly facts: readonly BackupFacts[];
  /** Of the location. */
  readonly url: string;
  readonly now: Date;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Between the list of the cluster, the list of the store and the last write of a backup. */
const RACE_MS = 5 * MINUTE_MS;
const DELETION_MS = HOUR_MS;
/** Of the same name elsewhere Velero says nothing for this long: it may not have tried yet. */
const SYNC_SURELY_MS = HOUR_MS;
const ERRORS_SHOWN = 5;

/** In the cluster, but never in the store as long as the backup is in it. */
const ON_THE_WAY: ReadonlySet<string> = new Set([
  '',
  'New',
  'Queued',
  'ReadyToStart',
  'InProgress',
]);

/**
 * V11: where the Backup resources of a cluster and what the store holds contradict each other, and
 * what the cluster alone knows of backups that never reach the store. Without told Backup
 * resources nothing is claimed.
 */
export function disagreements(question: DisagreementQuestion): readonly Finding[] {
  const { cluster, storageLocation, facts } = question;
  if (cluster.backups.outcome === 'unchecked') return [];
  const all = cluster.backups.value;
  const { storageLocations } = cluster;
  const names = new Set(
    storageLocations.outcome === 'told' ? storageLocations.value.map(({ name }) => name) : [],
  );
  const own = all.filter((backup) => isOf(backup, storageLocation, names));
  const stored = new Map(facts.map((each) => [each.backup, each]));
  const load = loadOf(all, cluster.serverVersion);
  const known = new Set(all.map(({ name }) => name));
  return [
    ...own.flatMap((backup) => [
      ...ofBackup(backup, stored.get(backup.name), question),
      ...refused(backup, own, question),
      ...stuck(backup, stored.get(backup.name), load, question),
    ]),
    // Velero passes over a stored backup whose name is taken by one of another location.
    ...facts.flatMap((each) => (known.has(each.backup) ? [] : unknown(each, question))),
  ];
}

/** One that names no location that exists never had any: it is told where backups go by default. */
function isOf(
  { storageLocation: name }: ClusterBackup,
  location: StorageLocation,
  known: ReadonlySet<string>,
): boolean {
  if (name === location.name) return true;
  return location.isDefault && (name === undefined || !known.has(name));
}

/** What both know, or only the cluster, of a backup that has ended there. */
function ofBackup(
  backup: ClusterBackup,
  facts: BackupFacts | undefined,
  question: DisagreementQuestion,
): readonly Finding[] {
  const { name, status, deletingSince } = backup;
  const { now } = question;
  const subject = backupSubject(question.url, name);
  if (deletingSince !== undefined) {
    if (ageMs(deletingSince, now) <= DELETION_MS) return [];
    const since = `${hours(ageMs(deletingSince, now))} ago`;
    const message = `Its deletion was under way when it last changed, ${since}, and has not ended`;
    return [finding('BACKUP_DELETION_STUCK', subject, message, { hint: deletionHint(name) })];
  }
  // The garbage collection is about to remove it, first from the store.
  if (status.expiresAt !== undefined && status.expiresAt <= now) return [];
  const stored = facts?.resource;
  const settled = ageMs(status.completedAt ?? backup.createdAt, now) > RACE_MS;
  if (status.meaning === 'ended') {
    if (!settled) return [];
    if (stored === undefined) {
      return status.phase === 'Failed'
        ? [failed(subject, backup)]
        : [absent(subject, backup, question)];
    }
    // What Velero never writes is a finding of the store by itself.
    const isComparable = stored.meaning === 'ended' || stored.meaning === 'at-work';
    if (!isComparable || stored.phase === status.phase) return [];
    return [disagreeing(subject, backup, stored)];
  }
  const isLeft = ageMs(timeOf(stored?.completedAt), now) > SLOT_LIMITS.finalizingMs;
  if (stored?.meaning !== 'ended' || !isLeft || status.meaning !== 'at-work') return [];
  return [disagreeing(subject, backup, stored)];
}

/** The store knows nothing of a backup whose upload failed, or that a restart of Velero ended. */
function failed(subject: string, { status }: ClusterBackup): Finding {
  const reason = status.failureReason === undefined ? '' : `: ${readable(status.failureReason)}`;
  return finding('BACKUP_FAILED', subject, `It failed, and the store does not hold it${reason}`);
}

function absent(
  subject: string,
  { name, status }: ClusterBackup,
  { cluster }: DisagreementQuestion,
): Finding {
  const message = `It is ${status.phase} in the cluster, and the store does not hold it`;
  const hint = `Look for older versions of the objects below "backups/${plain(name)}/", and compare the bucket of the location: ${kubectlIn(cluster.namespace)} get backupstoragelocations -o yaml`;
  return finding('BACKUP_NOT_IN_STORE', subject, message, { hint });
}

/** Critical where the cluster calls good what the store does not. */
function disagreeing(subject: string, backup: ClusterBackup, stored: ResourceFacts): Finding {
  const { phase } = backup.status;
  const isGoodHere = phase === 'Completed' || phase === 'PartiallyFailed';
  const severity = !isGoodHere ? 'warning' : stored.meaning === 'ended' ? 'error' : 'critical';
  const message = `It is ${readable(phase)} in the cluster and ${readable(stored.phase)} in the store`;
  const evidence = { inCluster: phase.slice(0, 100), inStore: stored.phase.slice(0, 100) };
  return finding('BACKUP_PHASE_DISAGREES', subject, message, { severity, evidence });
}

/** Worth knowing alone once a later backup of the same schedule came to its end. */
function refused(
  { name, schedule, createdAt, status }: ClusterBackup,
  own: readonly ClusterBackup[],
  question: DisagreementQuestion,
): readonly Finding[] {
  if (status.phase !== 'FailedValidation') return [];
  const isPast =
    schedule !== undefined &&
    own.some(
      (other) =>
        other.schedule === schedule &&
        (other.status.phase === 'Completed' || other.status.phase === 'PartiallyFailed') &&
        (other.createdAt?.getTime() ?? 0) > (createdAt?.getTime() ?? 0),
    );
  const reasons = status.validationErrors.slice(0, ERRORS_SHOWN).map(readable);
  const message = `Velero refused it: ${reasons.join('; ') || 'no reason is given'}`;
  const hint = `Remove the cause, then: ${kubectlIn(question.cluster.namespace)} delete backups.velero.io ${commandWord(name)}`;
  const more = isPast ? { severity: 'info' as const, hint } : { hint };
  return [finding('BACKUP_REFUSED', backupSubject(question.url, name), message, more)];
}

/** Of what the store cannot know; the rest is judged by what is stored. */
function stuck(
  backup: ClusterBackup,
  facts: BackupFacts | undefined,
  load: ServerLoad,
  question: DisagreementQuestion,
): readonly Finding[] {
  const { name, createdAt, status } = backup;
  const isOurs = facts?.resource === undefined || ON_THE_WAY.has(status.phase);
  if (!isOurs || status.meaning === 'ended' || createdAt === undefined) return [];
  const found = {
    name,
    phase: status.phase,
    ...(status.startedAt && { started: status.startedAt }),
  };
  const progress = progressOf(found, createdAt, load, SLOT_LIMITS, question.now);
  if (progress.kind !== 'stuck') return [];
  const message = `It does not get on: ${progress.reason}`;
  return [finding('BACKUP_STUCK', backupSubject(question.url, name), message)];
}

function loadOf(all: readonly ClusterBackup[], serverVersion: string | undefined): ServerLoad {
  const inPhase = (phase: string) =>
    new Set(all.filter(({ status }) => status.phase === phase).map(({ name }) => name));
  return {
    inProgress: inPhase('InProgress'),
    readyToStart: inPhase('ReadyToStart'),
    hasQueue: hasQueue(serverVersion),
  };
}

/** What only the store knows. Velero takes over what has ended, when it has synchronised since. */
function unknown(facts: BackupFacts, question: DisagreementQuestion): readonly Finding[] {
  const { storageLocation, now, cluster } = question;
  const { lastSyncedAt, phase } = storageLocation;
  if (facts.resource?.meaning !== 'ended' || phase !== 'Available') return [];
  const written = facts.objects.map(({ lastModified }) => Date.parse(lastModified));
  const writtenAt = new Date(written.reduce((latest, each) => Math.max(latest, each), 0));
  const settled = Math.min(ageMs(writtenAt, cluster.lookedAt), ageMs(writtenAt, lastSyncedAt));
  if (!(settled > RACE_MS)) return [];
  const severity = ageMs(writtenAt, now) > SYNC_SURELY_MS ? 'warning' : 'info';
  const message = `It is ${facts.resource.phase} in the store, and the cluster does not know it although it has synchronised since`;
  const logs = `${kubectlIn(cluster.namespace)} logs deploy/velero | grep ${commandWord(facts.backup)}`;
  const hint = `Look at why: ${logs}; and at who wrote it, in the access log of the store`;
  return [
    finding('BACKUP_NOT_IN_CLUSTER', backupSubject(question.url, facts.backup), message, {
      severity,
      hint,
    }),
  ];
}

function deletionHint(name: string): string {
  const word = commandWord(name);
  return `velero backup describe ${word} shows the errors of its deletion; remove their cause, then: velero backup delete ${word}`;
}

/** `NaN`, which is above no limit, where one of both is unknown. */
function ageMs(since: Date | undefined, until: Date | undefined): number {
  return (until?.getTime() ?? Number.NaN) - (since?.getTime() ?? Number.NaN);
}

function timeOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function hours(ms: number): string {
  return `${Math.floor(ms / HOUR_MS)} h`;
}
