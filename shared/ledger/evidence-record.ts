import type { CallOptions, ObjectReader, ObjectStore } from '../stores/store.ts';
import { canonicalJson, isSha256Hex, type JsonObject, sha256Hex } from './canonical.ts';
import { chainFolder, evidenceName } from './keys.ts';
import {
  checkSchemaVersion,
  damaged,
  RECORD_SIZE_BYTES_MAX,
  type RecordKind,
  readBytes,
  tooLarge,
} from './record.ts';
import { isSignature, type Signature } from './signature.ts';

/** One chain per job and location. */
export interface Chain {
  /** The job's name, `verify` or `kopia-verify`: lower case letters, digits and "-". */
  readonly job: string;
  /** As `locationIdentity` writes it. */
  readonly location: string;
}

/**
 * One link. Its object holds exactly the canonical JSON of it, so that not a byte of it can change
 * unseen: the next one carries the SHA-256 of these bytes.
 */
export interface EvidenceRecord {
  readonly schemaVersion: number;
  readonly kind: 'evidence';
  /** Differs in every write: no two runs write the same bytes. */
  readonly nonce: string;
  readonly chain: Chain;
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Hex of the SHA-256 of the object before; `null` in the first one of a chain. */
  readonly previousHash: string | null;
  /** RFC 3339, by the clock of the run. */
  readonly at: string;
  readonly runId: string;
  /** What was found: verdicts, findings, measures; never a secret. */
  readonly content: JsonObject;
  /** Of everything else in the record. */
  readonly signature?: Signature;
}

/** A record and what the next one says of it. */
export interface Link {
  readonly record: EvidenceRecord;
  readonly hash: string;
}

/** What is kept beside a chain, about one record of it. */
export interface ChainMark {
  readonly chain: Chain;
  /** 0 before the first record. */
  readonly sequence: number;
  readonly hash: string | null;
  readonly signature?: Signature;
}

const SCHEMA_VERSION = 1;

/** What a signature of a record is for; that of a mark is for its kind. */
export const EVIDENCE_PURPOSE = 'evidence';

/** The newest record: without it a chain could be cut off at its end unseen. */
export const CHAIN_HEAD = markKind('evidence-head');
/** The last record that retention removed. */
export const CHAIN_ANCHOR = markKind('evidence-anchor');

export function headKey(chain: Chain): string {
  return `${chainFolder(chain)}head.json`;
}

export function anchorKey(chain: Chain): string {
  return `${chainFolder(chain)}anchor.json`;
}

export function evidenceKey(chain: Chain, sequence: number): string {
  return `${chainFolder(chain)}${evidenceName(sequence)}`;
}

/** The name of a job as it may be part of a key. */
export function isJobName(job: string): boolean {
  return /^[a-z][a-z0-9-]{0,62}$/.test(job);
}

function markKind(kind: string): RecordKind<ChainMark> {
  return {
    kind,
    schemaVersion: 1,
    parse(value) {
      const mark = value as ChainMark;
      const isHash = mark.sequence === 0 ? mark.hash === null : isSha256Hex(mark.hash);
      if (!isChain(mark.chain) || !isSequence(mark.sequence, 0) || !isHash) {
        throw new TypeError('A mark has a chain, a sequence number and a hash');
      }
      if (!isSignature(mark.signature)) throw new TypeError('Not a signature');
      return mark;
    },
  };
}

/** A record that nobody signed yet. */
export function newEvidence(
  parts: Omit<EvidenceRecord, 'schemaVersion' | 'kind' | 'signature'>,
): EvidenceRecord {
  return { ...parts, schemaVersion: SCHEMA_VERSION, kind: 'evidence' };
}

/** Exactly what is stored. @throws RECORD_TOO_LARGE, TypeError for content that is no JSON */
export function evidenceBytes(state: ObjectStore, record: EvidenceRecord): Uint8Array {
  const bytes = Buffer.from(canonicalJson(record));
  if (bytes.length <= RECORD_SIZE_BYTES_MAX) return bytes;
  const key = evidenceKey(record.chain, record.sequence);
  throw tooLarge(state, key, bytes.length, RECORD_SIZE_BYTES_MAX);
}

/**
 * @returns `undefined` when there is no such record
 * @throws RECORD_DAMAGED when it is not what Drydock writes there; RECORD_NEWER
 */
export async function readLink(
  state: ObjectReader,
  chain: Chain,
  sequence: number,
  options: CallOptions,
): Promise<Link | undefined> {
  const key = evidenceKey(chain, sequence);
  const link = await readLinkAt(state, key, options);
  if (link === undefined) return undefined;
  const { chain: own, sequence: ownSequence } = link.record;
  if (own.job !== chain.job || own.location !== chain.location) {
    throw damaged(state, key, 'it is a record of another chain');
  }
  if (ownSequence !== sequence) throw damaged(state, key, `it is record ${ownSequence}`);
  return link;
}

/** The same for any key, whatever chain the record is of. */
export async function readLinkAt(
  state: ObjectReader,
  key: string,
  options: CallOptions,
): Promise<Link | undefined> {
  const stored = await readBytes(state, key, RECORD_SIZE_BYTES_MAX, options);
  if (stored === undefined) return undefined;
  const text = Buffer.from(stored.bytes).toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
    if (!isObject(parsed)) throw new TypeError('Not an object');
  } catch {
    throw damaged(state, key, 'it is no JSON object');
  }
  const version = parsed['schemaVersion'];
  if (typeof version === 'number') checkSchemaVersion(state, key, version, SCHEMA_VERSION);
  if (!isEvidence(parsed)) throw damaged(state, key, 'it is no record of evidence');
  if (!isCanonical(parsed, stored.bytes)) {
    throw damaged(state, key, 'its bytes are not those that were written');
  }
  return { record: parsed, hash: sha256Hex(stored.bytes) };
}

function isCanonical(parsed: unknown, bytes: Uint8Array): boolean {
  try {
    // Compared as bytes: reading as UTF-8 makes one character of many a broken sequence.
    return Buffer.compare(Buffer.from(canonicalJson(parsed)), bytes) === 0;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEvidence(value: object): value is EvidenceRecord {
  const record = value as Partial<Record<keyof EvidenceRecord, unknown>>;
  const { sequence, previousHash } = record;
  return (
    record.schemaVersion === SCHEMA_VERSION &&
    record.kind === 'evidence' &&
    typeof record.nonce === 'string' &&
    isChain(record.chain) &&
    isSequence(sequence, 1) &&
    (sequence === 1 ? previousHash === null : isSha256Hex(previousHash)) &&
    typeof record.at === 'string' &&
    Number.isFinite(Date.parse(record.at)) &&
    typeof record.runId === 'string' &&
    isObject(record.content) &&
    isSignature(record.signature)
  );
}

function isChain(value: unknown): value is Chain {
  if (!isObject(value)) return false;
  const { job, location } = value;
  return typeof job === 'string' && isJobName(job) && typeof location === 'string';
}

function isSequence(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least;
}
