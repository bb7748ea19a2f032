import type { FindingKind } from './finding.ts';

/** What the judgement of recovery points, their volumes and their replicas can find. */
export const POINT_FINDINGS = {
  REPLICA_ALONE: {
    severity: 'info',
    title: 'Backups exist at the replica alone',
    meaning: 'The replica holds complete backups that its source no longer has',
    why: 'Usually they expired at the source, or somebody deleted them there: then the replica holds their only copy',
    fix: 'If they should still be at the source, look who deleted them ("velero backup describe <backup>", the access log of the bucket) and copy them back from the replica; otherwise nothing',
  },
  REPLICA_BEHIND: {
    severity: 'error',
    title: 'A replica lacks backups',
    meaning:
      'Backups that are complete at the source are missing at the replica, or not all of their objects are there; info while they are complete for less than 24 hours',
    why: 'If the source is lost now, these backups are lost with it',
    fix: 'Run "drydock replicate" for the route and read why it has not copied the backups named in the evidence; if it runs on a timer, look whether the timer still does',
  },
  REPLICA_DIFFERS: {
    severity: 'critical',
    title: 'A replica is not what its source is',
    meaning:
      'Objects of a backup have other bytes at the replica than at the source, although both have long been there; the evidence names their keys',
    why: 'One of the two was damaged or replaced, and a restore from it would bring back something else than was backed up',
    fix: 'Find out which one changed: "drydock verify" of both locations says which of them differs from its first sight (BACKUP_TAMPERED). Restore the objects there from older versions, or remove them at the replica and run "drydock replicate"',
  },
  SNAPSHOT_ARCHIVED: {
    severity: 'error',
    title: 'A cloud snapshot is in an archive tier',
    meaning: 'Snapshots that a backup needs exist, but in an archive tier',
    why: 'No volume can be made from them before they have been brought back, which takes up to 72 hours',
    fix: 'Bring them back with "aws ec2 restore-snapshot-tier --snapshot-id <handle> --permanent-restore", and exempt snapshots of backups from the rule that archives them',
  },
  SNAPSHOT_ELSEWHERE: {
    severity: 'error',
    title: 'Cloud snapshots cannot be used here',
    meaning:
      'Volumes of a backup are held only by cloud snapshots that are in another cloud, account or region than this location; the evidence names the volumes and the reasons',
    why: 'A cloud snapshot cannot be used outside its account and region: from this location the backup restores without the data of these volumes',
    fix: 'Have the data moved into the backup location: "snapshotMoveData: true" in the template of the schedule (Velero data mover), or file-system backup ("defaultVolumesToFsBackup: true"). If the snapshots are usable here after all, correct "snapshots:" of the location',
  },
  SNAPSHOT_FAILED: {
    severity: 'critical',
    title: 'A cloud snapshot failed',
    meaning: 'The cloud says that snapshots which a backup needs ended in an error',
    why: 'Velero counts a snapshot as done once the cloud has accepted the request; the data was never copied',
    fix: 'Read the reason in the evidence (often a KMS key that was disabled or may not be used), mend it, and take a new backup',
  },
  SNAPSHOT_MISSING: {
    severity: 'critical',
    title: 'A cloud snapshot is missing',
    meaning:
      'The cloud says that snapshots which a backup needs do not exist, or the backup names none',
    why: 'The backup cannot bring back the data of these volumes: they would be restored empty, or not at all',
    fix: 'Look who deleted them (CloudTrail: DeleteSnapshot; Azure activity log: Microsoft.Compute/snapshots/delete) and which clean-up job or rule did; take a new backup now. Check that "snapshots:" of the location names the account and region that they were taken in',
  },
  SNAPSHOT_PENDING: {
    severity: 'warning',
    title: 'A cloud snapshot is still being made',
    meaning: 'Snapshots that a finished backup needs are not completed yet',
    why: 'Velero does not wait for them: until they are completed, the backup is no recovery point for these volumes',
    fix: 'Wait, and verify again; if they stay like this for more than a day, look at them in the console of the cloud and take a new backup',
  },
  SNAPSHOT_UNCHECKED: {
    severity: 'warning',
    title: 'Cloud snapshots could not be checked',
    meaning:
      'Nobody could say whether snapshots that backups need exist: the location does not say where they are, the cloud denied or did not answer, or their driver is not known here',
    why: 'What was not checked is not proven: recovery points with these volumes stay at "reported"',
    fix: 'Set "snapshots:" of the location (account and region, or subscription), and grant Drydock ec2:DescribeSnapshots, or "Reader" on the resource group of the snapshots',
  },
  VOLUME_MANIFEST_MISSING: {
    severity: 'critical',
    title: 'The data of a volume is missing',
    meaning:
      'The Kopia repository does not hold the snapshot that a backup names for a volume, or only an incomplete one',
    why: 'The backup cannot bring back the data of this volume, whatever its phase says',
    fix: 'Look for it in a replica ("drydock kopia snapshots <location>/kopia/<namespace>") and for whoever ran deletions in the repository, and take a new backup now',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
