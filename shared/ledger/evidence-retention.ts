import { DrydockError } from '../model/errors.ts';
import type { CallOptions, RemoveFailure } from '../stores/store.ts';
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

/**
 * Removes the records from before `keepFrom`, up to the first one that is not older, and never the
 * newest. The anchor with the hash of the last one comes first: killed at any point, the chain can
 * be verified, and the next run removes what is left.
 * @throws DrydockError `EVIDENCE_BROKEN` (refused): what is wrong with a chain must not be removed
 */
export async function trimEvidence(
  deps: EvidenceDeps,
  chain: Chain,
  times: { readonly now: Date; readonly keepFrom: Date },
  options: CallOptions = {},
): Promise<Trimmed> {
  const { state, signer } = deps;
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
  checkWhole(deps, verification);
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
function checkWhole({ state }: EvidenceDeps, { chain, problems }: ChainVerification): void {
  const first = problems.find(({ kind }) => kind !== 'clock');
  if (first === undefined) return;
  const folder = `${state.url}/${chainFolder(chain)}`;
  const message = `Cannot trim the evidence "${folder}": "${first.key}" ${first.message}`;
  const hint = 'Run "drydock evidence verify" for all that is wrong with it';
  throw new DrydockError('refused', 'EVIDENCE_BROKEN', message, { hint });
}
