import { DrydockError } from '../model/errors.ts';
import type { CallOptions, ObjectReader, ObjectStore } from '../stores/store.ts';
import type { JsonObject } from './canonical.ts';
import { sha256Hex } from './canonical.ts';
import {
  anchorKey,
  CHAIN_ANCHOR,
  CHAIN_HEAD,
  type Chain,
  type ChainMark,
  EVIDENCE_PURPOSE,
  evidenceBytes,
  evidenceKey,
  headKey,
  isJobName,
  newEvidence,
  readLink,
} from './evidence-record.ts';
import { chainFolder } from './keys.ts';
import {
  damaged,
  ledgerBusy,
  type RecordKind,
  readRecord,
  swapBytes,
  swapRecord,
} from './record.ts';
import { type Signer, signValue } from './signature.ts';

export interface EvidenceDeps {
  readonly state: ObjectStore;
  readonly uniqueId: () => string;
  /** With it every record, and what is kept beside them, is signed. */
  readonly signer?: Signer;
}

export interface EvidenceEntry {
  /** RFC 3339. */
  readonly at: string;
  readonly runId: string;
  readonly content: JsonObject;
}

/** What is known of the end of a chain. */
interface Tip {
  readonly sequence: number;
  readonly hash: string | null;
}

/** More losses in a row than this are no race but a store that does not keep its conditions. */
const ATTEMPTS_MAX = 500;

/**
 * Appends one record. Of two runs that do so at once the second one finds the place taken, reads
 * what is there and follows it: the chain never forks. A run that is killed in between leaves a
 * record that the head does not know of yet; the next one finds it.
 * @returns what was written, to be noted elsewhere by whoever does not trust this state alone
 * @throws DrydockError `EVIDENCE_HEAD_MISSING` (refused): records are there, and what says how many
 *   there should be is not; RECORD_DAMAGED, RECORD_NEWER, `LEDGER_BUSY`
 */
export async function appendEvidence(
  deps: EvidenceDeps,
  chain: Chain,
  entry: EvidenceEntry,
  options: CallOptions = {},
): Promise<{ readonly sequence: number; readonly hash: string }> {
  const { state, uniqueId, signer } = deps;
  checkJob(chain);
  let tip = await tipOf(deps, chain, options);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const sequence = tip.sequence + 1;
    const previousHash = tip.hash;
    const record = newEvidence({ nonce: uniqueId(), chain, sequence, previousHash, ...entry });
    const signature = signer && (await signValue(EVIDENCE_PURPOSE, record, signer));
    const bytes = evidenceBytes(state, { ...record, ...(signature && { signature }) });
    const etag = await swapBytes(state, evidenceKey(chain, sequence), bytes, undefined, options);
    if (etag !== undefined && !(await isTrimmed(state, chain, sequence, options))) {
      const written = { sequence, hash: sha256Hex(bytes) };
      await moveMark(deps, headKey(chain), CHAIN_HEAD, { chain, ...written }, options);
      return written;
    }
    // Somebody was first: behind what they wrote.
    tip = await tipOf(deps, chain, options);
  }
  throw ledgerBusy(state, headKey(chain));
}

/**
 * Moves a mark of a chain forward, never back.
 * @returns whether it was this call that moved it
 */
export async function moveMark(
  { state, uniqueId, signer }: EvidenceDeps,
  key: string,
  kind: RecordKind<ChainMark>,
  mark: ChainMark,
  options: CallOptions,
): Promise<boolean> {
  const signature = signer && (await signValue(kind.kind, mark, signer));
  const value: ChainMark = { ...mark, ...(signature && { signature }) };
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const present = await readMark(state, key, kind, mark.chain, options);
    if (present !== undefined && present.value.sequence >= mark.sequence) return false;
    const next = { value, nonce: uniqueId(), previousEtag: present?.etag };
    if ((await swapRecord(state, key, kind, next, options)) !== undefined) return true;
  }
  throw ledgerBusy(state, key);
}

/** @throws RECORD_DAMAGED when it is the mark of another chain */
export async function readMark(
  state: ObjectReader,
  key: string,
  kind: RecordKind<ChainMark>,
  chain: Chain,
  options: CallOptions,
) {
  const stored = await readRecord(state, key, kind, options);
  if (stored === undefined) return undefined;
  const { job, location } = stored.value.chain;
  if (job !== chain.job || location !== chain.location) {
    throw damaged(state, key, 'it belongs to another chain');
  }
  return stored;
}

/**
 * Between the look at a place and the write there others may have filled it, and retention may have
 * emptied it again: what is written then lies before the anchor, and is no part of the chain.
 */
async function isTrimmed(
  state: ObjectReader,
  chain: Chain,
  sequence: number,
  options: CallOptions,
): Promise<boolean> {
  const anchor = await readMark(state, anchorKey(chain), CHAIN_ANCHOR, chain, options);
  return anchor !== undefined && anchor.value.sequence >= sequence;
}

/** The last record: the head names one that is the last, or was a moment ago. */
async function tipOf(deps: EvidenceDeps, chain: Chain, options: CallOptions): Promise<Tip> {
  const { state } = deps;
  const readHead = () => readMark(state, headKey(chain), CHAIN_HEAD, chain, options);
  let head = await readHead();
  // What is there may be of a run that made the head since we looked for it.
  if (head === undefined && (await hasTraces(state, chain, options))) {
    head = await readHead();
    if (head === undefined) throw headMissing(state, chain);
  }
  if (head !== undefined) return lastFrom(state, chain, head.value, options);
  // A head of no record comes before the first record, so that a head that is missing is a fact.
  const start: ChainMark = { chain, sequence: 0, hash: null };
  await moveMark(deps, headKey(chain), CHAIN_HEAD, start, options);
  return lastFrom(state, chain, start, options);
}

async function lastFrom(
  state: ObjectReader,
  chain: Chain,
  from: Tip,
  options: CallOptions,
): Promise<Tip> {
  let tip: Tip = from;
  for (;;) {
    const link = await readLink(state, chain, tip.sequence + 1, options);
    if (link === undefined) return tip;
    tip = { sequence: link.record.sequence, hash: link.hash };
  }
}

async function hasTraces(
  state: ObjectReader,
  chain: Chain,
  options: CallOptions,
): Promise<boolean> {
  for await (const _ of state.list(chainFolder(chain), options)) return true;
  return false;
}

function checkJob({ job }: Chain): void {
  if (isJobName(job)) return;
  const message = `Cannot keep evidence of the job "${job}": its name is not of a-z, 0-9 and "-"`;
  throw new DrydockError('usage', 'JOB_INVALID', message, { hint: 'Use the name of a job' });
}

function headMissing(state: ObjectStore, chain: Chain): DrydockError {
  const folder = `${state.url}/${chainFolder(chain)}`;
  const message = `Cannot append to the evidence "${folder}": it has records and no head.json`;
  const hint =
    'Run "drydock evidence verify" for what is left of it, then move the folder away to begin anew';
  return new DrydockError('refused', 'EVIDENCE_HEAD_MISSING', message, { hint });
}
