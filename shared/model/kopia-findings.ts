import type { FindingKind } from './finding.ts';

/** What the verification of a Kopia repository can find. */
export const KOPIA_FINDINGS = {
  KOPIA_CONTENT_DAMAGED: {
    severity: 'error',
    title: 'Stored data of a repository is damaged',
    meaning:
      'Contents of a pack blob do not decrypt, inflate or hash to what their id says; the evidence names the pack, the contents, and the snapshots and files that they cost',
    why: 'Files that need these contents cannot be restored, or would be restored with other bytes than were backed up',
    fix: 'Restore the pack from an older version of the object or from a replica, then verify again. A new backup alone does not help: Kopia does not upload contents that its index names already',
  },
  KOPIA_CONTENT_DELETED_IN_USE: {
    severity: 'warning',
    title: 'Data in use is marked as deleted',
    meaning:
      'Contents that a snapshot needs are marked as deleted in the index, though not dropped yet',
    why: 'A client that did not see the snapshot ran the garbage collection; the next maintenance may drop the entries, and their data after them',
    fix: 'Run "kopia maintenance run --full" as the owner of the maintenance: it brings contents in use back; then verify again',
  },
  KOPIA_CONTENT_NOT_INDEXED: {
    severity: 'error',
    title: 'The index does not know data in use',
    meaning: 'Snapshots name contents that no index entry describes',
    why: 'Without its entry a content cannot be found, so the files that need it are lost',
    fix: 'Look for lost or incompletely compacted index blobs (other findings name them); "kopia index recover" rebuilds entries from packs',
  },
  KOPIA_CONTENT_UNCHECKED: {
    severity: 'error',
    title: 'Stored data could not be checked',
    meaning:
      'Contents could not be checked: their compression is one that Drydock does not read (LZ4), or their pack lies in an archive tier or in one with a retrieval fee',
    why: 'What was not read is not proven; a restore from an archive tier also waits for hours',
    fix: 'Exempt the repository from lifecycle rules that archive; allow reads that cost a fee with --allow-retrieval; for LZ4 restore with Kopia 0.22.3 or older',
  },
  KOPIA_DEFAULT_PASSWORD: {
    severity: 'warning',
    title: 'A repository has the public default password',
    meaning:
      'The repository opens with the password that Velero sets when none was chosen, and which is public knowledge',
    why: 'Whoever can read the bucket can read the backups',
    fix: 'Change it with "kopia repository change-password" and in the secret velero-repo-credentials; a copied bucket keeps the old one',
  },
  KOPIA_EPOCH_LOST: {
    severity: 'critical',
    title: 'A part of the index is lost',
    meaning:
      'A settled epoch has no index that readers could use: blobs of its compaction are missing, and the indexes that it was made of are gone',
    why: 'Whatever was backed up in that epoch is not in the index: Kopia opens the repository and shows it without those snapshots, and says nothing',
    fix: 'Restore the index blobs of that epoch from older versions of the objects or from a replica; otherwise "kopia index recover"',
  },
  KOPIA_EPOCH_DIVERGENCE: {
    severity: 'error',
    title: 'A compacted index lacks entries',
    meaning:
      'The compaction of an epoch that readers use lacks entries that other index blobs of that epoch still hold (Kopia issue 5371)',
    why: 'Contents vanish from the index although their data is there; once the other blobs are cleaned up the loss is final',
    fix: 'Stop maintenance of this repository at once, copy the index blobs named in the evidence aside, and upgrade Kopia to 0.23.1 (Velero: a release built on it) or later',
  },
  KOPIA_FILE_SIZE_DIFFERS: {
    severity: 'warning',
    title: 'Files have another size than their directory says',
    meaning: 'Files are listed in their directory with another size than their contents have',
    why: 'The writer recorded one thing and stored another; what is restored is what was stored',
    fix: 'Compare the files named in the evidence with their originals, and take a new backup',
  },
  KOPIA_INDEX_DAMAGED: {
    severity: 'critical',
    title: 'The index of a repository is damaged',
    meaning: 'An index blob that readers use cannot be read, decrypted or parsed',
    why: 'Kopia opens no repository with such a blob in it: nothing can be restored until it is repaired',
    fix: 'Restore the blob from an older version of the object or from a replica; otherwise "kopia index recover" after moving it aside',
  },
  KOPIA_INDEX_SET_INCOMPLETE: {
    severity: 'info',
    title: 'A compaction of the index was interrupted',
    meaning: 'A set of compacted index blobs lacks members and is not used',
    why: 'A compaction was interrupted, or blobs were lost; readers use the blobs that it was made from',
    fix: 'Nothing as long as no other finding names the same epoch',
  },
  KOPIA_MAINTENANCE_OVERDUE: {
    severity: 'warning',
    title: 'The maintenance of a repository is overdue',
    meaning: 'The full maintenance of the repository is overdue by more than its own interval',
    why: 'Expired data is not removed and indexes are not compacted: cost grows, and opening takes ever more time and memory',
    fix: 'Look at the maintenance jobs of Velero (or of the owner that the evidence names) and why they fail',
  },
  KOPIA_MAINTENANCE_UNREADABLE: {
    severity: 'warning',
    title: 'The maintenance schedule cannot be read',
    meaning: 'The maintenance schedule (kopia.maintenance) cannot be read',
    why: 'Kopia cannot run maintenance with it; restores do not need it',
    fix: 'Remove the object once no client runs: Kopia writes a new one at the next maintenance',
  },
  KOPIA_MANIFEST_MALFORMED: {
    severity: 'error',
    title: 'A snapshot is not understood',
    meaning: 'A manifest can be read but not understood, so its snapshot cannot be checked',
    why: 'Kopia skips such a snapshot silently: it is missing from its lists',
    fix: 'Compare with the list of the client that wrote it; take a new backup of that source',
  },
  KOPIA_MANIFESTS_LOST: {
    severity: 'critical',
    title: 'The list of snapshots is lost',
    meaning: 'A content that holds manifests cannot be read',
    why: 'Kopia reads all manifests when it opens a repository: with one of their contents gone nothing can be listed or restored',
    fix: 'Restore the pack named in the evidence from an older version of the object or from a replica',
  },
  KOPIA_NAME_TWICE: {
    severity: 'warning',
    title: 'Several files of a directory have one name',
    meaning: 'A directory of a snapshot holds several entries of the same name',
    why: 'Kopia replaces bytes of names that are no UTF-8 by one and the same character; of entries whose names become equal it restores the last one only, and reports nothing',
    fix: 'Rename the files at the source to UTF-8; until then restore them with "drydock kopia restore", which says what it could not name',
  },
  KOPIA_PACK_MISSING: {
    severity: 'error',
    title: 'Stored data of a repository is missing',
    meaning: 'A pack blob that live index entries name is not in the store',
    why: 'Every file that needs a content of this pack is lost here; the evidence names snapshots and files',
    fix: 'Restore the object from an older version or from a replica, then verify again; look for lifecycle rules that expire objects below this prefix',
  },
  KOPIA_PACK_TRUNCATED: {
    severity: 'error',
    title: 'Stored data of a repository is cut off',
    meaning: 'A pack blob is shorter than the contents that the index places in it',
    why: 'Contents behind its end are lost; an upload or copy was cut off, or the object was overwritten',
    fix: 'Restore the object from an older version or from a replica, then verify again',
  },
  KOPIA_REPOSITORY_MISSING: {
    severity: 'critical',
    title: 'Repository of a volume is missing',
    meaning: 'Backups have volumes in a Kopia repository that is not in the store',
    why: 'None of these volumes can be restored from this location: the backup shows them, and their data is not there',
    fix: 'Restore the folder from older versions of its objects or from a replica; at a replica, check that the route of "drydock replicate" takes this repository',
  },
  KOPIA_SNAPSHOT_UNFINISHED: {
    severity: 'info',
    title: 'A snapshot was not finished',
    meaning: 'A snapshot is a checkpoint of an upload that did not end, or was cancelled',
    why: 'It holds a part of its source only and is no recovery point',
    fix: 'Nothing if a later snapshot of the same source is complete',
  },
  KOPIA_TREE_MALFORMED: {
    severity: 'error',
    title: 'A directory of a snapshot is not understood',
    meaning: 'A directory or a list of parts can be read but not understood',
    why: 'What lies below it cannot be restored',
    fix: 'Take a new backup of that source, and keep the repository for an analysis of its writer',
  },
  KOPIA_UNCHECKED: {
    severity: 'error',
    title: 'A repository could not be checked',
    meaning:
      'The repository was not checked: its password is wrong, a format upgrade is under way, or its format is older or newer than Drydock reads',
    why: 'What is not checked is not proven, however green its backups are',
    fix: 'Read the reason in the message; give the right password (--password), end the upgrade, or upgrade Drydock',
  },
  KOPIA_UNOPENABLE: {
    severity: 'critical',
    title: 'A repository cannot be opened',
    meaning: 'The repository cannot be opened by anybody: one of its settings blobs is not its own',
    why: 'Kopia refuses a repository whose kopia.blobcfg does not decrypt',
    fix: 'Restore kopia.blobcfg from an older version of the object, or remove it if no retention was set: Kopia opens without it',
  },
  KOPIA_WATERMARK_AHEAD: {
    severity: 'error',
    title: 'The deletion watermark lies in the future',
    meaning: 'The deletion watermark lies in the future',
    why: 'Entries that are marked as deleted from now on vanish at once, without the days of grace that protect against a mistaken collection',
    fix: 'Find out which machine has a wrong clock; stop maintenance until the time of the watermark has passed',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
