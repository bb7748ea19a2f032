import type { CallOptions } from './store.ts';

/** A setting as the store tells it; what may not be asked, or has no API, is `unchecked` (S7). */
export type Setting<T> = { readonly outcome: 'told'; readonly value: T } | UncheckedSetting;

export interface UncheckedSetting {
  readonly outcome: 'unchecked';
  /** Words only, for a list: nothing in them changes from run to run. */
  readonly reason: string;
  readonly hint: string;
}

/** When a rule acts on an object: so long after it was written or last used, or from a day on. */
export type RuleTime = { readonly afterDays: number } | { readonly from: Date };

/** A rule of the bucket or account that acts on objects by age. Rules that are off are left out. */
export interface LifecycleRule {
  readonly name: string;
  /** Keys of the bucket that it acts on begin with this; empty for all. */
  readonly prefix: string;
  /** It also asks for tags, sizes or a class: it may act on fewer objects than the prefix says. */
  readonly isNarrowed: boolean;
  /** When current objects are removed. */
  readonly expires?: RuleTime;
  /** Days after which old versions are removed: harmless to current objects. */
  readonly expiresVersionsAfterDays?: number;
  readonly transitions: readonly {
    readonly when: RuleTime;
    /** The vendor's own name of the tier. */
    readonly storageClass: string;
    /** Objects there cannot be read before hours of retrieval. */
    readonly isArchive: boolean;
  }[];
}

/** A key of the user's that objects are encrypted with. */
export interface EncryptionKey {
  /** As the vendor names it: ARN or id, or the URL in a vault. */
  readonly id: string;
  readonly state: 'enabled' | 'disabled' | 'pending-deletion' | 'unavailable';
  /** When it will be deleted. */
  readonly deletionAt?: Date;
}

/**
 * What protects the objects of a location, and what would eat them. Each is asked for on its own, so
 * that a right that is missing hides one answer alone.
 */
export interface StoreSettings {
  readonly lifecycle: Setting<readonly LifecycleRule[]>;
  /** S3's own moves of objects of the class INTELLIGENT_TIERING to its archive tiers. */
  readonly archiveTiering: Setting<readonly LifecycleRule[]>;
  readonly versioning: Setting<'on' | 'suspended' | 'off'>;
  /** Days that deleted objects can be brought back; 0 when they cannot. S3 has none beside versions. */
  readonly softDeleteDays: Setting<number>;
  /** Of the key that new objects are encrypted with; `none` when the vendor's own key does it. */
  readonly encryptionKey: Setting<'none' | EncryptionKey>;
  /** Objects that are there cannot be removed or overwritten for some time. */
  readonly immutability: Setting<boolean>;
}

/** Asks the service that keeps a key about its state. Throws nothing but the reason of a signal. */
export type DescribeKey = (id: string, options?: CallOptions) => Promise<Setting<EncryptionKey>>;

/** The port. Asks anew at each call, and throws nothing but the reason of an aborted signal. */
export interface StoreSettingsReader {
  read(options?: CallOptions): Promise<StoreSettings>;
}
