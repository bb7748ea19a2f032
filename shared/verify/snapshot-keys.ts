import type { SnapshotAnswer } from '../snapshots/snapshot-witness.ts';
import type { DescribeKey } from '../stores/settings.ts';
import type { CallOptions } from '../stores/store.ts';

/** A cluster has a key or two for its disks; whoever names thousands is not asked about all. */
const KEYS_MAX = 50;

export interface KeyedAnswers {
  readonly answers: ReadonlyMap<string, SnapshotAnswer>;
  /** Keys about which nobody could tell. */
  readonly keysUnchecked: readonly string[];
}

/**
 * A snapshot whose key cannot be used is there and of no use: no disk can be made of it. It counts
 * as failed, with the state of the key as the reason. A key that nobody can tell about changes
 * nothing (S7).
 */
export async function withKeyStates(
  answers: ReadonlyMap<string, SnapshotAnswer>,
  describeKey: DescribeKey,
  options: CallOptions = {},
): Promise<KeyedAnswers> {
  const reasons = new Map<string, string>();
  const keysUnchecked: string[] = [];
  for (const id of keysOf(answers)) {
    const told = await describeKey(id, options);
    if (told.outcome === 'unchecked') keysUnchecked.push(id);
    else if (told.value.state !== 'enabled') {
      const { state, deletionAt } = told.value;
      const when = deletionAt === undefined ? '' : `, to be deleted at ${deletionAt.toISOString()}`;
      reasons.set(id, `its key ${id} is ${state}${when}`);
    }
  }
  const keyed = [...answers].map(([handle, answer]): [string, SnapshotAnswer] => {
    if (answer.outcome !== 'found' || answer.facts.keyId === undefined) return [handle, answer];
    const stateReason = reasons.get(answer.facts.keyId);
    if (stateReason === undefined) return [handle, answer];
    return [handle, { outcome: 'found', facts: { ...answer.facts, state: 'failed', stateReason } }];
  });
  return { answers: new Map(keyed), keysUnchecked };
}

function keysOf(answers: ReadonlyMap<string, SnapshotAnswer>): readonly string[] {
  const ids = [...answers.values()].flatMap((answer) =>
    answer.outcome === 'found' && answer.facts.encrypted ? (answer.facts.keyId ?? []) : [],
  );
  return [...new Set(ids)].sort().slice(0, KEYS_MAX);
}
