import type { GoneBackup } from '../ledger/location-look.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import type { ClusterBackup } from '../velero/cluster/velero-cluster.ts';
import { BACKUP_METADATA } from '../velero/layout.ts';
import { SCHEDULE_LABEL } from '../velero/schedule/scheduled-name.ts';
import type { FoundBackup } from '../velero/schedule/slot-types.ts';

/** What slots ask of a backup: its resource and its listing, without a look into its tarball. */
export type StoredBackup = Pick<
  BackupFacts,
  'backup' | 'resource' | 'objects' | 'incompleteReason'
>;

/** What stands against the slots of schedules. */
export interface FoundBackups {
  readonly found: readonly FoundBackup[];
  /** Of which no recovery point came, whatever their phase says, and why. */
  readonly lost: ReadonlyMap<string, string>;
}

const MINUTE_MS = 60_000;
/** The lists of store and cluster are read one after the other, and an upload takes its time. */
const APART_MS = 30 * MINUTE_MS;

/**
 * One entry for each name: the store is believed before the cluster, except where Velero gave a
 * backup up and could not write that down. A backup that an earlier run saw complete, and that is
 * gone, has answered its slot: that it is gone is a finding of its own.
 */
export function foundBackups(
  facts: readonly StoredBackup[],
  clusterBackups: readonly ClusterBackup[],
  gone: readonly GoneBackup[],
  now: Date,
): FoundBackups {
  const found = new Map<string, FoundBackup>();
  const lost = new Map<string, string>();
  for (const each of gone) if (each.wasComplete) found.set(each.backup, fromLedger(each));
  for (const each of clusterBackups) {
    found.set(each.name, fromCluster(each));
    const { phase, completedAt } = each.status;
    const isOld = completedAt !== undefined && now.getTime() - completedAt.getTime() > APART_MS;
    if (isOld && (phase === 'Completed' || phase === 'PartiallyFailed')) {
      lost.set(each.name, `the cluster calls it ${phase}, and it is not in the store`);
    }
  }
  const inCluster = new Map(clusterBackups.map((each) => [each.name, each]));
  for (const each of facts) {
    const there = inCluster.get(each.backup);
    if (each.resource !== undefined) {
      lost.delete(each.backup);
      found.set(each.backup, fromStore(each, each.resource, there?.status.phase));
    } else if (there === undefined) {
      const isYoung = now.getTime() - newestMs(each) <= APART_MS;
      if (!isYoung) lost.set(each.backup, unreadable(each));
      found.set(each.backup, { name: each.backup, phase: isYoung ? 'InProgress' : 'Failed' });
    } else if (lost.has(each.backup)) {
      lost.set(each.backup, unreadable(each));
    }
  }
  return { found: [...found.values()], lost };
}

function unreadable({ incompleteReason }: StoredBackup): string {
  return `what the store has of it is no backup: ${incompleteReason ?? 'it cannot be read'}`;
}

function newestMs({ objects }: StoredBackup): number {
  return objects.reduce((ms, { lastModified }) => Math.max(ms, Date.parse(lastModified)), 0);
}

function fromLedger({ backup, schedule, startedAt }: GoneBackup): FoundBackup {
  const started = dated('started', startedAt);
  return {
    name: backup,
    labels: labelled(schedule),
    ...(started.started === undefined ? {} : { ...started, created: started.started }),
    phase: 'Completed',
  };
}

function fromCluster({ name, schedule, createdAt, spec, status }: ClusterBackup): FoundBackup {
  const { itemOperationTimeoutMs } = spec;
  const { phase, startedAt, completedAt } = status;
  return {
    name,
    labels: labelled(schedule),
    ...(createdAt === undefined ? {} : { created: createdAt }),
    ...(startedAt === undefined ? {} : { started: startedAt }),
    ...(completedAt === undefined ? {} : { completed: completedAt }),
    phase,
    ...(itemOperationTimeoutMs === undefined ? {} : { itemOperationTimeoutMs }),
  };
}

function fromStore(
  { backup, objects }: StoredBackup,
  resource: NonNullable<BackupFacts['resource']>,
  clusterPhase: string | undefined,
): FoundBackup {
  const { meaning, itemOperationTimeoutMs } = resource;
  const key = `backups/${backup}/${BACKUP_METADATA}`;
  const written = objects.find((object) => object.key === key)?.lastModified;
  const isGivenUp = meaning !== 'ended' && clusterPhase === 'Failed';
  return {
    name: backup,
    labels: labelled(resource.schedule),
    ...dated('created', resource.createdAt),
    ...dated('started', resource.startedAt),
    ...dated('completed', resource.completedAt),
    phase: isGivenUp ? 'Failed' : resource.phase,
    ...dated('phaseSince', written),
    ...(itemOperationTimeoutMs === undefined ? {} : { itemOperationTimeoutMs }),
  };
}

function labelled(schedule: string | undefined): Readonly<Record<string, string>> {
  return schedule === undefined ? {} : { [SCHEDULE_LABEL]: schedule };
}

function dated<Name extends string>(
  name: Name,
  text: string | undefined,
): Partial<Record<Name, Date>> {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? {} : ({ [name]: new Date(ms) } as Record<Name, Date>);
}
