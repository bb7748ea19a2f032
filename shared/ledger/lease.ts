import type { Clock } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import type { ObjectStore } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import { leaseKey } from './keys.ts';
import { type RecordKind, readRecord, type Stored, swapRecord } from './record.ts';

/** Who holds a lease: told to whoever is refused, and compared by whoever comes after a crash. */
export interface LeaseOwner {
  /** For people: `user@host`, or the name of a function. */
  readonly name: string;
  readonly host: string;
  readonly processId: number;
}

interface LeaseRecord {
  /** What the lease is for, e.g. the URL of a replica. */
  readonly subject: string;
  readonly owner: LeaseOwner;
  readonly acquiredAt: string;
  readonly expiresAt: string;
}

const LEASE: RecordKind<LeaseRecord> = {
  kind: 'lease',
  schemaVersion: 1,
  parse(value) {
    const lease = value as LeaseRecord;
    const times = [lease.acquiredAt, lease.expiresAt].map((time) => Date.parse(time));
    if (
      typeof lease.subject !== 'string' ||
      typeof lease.owner.name !== 'string' ||
      times.some(Number.isNaN)
    ) {
      throw new TypeError('Lease lacks its subject, owner or times');
    }
    return lease;
  },
};

export const LEASE_TIMES = {
  /** Short, since after a crash elsewhere the next run waits for it. */
  lifetimeMs: 90_000,
  /** Three renewals may fail before the lease is lost. */
  renewalMs: 20_000,
  /** Clocks of two machines that both follow NTP differ by less; so long we wait beyond the end. */
  skewMs: 30_000,
} as const;

export interface LeaseDeps {
  readonly state: ObjectStore;
  readonly clock: Clock;
  readonly uniqueId: () => string;
  /** Whether the process of a holder on this machine still runs; `undefined` when unknown. */
  readonly isRunning: (owner: LeaseOwner) => boolean | undefined;
}

export interface Lease {
  /** Aborted with LEASE_LOST when the lease could not be renewed in time: stop writing at once. */
  readonly signal: AbortSignal;
  /** Throws LEASE_LOST when the lease has ended; asked before each step that must not be doubled. */
  check(): void;
  release(): Promise<void>;
}

/**
 * Takes the lease on `subject` and renews it until `release`.
 * @throws LEASE_HELD (refused) naming the holder while somebody else has it.
 */
export async function acquireLease(
  deps: LeaseDeps,
  subject: string,
  owner: LeaseOwner,
): Promise<Lease> {
  const key = leaseKey(subject);
  const present = await readRecord(deps.state, key, LEASE);
  if (present !== undefined && !isOver(deps, present.value)) throw held(subject, present.value);
  const nowMs = deps.clock.now().getTime();
  const value: LeaseRecord = {
    subject,
    owner,
    acquiredAt: new Date(nowMs).toISOString(),
    expiresAt: new Date(nowMs + LEASE_TIMES.lifetimeMs).toISOString(),
  };
  const next = { value, nonce: deps.uniqueId(), previousEtag: present?.etag };
  const etag = await swapRecord(deps.state, key, LEASE, next);
  if (etag === undefined) {
    const winner = await readRecord(deps.state, key, LEASE);
    throw held(subject, winner?.value ?? value);
  }
  return keepLease(deps, key, { value, etag });
}

function isOver(deps: LeaseDeps, lease: LeaseRecord): boolean {
  const endMs = Date.parse(lease.expiresAt) + LEASE_TIMES.skewMs;
  return deps.clock.now().getTime() > endMs || deps.isRunning(lease.owner) === false;
}

function keepLease(deps: LeaseDeps, key: string, first: Stored<LeaseRecord>): Lease {
  const lost = new AbortController();
  const released = new AbortController();
  let current = first;
  let renewal: Promise<void> = Promise.resolve();

  const end = (): number => Date.parse(current.value.expiresAt);
  const lose = (): void => {
    const message = `Cannot keep the lease on "${current.value.subject}": it ended at ${current.value.expiresAt}`;
    const hint = 'Nothing is damaged; run again when no other replicator works on this target';
    lost.abort(new DrydockError('refused', 'LEASE_LOST', message, { hint }));
  };

  async function renewOnce(): Promise<void> {
    const expiresAt = new Date(deps.clock.now().getTime() + LEASE_TIMES.lifetimeMs).toISOString();
    const value = { ...current.value, expiresAt };
    const next = { value, nonce: deps.uniqueId(), previousEtag: current.etag };
    const etag = await swapRecord(deps.state, key, LEASE, next);
    if (etag === undefined) lose();
    else current = { value, etag };
  }

  async function keepRenewing(): Promise<void> {
    while (!released.signal.aborted && !lost.signal.aborted) {
      await deps.clock.sleep(LEASE_TIMES.renewalMs, released.signal).catch(() => undefined);
      if (released.signal.aborted) return;
      // A renewal that cannot reach the store is tried again; the end of the lease decides, also
      // over one that gets no answer.
      renewal = renewOnce().catch(() => undefined);
      const answered = new AbortController();
      const remainingMs = Math.max(0, end() - deps.clock.now().getTime());
      const ended = deps.clock.sleep(remainingMs, answered.signal).catch(() => undefined);
      await Promise.race([renewal, ended]);
      answered.abort();
      if (deps.clock.now().getTime() >= end()) lose();
    }
  }
  const renewing = keepRenewing();

  return {
    signal: lost.signal,
    check() {
      if (!lost.signal.aborted && deps.clock.now().getTime() >= end()) lose();
      lost.signal.throwIfAborted();
    },
    async release() {
      released.abort();
      await renewing;
      await renewal;
      await deps.state.remove(key, { ifMatch: current.etag }).catch((error: unknown) => {
        // Somebody took it over after it ended: then it is theirs.
        if (!isStoreError(error, 'changed')) throw error;
      });
    },
  };
}

function held(subject: string, lease: LeaseRecord): DrydockError {
  const { name, host, processId } = lease.owner;
  const holder = `${name} (host ${host}, process ${processId})`;
  const message = `Cannot take the lease on "${subject}": ${holder} holds it since ${lease.acquiredAt}, until ${lease.expiresAt}`;
  const hint = 'Wait for that run to end; a crashed one frees its lease within two minutes';
  return new DrydockError('refused', 'LEASE_HELD', message, { hint });
}
