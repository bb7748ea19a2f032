import type { Finding } from '../../model/finding.ts';
import type { PhaseMeaning } from '../artefacts/backup.ts';
import type { VolumeMethod, VolumeResult } from '../artefacts/inventory-records.ts';

/** Raised with every change of what a look finds, so that no ledger keeps what is no longer said. */
export const CHECKS_VERSION = 1;

/**
 * What one look at a backup leaves. Plain JSON without undefined members, since it is kept in the
 * ledger: a backup whose objects still have their ETags is judged from it and not read again. It
 * depends on the stored bytes alone, never on the hour or on other witnesses. Times are RFC 3339.
 */
export interface BackupFacts {
  /** `CHECKS_VERSION` of the Drydock that looked: what others have found out is looked at anew. */
  readonly checks: number;
  /** Name of the folder below `backups/`. */
  readonly backup: string;
  readonly lookedAt: string;
  /**
   * `complete`: Velero is done with it and everything that it writes is there. `unfinished`: Velero
   * is still at work, or was interrupted: its tarball is not looked at. `debris`: no backup that
   * Velero would ever finish or read, or a finished one that lacks what Velero always writes.
   */
  readonly completeness: 'complete' | 'unfinished' | 'debris';
  /** One clause: why not `complete`. */
  readonly incompleteReason?: string;
  /** Of `velero-backup.json`; absent when that is absent or cannot be read. */
  readonly resource?: ResourceFacts;
  /** Everything in the folder, ascending by key. */
  readonly objects: readonly BackupObject[];
  /** Absent when the tarball is absent, cannot be read to its end, or is still to be rewritten. */
  readonly contents?: ContentsFacts;
  /** Ascending by id. */
  readonly volumes: readonly VolumeFact[];
  /** Lists that could not be read: volumes that only they name are not among `volumes`. */
  readonly unreadVolumeLists: readonly string[];
  /** Texts of `-results.gz`; absent when there is none. */
  readonly errors?: ErrorFacts;
  /**
   * Every artefact that a restore reads is there and parses to its end, the tarball is the one that
   * belongs to its list, and nothing in it is an attack.
   */
  readonly isWhole: boolean;
  /** What the bytes alone tell. */
  readonly findings: readonly Finding[];
}

export interface BackupObject {
  /** Below the Velero root. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: string;
  readonly storageClass?: string;
  /** Hex, of the whole object; absent when it was not read. */
  readonly sha256?: string;
}

export interface ResourceFacts {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly meaning: PhaseMeaning;
  /** Of the label `velero.io/schedule-name`. */
  readonly schedule?: string;
  readonly createdAt?: string;
  /** The moment that a restore leads back to. */
  readonly startedAt?: string;
  readonly completedAt?: string;
  readonly expiresAt?: string;
  readonly kubernetesVersion?: string;
  /** Counts of the status. */
  readonly errors: number;
  readonly warnings: number;
  readonly hooksFailed: number;
  /** `status.progress.totalItems`; absent when there is no progress. */
  readonly items?: number;
  /** Empty and `*` both mean all. */
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  /** A label selector leaves objects out. */
  readonly hasSelector: boolean;
  /** `spec.itemOperationTimeout` in milliseconds, where it is set. */
  readonly itemOperationTimeoutMs?: number;
}

export interface ContentsFacts {
  readonly objects: number;
  readonly secrets: number;
  readonly inflatedSizeBytes: number;
  /** Ascending by name; cut at 20,000. */
  readonly namespaces: readonly { readonly name: string; readonly objects: number }[];
  /** Every PersistentVolumeClaim in the tarball. */
  readonly claims: readonly ClaimFact[];
  /** A limit of memory cut namespaces or claims short: absence proves nothing. */
  readonly isCut: boolean;
}

export interface ClaimFact {
  readonly namespace: string;
  readonly name: string;
  readonly labels: readonly (readonly [key: string, value: string])[];
  /** Bound to a volume: one that never was has no data. */
  readonly isBound: boolean;
}

export interface VolumeFact {
  /** `namespace/name` of its claim; else `pv:<name>` or `pod:<namespace>/<pod>/<volume>`. */
  readonly id: string;
  readonly claim?: { readonly namespace: string; readonly name: string };
  readonly method: VolumeMethod | 'none';
  /** Id of the cloud snapshot, or of the snapshot manifest in the Kopia repository. */
  readonly handle?: string;
  readonly result: VolumeResult;
  readonly sizeBytes?: number;
  readonly driver?: string;
  /** Of the Kopia repository `kopia/<namespace>/` that holds it. */
  readonly repositoryNamespace?: string;
  /** Availability zone of a native snapshot's volume, e.g. `eu-central-1a`. */
  readonly zone?: string;
  /** Why it was skipped, or what its error was. */
  readonly reason?: string;
}

/** How many texts; those of operations are missing in Velero's own file. */
export interface ErrorFacts {
  readonly velero: number;
  readonly cluster: number;
  readonly namespaces: readonly { readonly name: string; readonly errors: number }[];
}
