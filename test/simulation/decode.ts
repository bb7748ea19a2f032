/** Simulated index blobs as the planner gets them: written and read by the real code. */

import { EntryRows } from '../../shared/kopia/indexes/entry-rows.ts';
import { IndexDecoder } from '../../shared/kopia/indexes/index-decoder.ts';
import { effectiveIn, forEachContent } from '../../shared/kopia/replication/entry-groups.ts';
import type { LiveSnapshot } from '../../shared/kopia/replication/logical-deletions.ts';
import {
  type DecodedIndexes,
  type IndexListing,
  stateOf,
} from '../../shared/kopia/replication/survey.ts';
import { writeIndexV2 } from '../support/kopia-index-writer.ts';
import { type Body, indexEntry, type SimStore } from './store.ts';

const written = new WeakMap<Body, Buffer>();
const DIGEST_BYTES = 16;
const MEMORY_BYTES_MAX = 16 * 1024 * 1024;
const rows = new EntryRows(DIGEST_BYTES, MEMORY_BYTES_MAX);

/** Each blob by its body; the answer holds until the next one. */
export function decode(bodies: ReadonlyMap<string, Body>): DecodedIndexes {
  rows.reset();
  const numbers = new Map<string, number>();
  for (const [id, body] of bodies) {
    if (body.kind !== 'index') continue;
    const bytes = written.get(body) ?? writeIndexV2(body.entries.map(indexEntry));
    written.set(body, bytes);
    const decoder = new IndexDecoder(rows, bytes.length, () => true);
    decoder.push(bytes);
    decoder.finish();
    numbers.set(id, decoder.blob);
  }
  return { rows, numbers };
}

/** The snapshots that a reader of `listing` finds; manifests are in the packs of `stores`. */
export function liveSnapshots(
  listing: IndexListing,
  decoded: DecodedIndexes,
  stores: readonly SimStore[],
): LiveSnapshot[] | undefined {
  const state = stateOf(listing, decoded);
  const added: string[] = [];
  const gone = new Set<string>();
  let isWhole = true;
  forEachContent(decoded.rows, (group) => {
    const winner = group.isManifest ? effectiveIn(group, state) : -1;
    if (winner < 0 || group.isDeletedAt(winner)) return;
    const pack = decoded.rows.packs.name(group.packAt(winner));
    const body = stores.map((store) => store.body(pack, 'pack')).find((each) => each !== undefined);
    const text = body?.manifests.get(group.id());
    if (text === undefined) isWhole = false;
    added.push(...(text?.added ?? []).map(({ id }) => id));
    for (const id of text?.deleted ?? []) gone.add(id);
  });
  if (!isWhole) return undefined;
  return [...new Set(added)]
    .filter((id) => !gone.has(id))
    .map((id) => ({ id, isIncomplete: false }));
}
