import type { BackupResource } from '../artefacts/backup.ts';
import type { ScheduleFacts } from '../schedule/schedule-resource.ts';

/**
 * What the API server of a cluster says, as a witness: each part is there, or why it is not known.
 * A part that was denied, or not reached, proves nothing (S7).
 */
export type Told<T> =
  | { readonly outcome: 'told'; readonly value: T }
  /** One clause and the next step: denied, unreachable, no such API. */
  | { readonly outcome: 'unchecked'; readonly reason: string; readonly hint: string };

export interface VeleroCluster {
  /** For messages: where the connection leads. */
  readonly source: string;
  readonly lookedAt: Date;
  /** Of Velero. */
  readonly namespace: string;
  /** e.g. `v1.18.2`: of the server's image, of a ServerStatusRequest, or as configured. */
  readonly serverVersion: string | undefined;
  readonly schedules: Told<readonly ScheduleFacts[]>;
  /** Every Backup resource of the Velero namespace, of all its storage locations. */
  readonly backups: Told<readonly ClusterBackup[]>;
  readonly storageLocations: Told<readonly StorageLocation[]>;
  readonly repositories: Told<readonly ClusterRepository[]>;
  readonly namespaces: Told<readonly string[]>;
  readonly claims: Told<readonly ClusterClaim[]>;
  /** Namespaces that hold custom resources other than Velero's own, with examples of kinds. */
  readonly customResources: Told<
    readonly { readonly namespace: string; readonly kinds: readonly string[] }[]
  >;
  /** Kinds of custom resources that could not be read to their end, e.g. `orders.example.com`. */
  readonly unreadKinds: readonly string[];
}

export interface ClusterBackup extends BackupResource {
  /** `spec.storageLocation`, or the label `velero.io/storage-location`. */
  readonly storageLocation: string | undefined;
  /** In phase `Deleting`, or marked for removal: since when, as far as its last change tells. */
  readonly deletingSince: Date | undefined;
}

/** A BackupStorageLocation. */
export interface StorageLocation {
  readonly name: string;
  readonly provider: string;
  readonly bucket: string;
  /** Without slashes at its ends. */
  readonly prefix: string;
  readonly config: ReadonlyMap<string, string>;
  readonly isDefault: boolean;
  readonly isReadOnly: boolean;
  /** `Available`, `Unavailable`, or empty before the first validation. */
  readonly phase: string;
  readonly message: string | undefined;
  readonly createdAt: Date | undefined;
  readonly lastSyncedAt: Date | undefined;
  readonly lastValidatedAt: Date | undefined;
  /** `spec.backupSyncPeriod`; 0 turns it off, absent leaves it to the server. */
  readonly syncPeriodMs: number | undefined;
  /** `spec.validationFrequency`, likewise. */
  readonly validationPeriodMs: number | undefined;
}

/** A BackupRepository. */
export interface ClusterRepository {
  readonly name: string;
  readonly volumeNamespace: string;
  readonly storageLocation: string;
  /** `kopia` or `restic`. */
  readonly repositoryType: string;
  readonly phase: string;
  readonly message: string | undefined;
  readonly createdAt: Date | undefined;
  /** `spec.maintenanceFrequency`. */
  readonly maintenanceFrequencyMs: number | undefined;
  readonly lastMaintenanceAt: Date | undefined;
  /** Newest last. */
  readonly maintenanceRuns: readonly {
    readonly succeeded: boolean;
    readonly completedAt: Date | undefined;
    readonly message: string | undefined;
  }[];
}

export interface ClusterClaim {
  readonly namespace: string;
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly createdAt: Date | undefined;
  readonly phase: string;
}
