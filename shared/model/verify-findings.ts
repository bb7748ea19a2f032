import type { FindingKind } from './finding.ts';

/** What a run of `verify` as a whole can find. */
export const VERIFY_FINDINGS = {
  BACKUP_TAMPERED: {
    severity: 'critical',
    title: 'Backup changed after it was complete',
    meaning:
      'Objects of a complete backup are not what they were when Drydock first saw them: changed, removed or added; the evidence names them',
    why: 'Velero never writes to a backup again once it is complete, and a restore runs with all rights in the cluster: whoever can replace a tarball can take the cluster over, or make the backup worthless unnoticed',
    fix: 'Restore nothing from it; find in the access log of the store who wrote these objects, and bring their older versions back ("aws s3api list-object-versions", or "az storage blob list --include v")',
  },
  BACKUPS_UNREAD: {
    severity: 'error',
    title: 'Backups that could not be read',
    meaning: 'Objects of some backups could not be read, while the rest of the location could',
    why: 'What was not read is not proven, and a restore from these backups may be denied just as well',
    fix: 'Read the reasons in the evidence: grant the identity the right to read these objects (and their key), then run "drydock verify" again',
  },
  FIRST_SIGHT_ALTERED: {
    severity: 'critical',
    title: 'Record of a first sight is forged',
    meaning:
      'The record of how a backup looked at first is not what was signed, or says something else than the record in the second state',
    why: 'Somebody has changed what Drydock remembers, which is how a changed backup would be hidden',
    fix: 'Compare the two records (the evidence names them) and the versions of the objects in the state, and take the right to write there from everybody but Drydock',
  },
  LOCATION_UNREADABLE: {
    severity: 'critical',
    title: 'Location could not be verified',
    meaning: 'A location could not be listed or read at all; the message says why',
    why: 'Nothing is known of the backups there: a restore from it may be denied or impossible just as well',
    fix: 'Read the reason in the message; "drydock velero backups <location>" tries to read the location alone',
  },
  STATE_UNUSABLE: {
    severity: 'critical',
    title: "Drydock's own state cannot be used",
    meaning:
      'The state location could not be read or written, or a record in it cannot be believed; the message says why',
    why: 'What was proven before is not known and what is found is not kept: backups are judged by nothing while this lasts',
    fix: 'Check the URL of "state:" and the rights on it; of a damaged record the message names the object: bring an older version of it back, or move it away',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
