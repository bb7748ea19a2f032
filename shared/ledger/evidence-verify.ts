import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { readMark } from './evidence.ts';
import {
  anchorKey,
  CHAIN_ANCHOR,
  CHAIN_HEAD,
  type Chain,
  type ChainMark,
  EVIDENCE_PURPOSE,
  headKey,
  type Link,
  readLink,
} from './evidence-record.ts';
import { inOrder } from './in-order.ts';
import { chainFolder } from './keys.ts';
import { isDamagedRecord, type RecordKind } from './record.ts';
import { checkSignature, type Signature, type SignatureState, type Verifier } from './signature.ts';

export type ChainProblemKind =
  /** A record, or a mark, is not what was written, or does not follow the one before. */
  | 'altered'
  /** Two records that were both signed follow the same one. */
  | 'fork'
  /** Records within the chain are missing. */
  | 'gap'
  /** Records at the end are missing. */
  | 'truncated'
  /** Records at the beginning are missing, and nothing says that retention removed them. */
  | 'anchor-missing'
  | 'head-missing'
  /** An object that Drydock did not put there. */
  | 'foreign'
  | 'signature-missing'
  | 'signature-wrong'
  /** Signed by a key that the caller does not trust. */
  | 'signature-unknown-key'
  /** The time of a record is before that of the one before, or in the future. */
  | 'clock';

export interface ChainProblem {
  readonly kind: ChainProblemKind;
  /** The key in the state. */
  readonly key: string;
  /** A sentence about `key`; quotes nothing of what the record says. */
  readonly message: string;
}

export interface ChainVerification {
  readonly chain: Chain;
  readonly records: number;
  /** How many records retention has removed before the first one. */
  readonly removed: number;
  /** The last record that could be read; noted elsewhere it proves that nothing before was changed. */
  readonly last:
    | { readonly sequence: number; readonly hash: string; readonly at: string }
    | undefined;
  readonly signatures: Readonly<Record<SignatureState | 'unchecked', number>>;
  /** The first hundred, of which no more than fifty are about times. */
  readonly problems: readonly ChainProblem[];
  readonly problemCount: number;
}

export interface VerifyChainOptions extends CallOptions {
  readonly now: Date;
  /** The keys whose signatures count. Without any, signatures are `unchecked`, not passed. */
  readonly trusted?: readonly Verifier[];
  /** Told of each record that is what was written, in order. */
  readonly onLink?: (link: Link) => void;
}

/** Two clocks that follow NTP differ by less. */
export const EVIDENCE_SKEW_MS = 60_000;

const READS_AT_ONCE = 16;
const PROBLEMS_MAX = 100;

/**
 * Reads a whole chain once, in order, and tells everything that is wrong with it; holds no more
 * than sixteen records. Runs that append or trim meanwhile do it no harm.
 * @throws RECORD_NEWER; StoreErrors: what could not be read is not taken for missing (S7)
 */
export async function verifyChain(
  state: ObjectReader,
  chain: Chain,
  options: VerifyChainOptions,
): Promise<ChainVerification> {
  return new ChainWalk(state, chain, options).run();
}

/** What the next record has to follow; the hash is not known behind damage. */
interface Expected {
  readonly sequence: number;
  readonly hash: string | null | undefined;
}

type Read =
  | { readonly key: string; readonly foreign: true }
  | { readonly key: string; readonly sequence: number; readonly link: Link | string | undefined };

class ChainWalk {
  readonly #state: ObjectReader;
  readonly #chain: Chain;
  readonly #options: VerifyChainOptions;
  readonly #problems: ChainProblem[] = [];
  #problemCount = 0;
  #clockCount = 0;
  readonly #signatures = { good: 0, wrong: 0, 'unknown-key': 0, missing: 0, unchecked: 0 };
  #anchor: ChainMark | undefined;
  #anchorDamaged = false;
  #expected: Expected = { sequence: 0, hash: null };
  #records = 0;
  #last: (Link & { readonly signature: SignatureState | 'unchecked' }) | undefined;
  #firstSignature: SignatureState | 'unchecked' | undefined;
  #hashAtHead: string | null | undefined;

  constructor(state: ObjectReader, chain: Chain, options: VerifyChainOptions) {
    this.#state = state;
    this.#chain = chain;
    this.#options = options;
  }

  async run(): Promise<ChainVerification> {
    // Before the list: what is appended from here on is then no contradiction.
    const head = await this.#mark(headKey(this.#chain), CHAIN_HEAD);
    const anchor = await this.#mark(anchorKey(this.#chain), CHAIN_ANCHOR);
    this.#anchorDamaged = anchor === 'damaged';
    if (anchor !== 'damaged' && anchor !== undefined) this.#startBehind(anchor);
    this.#noteHead(head, this.#expected);
    for await (const read of this.#reads()) {
      if ('foreign' in read) this.#tell('foreign', read.key, 'is no record of a chain');
      else await this.#take(read, head);
    }
    await this.#checkHead(head);
    await this.#checkMarks(head);
    const last = this.#last && {
      sequence: this.#last.record.sequence,
      hash: this.#last.hash,
      at: this.#last.record.at,
    };
    return {
      chain: this.#chain,
      records: this.#records,
      removed: this.#anchor?.sequence ?? 0,
      last,
      signatures: this.#signatures,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  async #mark(
    key: string,
    kind: RecordKind<ChainMark>,
  ): Promise<ChainMark | 'damaged' | undefined> {
    try {
      return (await readMark(this.#state, key, kind, this.#chain, this.#options))?.value;
    } catch (error) {
      if (!isDamagedRecord(error)) throw error;
      this.#tell('altered', key, 'is not what was written there');
      return 'damaged';
    }
  }

  #startBehind(anchor: ChainMark): void {
    this.#anchor = anchor;
    this.#expected = { sequence: anchor.sequence, hash: anchor.hash };
  }

  #reads(): AsyncGenerator<Read> {
    const folder = chainFolder(this.#chain);
    const { signal } = this.#options;
    const call = signal === undefined ? {} : { signal };
    const listed = this.#state.list(folder, call);
    return inOrder(listed, READS_AT_ONCE, async ({ key }): Promise<Read | undefined> => {
      const name = key.slice(folder.length);
      if (name === 'head.json' || name === 'anchor.json') return undefined;
      const [, digits] = /^records\/(\d{10})\.json$/.exec(name) ?? [];
      const sequence = Number(digits);
      if (digits === undefined || sequence === 0) return { key, foreign: true };
      const link = await readLink(this.#state, this.#chain, sequence, call).catch((error) => {
        if (isDamagedRecord(error)) return error.message.slice(error.message.lastIndexOf(': ') + 2);
        throw error;
      });
      return { key, sequence, link };
    });
  }

  async #take(
    { key, sequence, link }: Exclude<Read, { readonly foreign: true }>,
    head: ChainMark | 'damaged' | undefined,
  ): Promise<void> {
    // Removed since it was listed: by retention, or it will be missed when its successor comes.
    if (link === undefined) return;
    if (sequence > this.#expected.sequence + 1) await this.#jump(key, sequence);
    // What retention was removing when it was killed.
    if (sequence <= this.#expected.sequence) return;
    this.#records += 1;
    if (typeof link === 'string') {
      this.#tell('altered', key, link);
      this.#expected = { sequence, hash: undefined };
      return;
    }
    const { record, hash } = link;
    const signature = await this.#signature(EVIDENCE_PURPOSE, record);
    this.#signatures[signature] += 1;
    this.#checkLink(key, link, signature);
    this.#checkSigned(key, signature);
    this.#checkClock(key, link);
    this.#firstSignature ??= signature;
    this.#last = { ...link, signature };
    this.#expected = { sequence: record.sequence, hash };
    this.#noteHead(head, this.#expected);
    this.#options.onLink?.(link);
  }

  /** Records are missing before this one, unless retention has just removed them. */
  async #jump(key: string, sequence: number): Promise<void> {
    const anchor = await this.#mark(anchorKey(this.#chain), CHAIN_ANCHOR);
    if (anchor !== undefined && anchor !== 'damaged' && anchor.sequence > this.#expected.sequence) {
      this.#startBehind(anchor);
      if (sequence <= anchor.sequence + 1) return;
    }
    const from = this.#expected.sequence + 1;
    const missing =
      from === sequence - 1 ? `record ${from} is` : `records ${from} to ${sequence - 1} are`;
    if (this.#records > 0 || this.#anchor !== undefined) {
      this.#tell('gap', key, `comes where ${missing} missing`);
    } else if (!this.#anchorDamaged) {
      this.#tell('anchor-missing', key, `is the first one left: ${missing} gone without an anchor`);
    }
    this.#expected = { sequence: sequence - 1, hash: undefined };
  }

  #checkLink(key: string, { record }: Link, signature: SignatureState | 'unchecked'): void {
    const { hash } = this.#expected;
    if (hash === undefined || record.previousHash === hash) return;
    const before = this.#expected.sequence;
    const bothSigned = signature === 'good' && this.#last?.signature === 'good';
    if (this.#last?.record.sequence !== before) {
      const what = before === 0 ? 'names one before the first' : 'does not follow the anchor';
      this.#tell('altered', key, what);
    } else if (bothSigned) {
      this.#tell('fork', key, `follows another record ${before} than the one that is there`);
    } else {
      this.#tell('altered', key, `does not follow record ${before}: one of the two was changed`);
    }
  }

  /** What was not signed yet when signing began is vouched for by the first one that is. */
  #checkSigned(key: string, signature: SignatureState | 'unchecked'): void {
    if (signature === 'wrong') this.#tell('signature-wrong', key, 'has a wrong signature');
    if (signature === 'unknown-key') {
      this.#tell('signature-unknown-key', key, 'is signed by a key that is not trusted');
    }
    if (signature === 'missing' && this.#signatures.good > 0) {
      this.#tell('signature-missing', key, 'is not signed, though records before it are');
    }
  }

  #checkClock(key: string, { record }: Link): void {
    const atMs = Date.parse(record.at);
    const beforeMs = this.#last === undefined ? atMs : Date.parse(this.#last.record.at);
    if (atMs < beforeMs - EVIDENCE_SKEW_MS) {
      this.#tell('clock', key, 'is older than the record before it');
    } else if (atMs > this.#options.now.getTime() + EVIDENCE_SKEW_MS) {
      this.#tell('clock', key, 'is from the future');
    }
  }

  #noteHead(head: ChainMark | 'damaged' | undefined, { sequence, hash }: Expected): void {
    if (head !== 'damaged' && head?.sequence === sequence) this.#hashAtHead = hash;
  }

  async #checkHead(head: ChainMark | 'damaged' | undefined): Promise<void> {
    const key = headKey(this.#chain);
    if (head === 'damaged') return;
    if (head === undefined) {
      this.#tell('head-missing', key, 'is missing: nobody can say how many records there were');
    } else if (head.sequence > this.#expected.sequence) {
      const left = `the last one left is ${this.#expected.sequence}`;
      this.#tell('truncated', key, `names record ${head.sequence}, and ${left}`);
    } else if (this.#hashAtHead !== undefined && this.#hashAtHead !== head.hash) {
      this.#tell(
        'altered',
        key,
        `names another record ${head.sequence} than the one that is there`,
      );
    }
  }

  /** What stands beside a signed record must be signed too, or it could be made by anybody. */
  async #checkMarks(head: ChainMark | 'damaged' | undefined): Promise<void> {
    if (this.#options.trusted === undefined) return;
    const marks = [
      [headKey(this.#chain), CHAIN_HEAD, head, this.#last?.signature],
      [anchorKey(this.#chain), CHAIN_ANCHOR, this.#anchor, this.#firstSignature],
    ] as const;
    for (const [key, { kind }, mark, beside] of marks) {
      if (mark === undefined || mark === 'damaged') continue;
      const signature = await this.#signature(kind, mark);
      if (signature === 'missing' && beside === 'good') {
        this.#tell('signature-missing', key, 'is not signed, though the record beside it is');
      } else if (signature !== 'missing') this.#checkSigned(key, signature);
    }
    if (this.#last !== undefined && this.#signatures.good === 0) {
      this.#tell(
        'signature-missing',
        headKey(this.#chain),
        'leads a chain without good signatures',
      );
    }
  }

  async #signature(
    purpose: string,
    value: { readonly signature?: Signature },
  ): Promise<SignatureState | 'unchecked'> {
    const { trusted } = this.#options;
    if (trusted === undefined) return value.signature === undefined ? 'missing' : 'unchecked';
    return checkSignature(purpose, value, trusted);
  }

  #tell(kind: ChainProblemKind, key: string, message: string): void {
    this.#problemCount += 1;
    // Times alone never crowd out what is worse: any such problem is among those that are kept.
    if (kind === 'clock' && ++this.#clockCount > PROBLEMS_MAX / 2) return;
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ kind, key, message });
  }
}
