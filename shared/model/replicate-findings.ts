import type { FindingKind } from './finding.ts';

/** What a replication can find. */
export const REPLICATE_FINDINGS = {
  BACKUP_UNFINISHED: {
    severity: 'info',
    title: 'A backup is still being written',
    meaning:
      'A backup is not complete in the store yet: it counts as no recovery point, and no replica takes it',
    why: 'Velero writes velero-backup.json before the tarball and rewrites both when it finalizes; what is there now could be restored to less than was backed up',
    fix: 'Nothing: the next run looks again, and "drydock verify" calls one that stays so BACKUP_STUCK or BACKUP_DEBRIS',
  },
  BACKUP_DEBRIS: {
    severity: 'warning',
    title: 'A folder that is no backup',
    meaning:
      'A folder below backups/ has no readable velero-backup.json, or lacks artefacts it needs; it is no recovery point, and no replica takes it',
    why: 'It is what a failed upload or an interrupted deletion leaves behind, or a backup that somebody damaged; Velero ignores it',
    fix: 'Look at the objects named in the evidence; remove the folder when the backup is known to have failed',
  },
  BACKUP_GONE_AT_SOURCE: {
    severity: 'warning',
    title: 'A replicated backup is gone at the source',
    meaning: 'The replica shows a backup that the source no longer lists',
    why: 'Its objects stay, but the volume data behind it is kept only as long as the source keeps it: the replica promises restorability only for backups that the source still lists',
    fix: 'Delete the folder of that backup at the replica, velero-backup.json first, once you are sure that its end at the source was intended',
  },
  CATCHING_UP: {
    severity: 'error',
    title: 'The replica lags behind',
    meaning:
      'No run of this route has come to its end for more than 20 hours, so the replica may be behind an index whose packs the source has meanwhile removed',
    why: 'Without the repository password the order of copies protects the replica only if runs succeed more often than Kopia removes packs (24 hours)',
    fix: 'Run the route at least every few hours; the finding ends with the first run that completes',
  },
  CHECKSUM_UNVERIFIED: {
    severity: 'info',
    title: 'Copied without a checksum of the source',
    meaning: 'Objects were copied whose source has no checksum of the whole object to compare with',
    why: 'Their transfer was guarded by the checksums of both ends of the line, but nothing says that the source still serves what was once written',
    fix: 'Let writers upload with full-object checksums (S3 CRC64NVME or single-part uploads; Content-MD5 on Azure)',
  },
  FOREIGN_OBJECTS: {
    severity: 'warning',
    title: 'Foreign objects at the root',
    meaning: 'The root holds objects that belong to neither Velero nor Kopia; they were left out',
    why: 'A foreign folder at the root makes the backup storage location Unavailable, and nobody can say what the objects are',
    fix: 'Move them to another prefix or bucket',
  },
  INCOMPLETE_AT_TARGET: {
    severity: 'error',
    title: 'The replica was damaged or written to',
    meaning:
      'An object at the target differed in size from its immutable source and was written again',
    why: 'Pack and index blobs never change: the target was damaged or written to by somebody else',
    fix: 'Find out who writes to the replica; make it read-only for everybody but Drydock',
  },
  LOCAL_STATE: {
    severity: 'info',
    title: 'The lease guards this machine only',
    meaning:
      'The lease of the target is kept in a folder of this machine and guards this machine only',
    why: 'A replicator elsewhere would not see it, and two at once can undo the order that keeps a replica restorable',
    fix: 'Give a state location that all replicators share: --state <URL> or "state:" in the configuration',
  },
  REPOSITORY_CHANGING: {
    severity: 'warning',
    title: 'A repository did not hold still',
    meaning:
      'A Kopia repository could not be frozen: its index changed between all attempts to list it, or a pack vanished each time',
    why: 'Only indexes seen unchanged in two listings are known to be complete; the replica keeps its last consistent state',
    fix: 'Run again outside the backup window; nothing is lost',
  },
  REPOSITORY_ABSENT: {
    severity: 'error',
    title: 'A repository without its format blob',
    meaning: 'A folder below kopia/ holds blobs but no kopia.repository, and was left out',
    why: 'Without its format blob a repository cannot be opened by anybody: it is half deleted, or was never finished',
    fix: 'Restore kopia.repository at the source (versions of the bucket, or the copy in any pack of a version 1 repository)',
  },
  RESTIC_OPAQUE: {
    severity: 'info',
    title: 'A restic repository was copied unread',
    meaning: 'A restic repository was copied as opaque objects, data before index before snapshots',
    why: 'Drydock does not read restic; Velero stops reading it after 1.18',
    fix: 'Move file-system backups to the Kopia uploader',
  },
  RESTORES_LEFT_OUT: {
    severity: 'info',
    title: 'Records of restores were left out',
    meaning: 'The logs and results of restores (restores/) were left out',
    why: 'They describe restores of the source cluster and would confuse Velero at the replica',
    fix: 'Nothing to do',
  },
  REPOSITORY_UNREADABLE: {
    severity: 'error',
    title: 'The format blob of a repository is damaged',
    meaning:
      'The kopia.repository of a repository, at the source or at the target, is no format blob; that repository was left out',
    why: 'It was overwritten or damaged, and Kopia opens neither; the other repositories are replicated all the same, and backups that need this one wait',
    fix: 'Restore kopia.repository from an older version of the object, or from the copy at the other side if the password was not changed since',
  },
  SEEDING_MIXED: {
    severity: 'error',
    title: 'A first copy mixes two repositories',
    meaning:
      'The unfinished first copy of a repository holds index blobs that the source no longer lists, and was left closed',
    why: 'They may be those of another repository that stood there before; Kopia reads every index blob it finds and opens no repository with a foreign one in it',
    fix: 'Remove the index blobs (l…, m…, n…, x…) of that folder at the target, which nobody can open yet, and run again; packs that are there are kept',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
