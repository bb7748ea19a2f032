import type { FindingKind } from './finding.ts';

/** What the check of one Velero backup, or of the root that it lies in, can find. */
export const VELERO_FINDINGS = {
  ARTEFACT_ARCHIVED: {
    severity: 'critical',
    title: 'Part of a backup lies in an archive tier',
    meaning:
      'Objects of a backup lie in an archive tier of the store and cannot be read as they are',
    why: 'Velero fails when it reads them: the backup cannot be restored before somebody has brought them back, which takes hours',
    fix: 'Bring the objects back ("aws s3api restore-object", "az storage blob set-tier --tier Hot") and exempt the Velero prefix from the lifecycle rule that archived them',
  },
  ARTEFACT_DAMAGED: {
    severity: 'critical',
    title: 'Part of a backup cannot be read',
    meaning:
      'Objects of a backup are there but cannot be read to their end: their gzip does not inflate, their archive breaks off, or their JSON is none',
    why: 'Velero stops where it cannot read on, so that the backup cannot be restored, or not all of it',
    fix: 'Restore the objects named in the evidence from older versions or from a replica and take a new backup. If they begin with transfer framing, upgrade velero-plugin-for-aws to v1.14.3 or later first',
  },
  ARTEFACT_EMPTY: {
    severity: 'critical',
    title: 'Part of a backup has no bytes',
    meaning: 'Objects of a backup are 0 bytes long, although Velero writes a gzip or JSON there',
    why: 'An upload was cut off, or somebody emptied them; what they held is lost here',
    fix: 'Restore the objects named in the evidence from older versions or from a replica, and take a new backup ("velero backup create --from-schedule <schedule>")',
  },
  ARTEFACT_MISSING: {
    severity: 'critical',
    title: 'Part of a backup is missing',
    meaning:
      'Velero called a backup finished, and objects that it writes with every backup are not there',
    why: 'Velero still lists the backup, but its restore fails or leaves volumes out. Somebody or some rule deleted single objects',
    fix: 'Restore the objects named in the evidence from older versions or from a replica; look for lifecycle rules that expire objects below this prefix',
  },
  ARTEFACT_TOO_LARGE: {
    severity: 'error',
    title: 'Part of a backup is too large to be read',
    meaning:
      'Objects of a backup are larger than Drydock reads, stored or inflated, and were not checked',
    why: 'What was not read is not proven. Objects of that size are rather made by an attacker than by Velero, whose own reader may run out of memory',
    fix: 'Look at the objects named in the evidence and at who wrote them; split a backup that is really that large by namespace',
  },
  BACKUP_COUNTERS_DISAGREE: {
    severity: 'warning',
    title: 'The counts of a backup do not add up',
    meaning:
      'A finished backup counts fewer snapshots or operations as completed than it began, or other numbers than its own lists',
    why: 'Something that was begun did not end well and may be missing, whatever the phase says',
    fix: 'Compare "velero backup describe <backup> --details" with the numbers in the evidence, and look for the cause with "velero backup logs <backup>"',
  },
  BACKUP_EMPTY: {
    severity: 'error',
    title: 'A backup holds nothing',
    meaning: 'Velero calls a backup successful, and there is not one object in its tarball',
    why: 'Nothing can be restored from it. Usually its namespaces or labels match nothing, or the server may not read them',
    fix: 'Compare includedNamespaces, labelSelector and resource filters of the backup or its schedule with the cluster ("velero backup describe <backup>")',
  },
  BACKUP_FAILED: {
    severity: 'error',
    title: 'A backup failed',
    meaning: 'The phase of a backup in the store is Failed',
    why: 'It is no recovery point: the newest good one is older',
    fix: 'Find the cause with "velero backup logs <backup>", then "velero backup create --from-schedule <schedule>"',
  },
  BACKUP_FOREIGN_FILES: {
    severity: 'warning',
    title: 'Foreign objects in the folder of a backup',
    meaning: 'The folder of a backup holds objects that no version of Velero writes',
    why: 'Somebody else writes there, and could replace the backup itself. Velero deletes them with the backup',
    fix: 'Find out who wrote the objects named in the evidence, move them to another prefix, and withdraw the right to write from everybody but Velero',
  },
  BACKUP_HOOKS_FAILED: {
    severity: 'error',
    title: 'Hooks of a backup failed',
    meaning: 'Commands that a backup had to run in pods, before or after it took them, failed',
    why: 'A database that was not dumped or quiesced may be inconsistent in the backup; with onError Fail Velero leaves its pod and volumes out',
    fix: 'Read the output of the hook with "velero backup logs <backup>", correct the command or its timeout, and take a new backup',
  },
  BACKUP_NAME_DIFFERS: {
    severity: 'error',
    title: 'A backup lies in the folder of another one',
    meaning: 'The name within velero-backup.json is not that of its folder',
    why: 'Velero looks for the tarball under the name within, which is not there: the folder was copied or renamed by hand, or planted',
    fix: 'Copy the folder back to the name that its velero-backup.json has; its objects carry that name, too',
  },
  BACKUP_PARTIALLY_FAILED: {
    severity: 'error',
    title: 'A backup failed in part',
    meaning: 'The phase of a backup in the store is PartiallyFailed: it was finished with errors',
    why: 'Objects or volumes are missing in it. A restore brings back the rest',
    fix: 'Read its errors with "velero backup describe <backup> --details", remove their cause, then "velero backup create --from-schedule <schedule>"',
  },
  BACKUP_PHASE_FOREIGN: {
    severity: 'critical',
    title: 'A backup in the store that Velero never stored so',
    meaning:
      'The phase in velero-backup.json is one that Velero has in the cluster alone, none, or unknown',
    why: 'Velero up to 1.18.2 runs a backup that it finds with the phase New or without one, hooks included: whoever may write to the bucket can run commands in the cluster (Velero #10347)',
    fix: 'Remove the folder unless you know who wrote it, find out who can write to the bucket, and upgrade Velero to a release later than 1.18.2',
  },
  BACKUP_STUCK: {
    severity: 'error',
    title: 'A backup does not finish',
    meaning:
      'A backup in the store is unfinished for longer than Velero may take: its operations have timed out, its finalizer failed, or the server was restarted',
    why: 'Velero takes it into no other cluster, so it is no recovery point, even where the cluster calls it Completed',
    fix: 'Look at the phase with "velero backup describe <backup>" and at the server with "kubectl -n velero logs deploy/velero"; if nothing works on it any more, delete it ("velero backup delete <backup>") and take a new one',
  },
  CONTENTS_CUT: {
    severity: 'warning',
    title: 'A tarball holds more than Drydock keeps account of',
    meaning:
      'A tarball was read to its end, but namespaces, claims or single objects above the limits of memory are not accounted for',
    why: 'Whether each volume claim has data, and which applications it holds, was checked for a part only',
    fix: 'Split the backup by namespace; limits are 20,000 namespaces and claims and 8 MiB for one object',
  },
  CONTENTS_DISAGREE: {
    severity: 'error',
    title: 'The tarball is not what its list says',
    meaning: 'The tarball holds other objects than the resource list of the same backup names',
    why: 'Objects were left out, or the tarball is not the one that was written with the list: a restore brings back something else than was promised. A warning where the errors of the backup explain what is lacking',
    fix: 'Compare "velero backup describe <backup> --details" with the kinds in the evidence; restore the tarball from an older version or a replica, or take a new backup',
  },
  COPIES_DIFFER: {
    severity: 'error',
    title: 'Copies of an object in a tarball differ',
    meaning:
      'Velero writes each object twice into a tarball, and for some the copies differ or one is missing',
    why: 'Velero writes both from the same bytes. A tarball in which they differ was changed by somebody else, and what is restored depends on the version of Velero',
    fix: 'Do not restore from it before the objects named in the evidence are explained; find out who can write to the bucket',
  },
  FORMAT_VERSION_DIFFERS: {
    severity: 'error',
    title: 'The tarball has another format than its backup',
    meaning:
      'The version within the tarball (metadata/version) is not the one in velero-backup.json',
    why: 'Both are written from one value: the tarball belongs to another backup, or was changed',
    fix: 'Restore the tarball from an older version of the object or from a replica, or take a new backup',
  },
  RESTIC_UNCHECKED: {
    severity: 'warning',
    title: 'Restic repositories were not checked',
    meaning: 'The location holds restic repositories, which Drydock does not read',
    why: 'Volumes in them are not proven. Velero stops reading restic after 1.18',
    fix: 'Set --uploader-type=kopia for the Velero server and take new backups; remove restic/ when the last backup that needs it has expired',
  },
  ROOT_EMPTY: {
    severity: 'error',
    title: 'No backup at the location',
    meaning: 'The location holds neither a backup nor a volume repository of Velero',
    why: 'The prefix is wrong, the bucket is another one, everything in it was removed, or Velero has never written there: in each case there is nothing to restore',
    fix: 'Compare the URL with "velero backup-location get -o yaml" (bucket and prefix); where backups were known, look for versions of the removed objects',
  },
  ROOT_FOREIGN_FOLDER: {
    severity: 'error',
    title: 'A foreign folder at the root of the location',
    meaning:
      'Beside backups/, restores/, kopia/ and restic/ the root holds folders that Velero does not know',
    why: 'Velero calls the location Unavailable: no backup is made or deleted there, and none is synchronised',
    fix: 'Move the folders named in the evidence to another prefix or bucket',
  },
  ROOT_STRAY_OBJECTS: {
    severity: 'info',
    title: 'Stray objects below backups/',
    meaning: 'Objects below backups/ lie in no folder of a backup',
    why: 'Velero ignores them, but nobody knows who writes there',
    fix: 'Move the objects named in the evidence to another prefix or bucket',
  },
  SECRETS_IN_CLEAR: {
    severity: 'info',
    title: 'Secrets in clear text',
    meaning: 'The tarball of a backup holds Secrets, which Velero does not encrypt',
    why: 'Whoever can read the bucket can read them',
    fix: 'Encrypt the bucket with a key of its own (SSE-KMS, customer-managed key), restrict who may use it, and withhold the right to create DownloadRequests',
  },
  TARBALL_HOSTILE: {
    severity: 'critical',
    title: 'A tarball that Velero did not write',
    meaning:
      'The tarball holds entries that Velero never writes: paths that lead out of their folder, links, devices, or data behind its end',
    why: 'A restore unpacks it with the rights of a cluster administrator: it may be an attack',
    fix: 'Do not restore from it. Keep a copy for the analysis, restore the tarball from an older version of the object, and find out who can write to the bucket',
  },
  VOLUME_FAILED: {
    severity: 'error',
    title: 'Volumes could not be backed up',
    meaning: 'Taking the data of volumes failed',
    why: 'A restore brings them back empty or not at all',
    fix: 'Read why with "velero backup describe <backup> --details", remove the cause, and take a new backup',
  },
  VOLUME_INVENTORY_DISAGREES: {
    severity: 'error',
    title: 'Lists of volumes contradict each other',
    meaning: 'The lists and objects of a backup that tell of volumes do not say the same of them',
    why: 'A restore needs a certain one of them for each kind of volume: where that one lacks the volume or names another snapshot, its data is not restored',
    fix: 'Compare "velero backup describe <backup> --details" with the evidence, and take a new backup of these volumes',
  },
  VOLUME_LEFT_OUT: {
    severity: 'error',
    title: 'Volumes that nothing saved',
    meaning:
      'A backup left volumes out that nobody chose to leave out: no snapshot location fits them, and file-system backup is not asked for',
    why: 'Velero calls such a backup Completed and says nothing; a restore makes empty volumes, and the application starts without its data',
    fix: 'Opt the volumes in: --default-volumes-to-fs-backup, the annotation backup.velero.io/backup-volumes on their pods, a CSI snapshot class, or a volume policy; or choose to skip them by a volume policy, which makes this a warning',
  },
  VOLUME_SKIPPED: {
    severity: 'warning',
    title: 'Volumes without data, on purpose',
    meaning: 'A backup skipped volumes by a policy, a label or an annotation',
    why: 'Their claims are restored, their data is not: unless the old disk is still there, the application starts with an empty volume',
    fix: 'Nothing if that is meant. Otherwise opt the volume in (annotation backup.velero.io/backup-volumes on its pod, --default-volumes-to-fs-backup, or a volume policy)',
  },
  VOLUME_UNFINISHED: {
    severity: 'error',
    title: 'Volumes whose data never arrived',
    meaning: 'A backup is finished, and the data of volumes in it is not',
    why: 'Nobody works on them any more: a restore brings them back empty or not at all',
    fix: 'Look at the node agents ("kubectl -n velero get podvolumebackups,datauploads") and take a new backup',
  },
  VOLUME_WITHOUT_DATA: {
    severity: 'error',
    title: 'Claims without any data',
    meaning:
      'Claims in the tarball are bound to volumes, and nothing in the backup says that their data was taken or skipped',
    why: 'A restore makes the claims and leaves them empty; Velero only warns in its log when it loses sight of a volume',
    fix: 'Opt the volumes in (annotation backup.velero.io/backup-volumes on their pods, --default-volumes-to-fs-backup, or CSI snapshots with --features=EnableCSI) and take a new backup',
  },
  VOLUMES_NONE: {
    severity: 'error',
    title: 'Completed, and no volume has data',
    meaning:
      'A backup that should take volumes is Completed, holds bound claims, and has the data of none',
    why: 'It looks like a full backup and restores nothing but empty volumes',
    fix: 'Check the node agent ("kubectl -n velero get daemonset node-agent"), the volume snapshot location and the snapshot classes; then take a new backup',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
