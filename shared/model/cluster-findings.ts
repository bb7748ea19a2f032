import type { FindingKind } from './finding.ts';

/** What the question to a cluster can find. */
export const CLUSTER_FINDINGS = {
  BACKUP_DELETION_STUCK: {
    severity: 'warning',
    title: 'A deletion of a backup does not end',
    meaning:
      'A backup has been in phase Deleting for more than an hour, and nothing has changed it since',
    why: 'A step of the deletion failed: snapshots or objects of it may be gone already, so it is no recovery point; what is left costs money and is never cleaned up',
    fix: 'Read the errors with "velero backup describe <name>" (Deletion Attempts), remove their cause, and delete it again with "velero backup delete <name>"',
  },
  BACKUP_NOT_IN_CLUSTER: {
    severity: 'warning',
    title: 'A stored backup is unknown to the cluster',
    meaning:
      'The store holds a finished backup, the location has been synchronised since, and the cluster has no Backup resource of it',
    why: 'Velero shows every finished backup of its location within minutes: it cannot read this one, its metadata was put there by somebody else, or it is no longer garbage-collected because its cluster does not know it',
    fix: 'Look at why: kubectl -n velero logs deploy/velero | grep <name>; compare with who wrote the object in the access log of the store',
  },
  BACKUP_NOT_IN_STORE: {
    severity: 'error',
    title: 'A backup of the cluster is not in the store',
    meaning:
      'The cluster has a finished Backup resource, and the location does not hold its velero-backup.json',
    why: 'There is nothing to restore from. If many are gone at once the bucket was emptied or another one is mounted, and the cluster forgets its backups at the next synchronisation',
    fix: 'Compare the bucket and prefix of the location with "kubectl -n velero get backupstoragelocations -o yaml"; restore the objects from older versions, and look for who removed them in the access log',
  },
  BACKUP_PHASE_DISAGREES: {
    severity: 'critical',
    title: 'Cluster and store disagree about a backup',
    meaning:
      'The phase of a backup in the cluster is not the one in its stored velero-backup.json, and no longer on the way to it',
    why: 'When the last upload fails Velero still calls the backup Completed (Velero issue 9644). The store is what other clusters see: they skip a backup that is not finished there, and its tarball may lack the handles of its snapshots',
    fix: 'Do not rely on this backup outside its cluster: take a new one with "velero backup create --from-schedule <schedule>" and look for the failed upload in "velero backup logs <name>"',
  },
  BACKUP_REFUSED: {
    severity: 'error',
    title: 'Velero refused a backup',
    meaning:
      'A backup is FailedValidation: Velero never began it, and the store knows nothing of it',
    why: 'Whoever asked for it has no recovery point, and without a look at the cluster nobody finds out',
    fix: 'Remove the cause that the message names, then "kubectl -n velero delete backups.velero.io <name>" and take the backup again',
  },
  CLAIM_UNPROTECTED: {
    severity: 'error',
    title: 'Volumes that no backup contains',
    meaning:
      'Bound PersistentVolumeClaims of a namespace are older than a day and than the newest complete backup, and no complete backup contains them',
    why: 'If they are lost there is nothing to restore them from',
    fix: 'Add the namespace or the labels of these claims to a schedule ("velero schedule describe" shows what it takes); or list the namespace under "protect: unprotected:"',
  },
  CLUSTER_UNCHECKED: {
    severity: 'warning',
    title: 'A cluster could not be asked',
    meaning:
      'The API server of a cluster, or parts of what Drydock asks it, could not be read; the evidence names the parts and why',
    why: 'What the cluster would have said is unchecked: refused backups, backups that disagree with the store, an unavailable location, and what no schedule takes',
    fix: 'Read the reason in the message; grant the rights of the observer role ("list" on the velero.io resources, namespaces, persistentvolumeclaims, customresourcedefinitions and custom resources)',
  },
  LOCATION_SILENT: {
    severity: 'error',
    title: 'No sign of life from the Velero server',
    meaning:
      'The server has not validated or synchronised the storage location for more than five minutes, or three of its own periods',
    why: 'It does both about every minute: it is down or hangs, and makes no backups either',
    fix: 'Look at the server: kubectl -n velero get pods, kubectl -n velero logs deploy/velero --tail=100. If its flags make these periods longer, state them in the location (backupSyncPeriod, validationFrequency)',
  },
  LOCATION_UNAVAILABLE: {
    severity: 'critical',
    title: 'Velero cannot use its storage location',
    meaning: 'The BackupStorageLocation is Unavailable; the message is that of the server',
    why: 'As long as it is, every backup, restore, deletion and synchronisation of it fails',
    fix: 'Remove what the message names (credentials, bucket, a folder at the root that Velero does not know); Velero tries again each minute: kubectl -n velero get backupstoragelocations',
  },
  LOCATION_UNKNOWN_TO_CLUSTER: {
    severity: 'warning',
    title: 'No storage location of the cluster is this one',
    meaning:
      'The configuration names a cluster whose Velero writes to this location, and none of its BackupStorageLocations has this bucket and prefix',
    why: 'Nothing new is written here, or the configuration names another bucket, prefix or cluster than Velero uses: the backups that are checked are not those that are made',
    fix: 'Compare with "kubectl -n velero get backupstoragelocations -o yaml" and correct "url:" or "cluster:" of the location',
  },
  NAMESPACE_EXCLUDED: {
    severity: 'warning',
    title: 'A namespace is excluded from backups',
    meaning: 'A schedule excludes a namespace that is none of the four that need no backup',
    why: 'An exclusion outlives its reason: what is put into the namespace later is lost without anybody noticing',
    fix: 'Take it out of "spec.template.excludedNamespaces" of the schedule, or list it under "protect: unprotected:" if it needs no backup',
  },
  NAMESPACE_UNSCHEDULED: {
    severity: 'error',
    title: 'A namespace that no schedule takes',
    meaning:
      'A namespace holds PersistentVolumeClaims or custom resources, and no schedule that runs takes it',
    why: 'Nothing in it can be restored',
    fix: 'Add it to "spec.template.includedNamespaces" of a schedule, or list it under "protect: unprotected:" if it needs no backup',
  },
  REPOSITORY_NOT_READY: {
    severity: 'error',
    title: 'Velero cannot open a volume repository',
    meaning: 'A BackupRepository is NotReady; the message is that of the server',
    why: 'Volumes of this namespace are neither backed up nor restored as long as it is',
    fix: 'Read it with "kubectl -n velero get backuprepositories -o yaml"; remove the cause (password, credentials, a folder that holds no repository), then delete the BackupRepository: Velero connects anew',
  },
  REPOSITORY_UNMAINTAINED: {
    severity: 'warning',
    title: 'The maintenance of a volume repository fails',
    meaning:
      "Velero's last maintenance of a repository failed, or is older than three times its frequency",
    why: 'Expired data is not removed and indexes are not compacted: cost grows, and backups and restores take ever more time and memory',
    fix: 'Look at its jobs: kubectl -n velero get jobs,pods | grep maintain; often they lack memory (the ConfigMap of --repo-maintenance-job-configmap sets it)',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
