import type { Application, Cluster, NamedLocation, VerifySettings } from '../config/config.ts';
import type { ContentChecker } from '../kopia/contents/content-checker.ts';
import type { CryptoSpec } from '../kopia/crypto/repository-crypto.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import type { Signer } from '../ledger/signature.ts';
import type { Clock } from '../model/clock.ts';
import type { Progress } from '../model/progress.ts';
import type { Rung } from '../model/rung.ts';
import type { SnapshotWitness } from '../snapshots/snapshot-witness.ts';
import type { DescribeKey, StoreSettingsReader } from '../stores/settings.ts';
import type { ObjectReader, ObjectStore } from '../stores/store.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Everything that `verify` can reach: it reads backups and witnesses, and writes the ledger alone. */
export interface VerifyDeps {
  /** In the order of the configuration. */
  readonly locations: readonly VerifyLocation[];
  /**
   * Locations that this run does not look at: what the ledger knows of them serves comparisons, with
   * the source of a replica and between the locations of a cluster.
   */
  readonly others?: readonly KnownLocation[];
  /** By name; one that could not be connected to says why. */
  readonly clusters: ReadonlyMap<string, ClusterWitness>;
  readonly state: ObjectStore;
  /** A second place for first sights, best of another account. */
  readonly witnessState?: ObjectStore;
  readonly signer?: Signer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  readonly uniqueId: () => string;
  /** Starts what decrypts and hashes contents; this very thread does it when absent. */
  readonly startChecker?: (spec: CryptoSpec) => Promise<ContentChecker>;
  readonly signal?: AbortSignal;
}

export interface VerifyLocation {
  readonly place: NamedLocation;
  /** As `locationIdentity` writes it: the ledger's name for the place. */
  readonly identity: string;
  /** Of the Velero root, or of the Kopia repository: keys begin with `backups/`. */
  readonly reader: ObjectReader;
  /** To be tried in this order on each repository; never empty. */
  readonly passwords: readonly string[];
  /** Absent: nobody can say anything about snapshots for this location. */
  readonly snapshots?: SnapshotWitness;
  /** Asks about the keys of these snapshots; absent: nobody can. */
  readonly snapshotKeys?: DescribeKey;
  readonly settings?: StoreSettingsReader;
  /** It is the target of a route from this location: another order of writes, and a comparison. */
  readonly replicaOf?: string;
}

export interface KnownLocation extends Pick<VerifyLocation, 'place' | 'identity'> {
  /** As its store would call it. */
  readonly url: string;
}

export type ClusterWitness =
  | { readonly kind: 'connected'; readonly cluster: Cluster; readonly api: KubernetesApi }
  | {
      readonly kind: 'unreachable';
      readonly cluster: Cluster;
      readonly reason: string;
      readonly hint: string;
    };

export interface VerifyConfig {
  readonly settings: VerifySettings;
  /** Absent: each namespace that holds claims is an application. */
  readonly applications?: readonly Application[];
  readonly unprotected: readonly string[];
  /**
   * How far to go. `reported` reads backups and no Kopia repository, `present` the structure of
   * repositories, `intact` their contents too.
   */
  readonly rung: Exclude<Rung, 'restored'>;
  /** Of the run that this one continues: what that has looked at is not looked at again. */
  readonly runId?: string;
  /** Looks at backups that began after this alone; older ones are judged from the ledger. */
  readonly since?: Date;
  /** Looks at this application alone. */
  readonly application?: string;
  /** Looks afresh at this backup alone, as an event asks for. */
  readonly backup?: string;
  /** States what would be read and writes nothing. */
  readonly dryRun: boolean;
  readonly version: string;
}
