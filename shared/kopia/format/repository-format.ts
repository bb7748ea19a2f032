import type { CryptoSpec } from '../crypto/repository-crypto.ts';

/** How index blobs are grouped in time. Source: Kopia v0.23.1, internal/epoch. */
export interface EpochParameters {
  /** False: the index manager from before epochs (`n` blobs) is in use. */
  readonly enabled: boolean;
  readonly refreshFrequencyMs: number;
  readonly fullCheckpointEpochs: number;
  readonly cleanupSafetyMarginMs: number;
  readonly minDurationMs: number;
  readonly advanceOnCount: number;
  readonly advanceOnSizeBytes: number;
  readonly deleteParallelism: number;
}

/** For how long the source's objects are locked, as `kopia.blobcfg` says. */
export interface Retention {
  /** `GOVERNANCE` or `COMPLIANCE`. */
  readonly mode: string;
  readonly periodMs: number;
}

/** What `kopia.repository` and `kopia.blobcfg` say. Source: Kopia v0.23.1, repo/format. */
export interface RepositoryFormat {
  /** Where the repository lies in its store: empty, or with a trailing slash. */
  readonly prefix: string;
  /** Of the place, for messages. */
  readonly url: string;
  /** Base64; never changes. */
  readonly uniqueId: string;
  /** Kopia's name of how the password becomes a key. */
  readonly keyDerivation: string;
  readonly hash: string;
  readonly encryption: string;
  /** Empty: `FIXED` with 4 MiB. */
  readonly splitter: string;
  readonly ecc?: { readonly algorithm: string; readonly overheadPercent: number };
  /** 1 to 3. Says little: an upgraded repository mixes what belongs to several. */
  readonly version: number;
  /** Of the index blobs that writers make now, 1 or 2; older ones may have the other. */
  readonly indexVersion: number;
  readonly maxPackSizeBytes: number;
  readonly epochs: EpochParameters;
  /** False for repositories of format 1, also upgraded ones: keys hang on the password. */
  readonly passwordChangeable: boolean;
  readonly requiredFeatures: readonly string[];
  /** One sentence per required feature that is unknown, and may be. */
  readonly warnings: readonly string[];
  readonly retention?: Retention;
  /** The password that everybody knows opened it: Velero's default. */
  readonly defaultPassword: boolean;
  /** Who wrote the format blob; informational. */
  readonly formatTool: { readonly name: string; readonly version: string };
  /** Secret. */
  readonly cryptoSpec: CryptoSpec;
  /** Decrypts `kopia.maintenance`. Secret. */
  readonly maintenanceKey: Buffer;
}
