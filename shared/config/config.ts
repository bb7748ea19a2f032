import type { KeyReference } from './key-reference.ts';
import type { Location } from './location.ts';
import type { SecretReference } from './secret.ts';

/** The file that is looked for when none is named. */
export const CONFIG_FILE = 'drydock.yaml';

/** Who Drydock is at a location; empty means the standard chain of the vendor's SDK. */
export interface Access {
  readonly roleArn?: string;
  readonly entra?: { readonly tenantId: string; readonly clientId: string };
  readonly accessKey?: { readonly id: SecretReference; readonly secret: SecretReference };
  readonly accountKey?: SecretReference;
}

export interface Place {
  readonly location: Location;
  readonly access: Access;
}

export interface NamedLocation extends Place {
  readonly name: string;
  readonly layout: 'velero' | 'kopia';
  /** Opens the Kopia repositories of the location. */
  readonly repositoryPassword?: SecretReference;
  /** Name of the cluster whose Velero writes here. */
  readonly cluster?: string;
  /** Where cloud snapshots can be used to restore from this location. */
  readonly snapshots?: SnapshotPlace;
  /** Layout `kopia`: how often each source takes a snapshot. */
  readonly intervalMs?: number;
  /** ARM id of the storage account, for settings that the account's own API does not tell. */
  readonly storageAccountId?: string;
}

/** An AWS account in one region, or an Azure subscription (and region). */
export type SnapshotPlace =
  | {
      readonly kind: 'aws';
      readonly account: string;
      readonly region: string;
      /** The role that may look at snapshots there; that of the location where it is not set. */
      readonly roleArn?: string;
      /** Of EC2 and STS, for emulators alone. */
      readonly endpoint?: string;
    }
  | { readonly kind: 'azure'; readonly subscription: string; readonly region?: string };

/** How to reach the API server of a cluster, and what its Velero is. */
export interface Cluster {
  readonly name: string;
  readonly access: ClusterAccess;
  /** Namespace of Velero; `velero` by default. */
  readonly veleroNamespace: string;
  /** Where the server cannot tell: decides its cron dialect. */
  readonly veleroVersion?: string;
  /** IANA zone of the Velero server; UTC by default. */
  readonly timeZone?: string;
}

export type ClusterAccess =
  | { readonly kind: 'kubeconfig'; readonly path?: string; readonly context?: string }
  | { readonly kind: 'in-cluster' }
  | {
      readonly kind: 'eks';
      readonly name: string;
      readonly region: string;
      readonly roleArn?: string;
      /** Both spare the call of eks:DescribeCluster. `certificateAuthority` is base64 of PEM. */
      readonly server?: string;
      readonly certificateAuthority?: string;
    }
  | {
      readonly kind: 'aks';
      readonly server: string;
      readonly certificateAuthority?: string;
      readonly entra?: { readonly tenantId: string; readonly clientId: string };
    };

/** What has to be restorable together. */
export interface Application {
  readonly name: string;
  /** All of these together; with `labels` the claims and objects in them that carry all labels. */
  readonly namespaces: readonly string[];
  /** Of PersistentVolumeClaims; in any namespace where `namespaces` is empty. */
  readonly labels: ReadonlyMap<string, string>;
  readonly class?: string;
  readonly rpoMs: number;
  readonly rtoMs?: number;
  /** Names of the locations that must hold it; absent: every location of layout velero. */
  readonly locations?: readonly string[];
}

/** What a configuration file says under `protect`; applications have the values of their class. */
export interface Protection {
  /** Absent: each namespace that holds claims is an application. */
  readonly applications?: readonly Application[];
  /** Namespaces that need no backup, and about which nothing is said. */
  readonly unprotected: readonly string[];
}

/** A schedule that is expected although no cluster can be asked. */
export interface ExpectedSchedule {
  readonly name: string;
  readonly location: string;
  readonly cron: string;
  readonly ttlMs?: number;
}

export interface VerifySettings {
  /** RPO of applications that state none. */
  readonly rpoMs: number;
  /** Every pack is read again within so many days. */
  readonly contentDays: number;
  /** A proof older than this counts no more. */
  readonly proofDays: number;
  /** Good recovery points that must be left after the next garbage collection. */
  readonly keepPoints: number;
  /** A fall by more than this share against the median of the last backups is an anomaly. */
  readonly anomaly: { readonly fallPercent: number; readonly backups: number };
  readonly schedules: readonly ExpectedSchedule[];
  /** Reads packs of storage classes that charge for reading. */
  readonly allowRetrieval: boolean;
  /** The key that signs evidence and first sights: a PEM (ed25519), or one of AWS KMS or Key Vault. */
  readonly signingKey?: KeyReference;
  /** A second state, best in another account, that first sights are also kept in. */
  readonly witnessState?: Place;
}

export interface Route {
  readonly name: string;
  readonly source: NamedLocation;
  readonly target: NamedLocation;
  readonly concurrency?: number;
}

/** A configuration whose parts fit each other: every name is resolved, every pair is whole. */
export interface Config {
  readonly state?: Place;
  readonly locations: ReadonlyMap<string, NamedLocation>;
  readonly routes: readonly Route[];
  readonly events?: { readonly bus: string; readonly region?: string };
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly protect?: Protection;
  readonly verify: VerifySettings;
}

/** What `verify` means where it says nothing. */
export const VERIFY_DEFAULTS: VerifySettings = {
  rpoMs: 24 * 3_600_000,
  contentDays: 7,
  proofDays: 14,
  keepPoints: 1,
  anomaly: { fallPercent: 50, backups: 7 },
  schedules: [],
  allowRetrieval: false,
};
