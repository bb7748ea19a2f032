import { isRungAtLeast, RUNGS, type Rung } from '../model/rung.ts';
import type { CallOptions, ObjectReader, ObjectStore } from '../stores/store.ts';
import { inOrder } from './in-order.ts';
import { proofKey, proofsPrefix } from './keys.ts';
import {
  damaged,
  ledgerBusy,
  type RecordKind,
  readRecord,
  type Stored,
  swapRecord,
} from './record.ts';

/** Which recovery point, of what, where. Opaque: only equality counts. */
export interface RecoveryPointId {
  /** As `locationIdentity` writes it: a replica's points are others than its source's. */
  readonly location: string;
  readonly application: string;
  /** The same in every run, e.g. the backup's name with its UID. */
  readonly point: string;
  /** RFC 3339; the moment that a restore leads back to. Part of the identity: it never changes. */
  readonly takenAt: string;
}

/** What one run found out about a rung. */
export interface Proof {
  readonly rung: Rung;
  /** `refuted`: the run looked, and the point does not stand there. Not "could not be checked". */
  readonly outcome: 'proven' | 'refuted';
  /** RFC 3339. */
  readonly provenAt: string;
  readonly runId: string;
  /** How, in the caller's words: `kopia-content`, `tarball`, `cloud-snapshot`, `drill`, ... */
  readonly kind: string;
  /** What belongs to it; never a secret. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

/** All that is known of a point: per rung and outcome the newest proof. */
export interface ProofRecord {
  readonly id: RecoveryPointId;
  readonly proofs: readonly Proof[];
}

export const PROOF: RecordKind<ProofRecord> = {
  kind: 'proof',
  schemaVersion: 1,
  parse(value) {
    const { id, proofs } = value as ProofRecord;
    const texts: readonly unknown[] = [id.location, id.application, id.point, id.takenAt];
    const isId = texts.every((text) => typeof text === 'string') && isTime(id.takenAt);
    if (!isId || !Array.isArray(proofs) || !proofs.every(isProof)) {
      throw new TypeError('Proof lacks its recovery point, its rung or its times');
    }
    return { id, proofs };
  },
};

function isProof(value: unknown): value is Proof {
  const proof = value as Partial<Record<keyof Proof, unknown>> | null;
  return (
    typeof proof === 'object' &&
    proof !== null &&
    RUNGS.some((rung) => rung === proof.rung) &&
    (proof.outcome === 'proven' || proof.outcome === 'refuted') &&
    isTime(proof.provenAt) &&
    typeof proof.runId === 'string' &&
    typeof proof.kind === 'string'
  );
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && Number.isFinite(Date.parse(value));
}

/** More losses in a row than this are no race but a store that does not keep its conditions. */
const ATTEMPTS_MAX = 100;

/**
 * Adds a proof to what is known of its point. Runs that do so at once lose nothing of each other:
 * whoever is second reads again, and the order of the two makes no difference.
 * @throws DrydockError `LEDGER_BUSY` (operation)
 */
export async function addProof(
  state: ObjectStore,
  id: RecoveryPointId,
  proof: Proof,
  uniqueId: () => string,
  options: CallOptions = {},
): Promise<ProofRecord> {
  const key = proofKey(id);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const present = await readProofAt(state, key, options);
    const value = { id, proofs: mergedProofs([...(present?.value.proofs ?? []), proof]) };
    const next = { value, nonce: uniqueId(), previousEtag: present?.etag };
    if ((await swapRecord(state, key, PROOF, next, options)) !== undefined) return value;
  }
  throw ledgerBusy(state, key);
}

/** Per rung and outcome the newest; of equal times the one whose run has the greater id. */
export function mergedProofs(proofs: readonly Proof[]): readonly Proof[] {
  const newest = new Map<string, Proof>();
  for (const proof of proofs) {
    const name = `${RUNGS.indexOf(proof.rung)} ${proof.outcome}`;
    const known = newest.get(name);
    if (known === undefined || isNewer(proof, known)) newest.set(name, proof);
  }
  return [...newest].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, proof]) => proof);
}

function isNewer(left: Proof, right: Proof): boolean {
  const apart = Date.parse(left.provenAt) - Date.parse(right.provenAt);
  return apart === 0 ? left.runId > right.runId : apart > 0;
}

export async function readProofs(
  state: ObjectReader,
  id: RecoveryPointId,
  options: CallOptions = {},
): Promise<ProofRecord | undefined> {
  return (await readProofAt(state, proofKey(id), options))?.value;
}

/** A record that lies under another point's key would prove what nobody looked at. */
async function readProofAt(
  state: ObjectReader,
  key: string,
  options: CallOptions,
): Promise<Stored<ProofRecord> | undefined> {
  const stored = await readRecord(state, key, PROOF, options);
  if (stored !== undefined && proofKey(stored.value.id) !== key) {
    throw damaged(state, key, 'it is that of another recovery point');
  }
  return stored;
}

const READS_AT_ONCE = 16;

/**
 * What is known of the points of a location, or of one application there, oldest point first within
 * an application. One request per point.
 * @throws rather than leave out a record that it cannot read: it may be the last good one (S4)
 */
export async function* listProofs(
  state: ObjectReader,
  of: { readonly location: string; readonly application?: string },
  options: CallOptions = {},
): AsyncGenerator<ProofRecord> {
  const listed = state.list(proofsPrefix(of.location, of.application), options);
  yield* inOrder(listed, READS_AT_ONCE, async ({ key }) => {
    return (await readProofAt(state, key, options))?.value;
  });
}

/** Two clocks that follow NTP differ by less; a proof from further ahead is not believed. */
export const PROOF_SKEW_MS = 5 * 60_000;

export interface Standing {
  readonly now: Date;
  /** Proofs older than this count no more; without it they never age. */
  readonly ageMsMax?: number;
}

/**
 * The proof that holds a point on its highest rung, or none. A proof falls with a refutation of its
 * rung, or of one below it, that is not older; it ages, and one from the future counts for nothing.
 */
export function standingProof(record: ProofRecord, { now, ageMsMax }: Standing): Proof | undefined {
  const nowMs = now.getTime();
  const oldestMs = ageMsMax === undefined ? Number.NEGATIVE_INFINITY : nowMs - ageMsMax;
  const refuted = record.proofs.filter(({ outcome }) => outcome === 'refuted');
  return record.proofs
    .filter(({ outcome, rung, provenAt }) => {
      const atMs = Date.parse(provenAt);
      const isInTime = atMs >= oldestMs && atMs <= nowMs + PROOF_SKEW_MS;
      const stands = !refuted.some(
        (other) => isRungAtLeast(rung, other.rung) && Date.parse(other.provenAt) >= atMs,
      );
      return outcome === 'proven' && isInTime && stands;
    })
    .reduce<Proof | undefined>(
      (best, proof) => (best !== undefined && isRungAtLeast(best.rung, proof.rung) ? best : proof),
      undefined,
    );
}

export interface NewestProven {
  readonly id: RecoveryPointId;
  readonly proof: Proof;
}

/**
 * The newest recovery point of an application at a location that stands on `rung` or above: what
 * the proven age is counted from. Reads from the newest point backwards until there is one.
 */
export async function newestProven(
  state: ObjectReader,
  of: { readonly location: string; readonly application: string },
  rung: Rung,
  standing: Standing,
  options: CallOptions = {},
): Promise<NewestProven | undefined> {
  const keys: string[] = [];
  const prefix = proofsPrefix(of.location, of.application);
  for await (const { key } of state.list(prefix, options)) keys.push(key);
  const records = inOrder(keys.reverse(), READS_AT_ONCE, async (key) => {
    return (await readProofAt(state, key, options))?.value;
  });
  for await (const record of records) {
    const proof = standingProof(record, standing);
    if (proof !== undefined && isRungAtLeast(proof.rung, rung)) return { id: record.id, proof };
  }
  return undefined;
}
