import type { SnapshotErrorCode } from './snapshot-error.ts';

/**
 * What the cloud itself says about disk snapshots that backups refer to. One witness speaks for one
 * place: an AWS account in one region, or an Azure subscription. The contract is tested by
 * `test/contract/snapshot-witness.ts` on both clouds.
 *
 * A witness repeats by itself what failed for the moment, as its policy says; nobody else does.
 */
export interface SnapshotWitness {
  /** For messages: `AWS eu-central-1`, `Azure subscription 0000...`. */
  readonly place: string;
  /**
   * Answers for every reference, under the reference as it was given. Never throws because of what
   * the cloud says: what could not be learnt is `unchecked`, for the references it concerns alone.
   * An aborted `signal` rejects with its reason.
   * @param references EBS: ids (`snap-0123...`) or ARNs; Azure: ARM resource ids. Any text may come:
   *   what is no reference to a snapshot of this cloud is `unchecked`, reason `invalid`, and is
   *   never sent. Duplicates are asked once.
   */
  lookUp(
    references: readonly string[],
    options?: LookUpOptions,
  ): Promise<ReadonlyMap<string, SnapshotAnswer>>;
  /**
   * Every snapshot that this account or subscription owns and that carries at least one of the tag
   * keys, each once, in no order, page by page: what looks like a backup's, for finding those that
   * no backup knows. A tag proves no ownership (restored volumes inherit tags).
   * @throws SnapshotError rather than end early.
   */
  listTagged(tagKeys: readonly string[], options?: WitnessOptions): AsyncIterable<SnapshotFacts>;
}

export interface WitnessOptions {
  readonly signal?: AbortSignal;
}

export interface LookUpOptions extends WitnessOptions {
  /** Also says whether what is found is locked against deletion, where the cloud has such locks. */
  readonly locks?: boolean;
}

export type SnapshotAnswer =
  | { readonly outcome: 'found'; readonly facts: SnapshotFacts }
  /**
   * The cloud says that it has no such snapshot in this place. EC2 says the same of a snapshot of
   * another account that is not shared, so that a witness which was told the account says `absent`
   * only after it has seen that it is in that account.
   */
  | { readonly outcome: 'absent' }
  | UncheckedSnapshot;

/** Nothing is known of it. `message` and `hint` are for whoever reads the finding. */
export interface UncheckedSnapshot {
  readonly outcome: 'unchecked';
  readonly reason: SnapshotErrorCode;
  readonly message: string;
  readonly hint: string;
}

/**
 * Where a snapshot is in its life. `pending`: its data is still being copied, and Velero counts it
 * as completed all the same. `recoverable`: deleted, and kept by a recycle bin. `other`: a word of
 * the vendor's that is not known here; see `vendorState`.
 */
export type SnapshotState =
  | 'completed'
  | 'pending'
  | 'failed'
  | 'deleting'
  | 'recoverable'
  | 'other';

/** Facts as the cloud tells them; what it does not tell is left out. */
export interface SnapshotFacts {
  /** As the cloud writes it; Azure may write it in other letter cases than the reference. */
  readonly id: string;
  readonly state: SnapshotState;
  /** The vendor's own word for the state. */
  readonly vendorState: string;
  /** The vendor's explanation of a failed state: of a key that cannot be used, for example. */
  readonly stateReason?: string;
  /** Of the copying of its data, 0 to 100. */
  readonly progressPercent?: number;
  /** Of the disk that a restore makes, not what the snapshot costs. */
  readonly sizeBytes?: number;
  readonly encrypted: boolean;
  /** Azure: `EncryptionAtRestWithPlatformKey`, `EncryptionAtRestWithCustomerKey`, ... */
  readonly encryptionType?: string;
  /** ARN of the KMS key, or ARM id of the disk encryption set. */
  readonly keyId?: string;
  readonly startedAt?: Date;
  /** AWS account that owns it (it may be shared with this one), or Azure subscription. */
  readonly account?: string;
  readonly region: string;
  /** EBS volume id, or ARM id of the disk. Of copies it means nothing on AWS. */
  readonly volumeId?: string;
  /** A map, since keys come from outside. */
  readonly tags: ReadonlyMap<string, string>;
  /** EBS: `standard` or `archive`; Azure: the SKU, `Standard_LRS`. */
  readonly tier?: string;
  /** It must be restored from its archive tier before it can be used. */
  readonly archived: boolean;
  /** When a snapshot that was restored from the archive goes back there. */
  readonly archivedAgainAt?: Date;
  /**
   * EBS, when asked for: `'none'`, or `'unknown'` when it could not be learnt. Azure has locks of
   * groups and resources, which say nothing here.
   */
  readonly lock?: SnapshotLock | 'none' | 'unknown';
  /** Azure: it holds only what changed since the one before. */
  readonly incremental?: boolean;
  /** Azure: `AllowAll`, `AllowPrivate` or `DenyAll`: who may export it. */
  readonly networkAccess?: string;
}

/** Nobody deletes it while this lasts. */
export interface SnapshotLock {
  /** `governance` and `compliance-cooloff` can be lifted by those who may, `compliance` by nobody. */
  readonly mode: 'governance' | 'compliance' | 'compliance-cooloff';
  readonly endsAt?: Date;
}
