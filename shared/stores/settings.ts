import type { CallOptions } from './store.ts';

/** A setting as the store tells it; what may not be asked, or has no API, is `unchecked` (S7). */
export type Setting<T> =
  | { readonly outcome: 'told'; readonly value: T }
  | { readonly outcome: 'unchecked'; readonly reason: string; readonly hint: string };

/** A rule of the bucket or account that acts on objects by age. */
export interface LifecycleRule {
  readonly name: string;
  /** Keys of the bucket that it acts on begin with this; empty for all. */
  readonly prefix: string;
  /** It also asks for tags or sizes, so that it may act on fewer objects than the prefix says. */
  readonly isNarrowed: boolean;
  /** Days after which current objects are removed. */
  readonly expiresAfterDays?: number;
  /** Days after which old versions are removed: harmless to current objects. */
  readonly expiresVersionsAfterDays?: number;
  readonly transitions: readonly {
    readonly afterDays: number;
    /** The vendor's own name of the tier. */
    readonly storageClass: string;
    /** Objects there cannot be read before hours of retrieval. */
    readonly isArchive: boolean;
  }[];
}

/** What protects the objects of a location, and what would eat them. */
export interface StoreSettings {
  readonly lifecycle: Setting<readonly LifecycleRule[]>;
  readonly versioning: Setting<'on' | 'suspended' | 'off'>;
  /** Days that deleted objects can be brought back; 0 when they cannot. S3 has none beside versions. */
  readonly softDeleteDays: Setting<number>;
  /** Of the key that new objects are encrypted with; `none` when the vendor's own key does it. */
  readonly encryptionKey: Setting<
    | 'none'
    | {
        readonly id: string;
        readonly state: 'enabled' | 'disabled' | 'pending-deletion' | 'unavailable';
        /** When it will be deleted. */
        readonly deletionAt?: Date;
      }
  >;
  /** Objects that are there cannot be removed or overwritten for some time. */
  readonly immutability: Setting<boolean>;
}

/** The port. Asks anew at each call, and throws nothing but the reason of an aborted signal. */
export interface StoreSettingsReader {
  read(options?: CallOptions): Promise<StoreSettings>;
}
