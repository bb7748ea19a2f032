import type { LeaseOwner } from '../ledger/lease.ts';
import type { Clock } from '../model/clock.ts';
import type { Progress } from '../model/progress.ts';
import type { ObjectReader, ObjectStore } from '../stores/store.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Everything that `replicate` can reach: it may read the source and write target and state (S1). */
export interface ReplicateDeps {
  readonly source: ObjectReader;
  readonly target: ObjectStore;
  /** Where the ledger keeps the lease of the target and its record of completed runs. */
  readonly state: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  /** Unique in the world for each call: run ids, lease nonces. */
  readonly uniqueId: () => string;
  /** Whether the process of a lease's holder still runs; `undefined` when that cannot be known. */
  readonly isRunning: (owner: LeaseOwner) => boolean | undefined;
  readonly signal?: AbortSignal;
}

export interface ReplicateConfig {
  /** The route's name in the configuration, or the two URLs. */
  readonly route: string;
  /**
   * What tells both places apart from others, endpoint included: the lease and the checkpoint are
   * kept for it. Two servers may have buckets of one name.
   */
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** `velero`: a Velero root with kopia/ and backups/. `kopia`: one repository on its own. */
  readonly layout: 'velero' | 'kopia';
  /** Objects under way at once. */
  readonly concurrency: number;
  /** Looks and plans, writes nothing at all: no lease, no state. */
  readonly dryRun: boolean;
  /** Who holds the lease, for the message that another replicator is given. */
  readonly owner: LeaseOwner;
  /** The state location is a folder of this machine: the report says what that guards. */
  readonly stateIsLocal: boolean;
  /** Drydock's own version, for the report. */
  readonly version: string;
}

export const REPLICATE_DEFAULTS = { concurrency: 16 } as const;
