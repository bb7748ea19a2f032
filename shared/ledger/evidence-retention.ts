import { DrydockError } from '../model/errors.ts';
import type { CallOptions, ObjectReader, RemoveFailure } from '../stores/store.ts';
import { type EvidenceDeps, moveMark } from './evidence.ts';
import {
  anchorKey,
  CHAIN_ANCHOR,
  CHAIN_HEAD,
  type Chain,
  evidenceKey,
  headKey,
  type Link,
} from './evidence-record.ts';
import { type ChainVerification, verifyChain } from './evidence-verify.ts';
import { chainFolder } from './keys.ts';

export interface Trimmed {
  readonly removed: number;
  /** Those that the store would not remove, a locked one for example; the next run tries again. */
  readonly failures: readonly RemoveFailure[];
}

const REMOVALS_AT_ONCE = 1000;

/** What a trim of a chain would do. */
export interface TrimPlan {
  /** Records that would go. */
  readonly records: number;
  /** The last of them; absent when nothing is old enough. */
  readonly cut: Link | undefined;
  readonly verification: ChainVerification;
}

/**
 * Which records are from before `keepFrom`: up to the first one that is not older, and never the
 * newest. Reads the whole chain and writes nothing.
 * @throws DrydockError `EVIDENCE_BROKEN` (refused): what is wrong with a chain must not be removed;
 *   `SIGNING_KEY_MISSING` (refused): the chain is signed, and nobody could sign where it now begins
 */
export async function planTrim(
  { state, signer }: Pick<EvidenceDeps, 'signer'> & { readonly state: ObjectReader },
  chain: Chain,
  times: { readonly now: Date; readonly keepFrom: Date },
  options: CallOptions = {},
): Promise<TrimPlan> {
  let before: Link | undefined;
  let cut: Link | undefined;
  let isOld = true;
  const verification = await verifyChain(state, chain, {
    ...options,
    now: times.now,
    ...(signer && { trusted: [signer] }),
    onLink(link) {
      // One that is old enough goes when another one follows it.
      isOld &&= before === undefined || Date.parse(before.record.at) < times.keepFrom.getTime();
      if (isOld) cut = before;
      before = link;
    },
  });
  checkWhole(state, verification);
  if (verification.signatures.unchecked > 0) throw keyMissing(state, chain);
  const records = cut === undefined ? 0 : cut.record.sequence - verification.removed;
  return { records, cut, verification };
}

/**
 * Removes what `planTrim` says. The anchor with the hash of the last one comes first: killed at any
 * point, the chain can be verified, and the next run removes what is left.
 * @throws as `planTrim`
 */
export async function trimEvidence(
  deps: EvidenceDeps,
  chain: Chain,
  times: { readonly now: Date; readonly keepFrom: Date },
  options: CallOptions = {},
): Promise<Trimmed> {
  const { state } = deps;
  const { cut, verification } = await planTrim(deps, chain, times, options);
  if (cut !== undefined && verification.last !== undefined) {
    const { sequence, hash } = verification.last;
    // A head that a killed run left behind must not point before the anchor.
    await moveMark(deps, headKey(chain), CHAIN_HEAD, { chain, sequence, hash }, options);
    const mark = { chain, sequence: cut.record.sequence, hash: cut.hash };
    await moveMark(deps, anchorKey(chain), CHAIN_ANCHOR, mark, options);
  }
  const lastKey = evidenceKey(chain, cut?.record.sequence ?? verification.removed);
  let removed = 0;
  const failures: RemoveFailure[] = [];
  let keys: string[] = [];
  async function flush(): Promise<void> {
    const failed = await state.removeMany(keys, options);
    removed += keys.length - failed.length;
    failures.push(...failed);
    keys = [];
  }
  for await (const { key } of state.list(`${chainFolder(chain)}records/`, options)) {
    if (key > lastKey) break;
    keys.push(key);
    if (keys.length >= REMOVALS_AT_ONCE) await flush();
  }
  if (keys.length > 0) await flush();
  return { removed, failures };
}

/** A clock that was wrong is no reason to keep everything for ever. */
function checkWhole(state: ObjectReader, { chain, problems }: ChainVerification): void {
  const first = problems.find(({ kind }) => kind !== 'clock');
  if (first === undefined) return;
  const folder = `${state.url}/${chainFolder(chain)}`;
  const message = `Cannot trim the evidence "${folder}": "${first.key}" ${first.message}`;
  const hint = 'Run "drydock evidence verify" for all that is wrong with it';
  throw new DrydockError('refused', 'EVIDENCE_BROKEN', message, { hint });
}

function keyMissing(state: ObjectReader, chain: Chain): DrydockError {
  const folder = `${state.url}/${chainFolder(chain)}`;
  const message = `Cannot trim the evidence "${folder}": it is signed, and no key to sign with is configured`;
  const hint =
    'Run it with the configuration that verify runs with: "verify: signingKey:" names the key';
  return new DrydockError('refused', 'SIGNING_KEY_MISSING', message, { hint });
}
