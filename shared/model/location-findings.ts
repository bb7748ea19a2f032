import type { FindingKind } from './finding.ts';

/** What the question what protects a location and what would eat its objects can find. */
export const LOCATION_FINDINGS = {
  KEY_PENDING_DELETION: {
    severity: 'critical',
    title: 'The encryption key will be deleted',
    meaning:
      'The key that the bucket or storage account encrypts with is scheduled for deletion, or deleted and still recoverable',
    why: 'Once the key is gone, every object that it encrypted is lost for good, in every version and under every retention; until then it can be called back',
    fix: 'Call the key back: "aws kms cancel-key-deletion --key-id <arn>", then "aws kms enable-key --key-id <arn>"; in a vault of Azure "az keyvault key recover --id <recovery id>"',
  },
  KEY_UNUSABLE: {
    severity: 'critical',
    title: 'The encryption key cannot be used',
    meaning:
      'The key that the bucket or storage account encrypts with is disabled, gone, or without its key material',
    why: 'Backups can be neither written nor read while it is so: a restore fails with "access denied" although every object is there',
    fix: 'Enable the key: "aws kms enable-key --key-id <arn>" or "az keyvault key set-attributes --id <url> --enabled true"; then verify again',
  },
  LIFECYCLE_ARCHIVES: {
    severity: 'error',
    title: 'A lifecycle rule archives backups',
    meaning:
      'A lifecycle rule of the bucket or storage account moves current objects of the location to a tier that cannot be read at once; a warning where the rule also asks for tags, sizes or the class INTELLIGENT_TIERING, so that it may spare them',
    why: 'Velero and Kopia read objects directly: from the day on which the first one lies in an archive tier, a restore fails until each object was brought back by hand, which takes hours',
    fix: 'Take the transition out of the rule, or limit it to a prefix outside the location or to old versions; of Intelligent-Tiering, "aws s3api delete-bucket-intelligent-tiering-configuration --bucket <bucket> --id <id>"; tiers that are read at once (S3 Glacier Instant Retrieval, Azure Cool and Cold) do no harm but cost a fee per read',
  },
  LIFECYCLE_EXPIRES: {
    severity: 'critical',
    title: 'A lifecycle rule removes backups',
    meaning:
      'A lifecycle rule of the bucket or storage account removes current objects of the location when they reach an age; a warning where the rule also asks for tags or sizes, so that it may spare them',
    why: 'An old object is not an unused one: the newest backup needs packs, indexes and the format blob of its Kopia repository, which may be as old as the repository itself. Once one of them expires, every snapshot that needs it is lost, and no backup reports an error',
    fix: 'Leave expiring to Velero (spec.ttl) and to the maintenance of Kopia: take the expiration of current objects out of the rule, or limit it to a prefix outside the location; a rule that removes old versions alone may stay',
  },
  OBJECTS_ARCHIVED: {
    severity: 'error',
    title: 'A backup is readable for some days only',
    meaning:
      'Objects of the backup belong to an archive tier of the store, though none that was read was refused: what S3 gives out is a copy that somebody brought back for some days; the evidence names them',
    why: 'When these copies end, Velero cannot restore the backup any more, nor Drydock check it, before they are brought back once more, which takes hours and costs a fee',
    fix: 'Copy the objects over themselves into a class that is read at once ("aws s3 cp --recursive --storage-class STANDARD s3://<bucket>/<prefix>/backups/<name>/ s3://<bucket>/<prefix>/backups/<name>/"), and take the location out of the lifecycle rules that archive',
  },
  SETTINGS_UNCHECKED: {
    severity: 'info',
    title: 'Some settings of the location are not known',
    meaning:
      'The store or the identity does not let Drydock read some settings of the bucket or storage account; the evidence names them with the reason for each',
    why: 'Whether a lifecycle rule or the loss of a key would eat the backups is then not known: no finding about it is no good news',
    fix: 'Grant the identity the rights that the hint names; all of them only read',
  },
  VERSIONING_OFF: {
    severity: 'warning',
    title: 'Removed objects cannot be brought back',
    meaning:
      'The location keeps no old versions, has no soft delete, and no retention keeps its objects from being removed',
    why: 'One mistaken or hostile deletion, or one overwritten object, is final: there is nothing to restore the backups themselves from',
    fix: 'Turn versions on, with a rule that removes old ones after some weeks: "aws s3api put-bucket-versioning --bucket <bucket> --versioning-configuration Status=Enabled" or "az storage account blob-service-properties update --account-name <account> --enable-versioning true --enable-delete-retention true --delete-retention-days 14"',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
