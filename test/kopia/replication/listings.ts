/** Index blobs of tests: names as Kopia gives them, entries as the planner gets them. */

import type { CompactionLog } from '../../../shared/kopia/indexes/compaction-log.ts';
import { EntryRows } from '../../../shared/kopia/indexes/entry-rows.ts';
import { IndexDecoder } from '../../../shared/kopia/indexes/index-decoder.ts';
import { Endangered } from '../../../shared/kopia/replication/endangered.ts';
import type { DecodedIndexes, IndexListing } from '../../../shared/kopia/replication/survey.ts';
import { type IndexEntry, writeIndexV2 } from '../../support/kopia-index-writer.ts';

const hex = (name: string | number, digits: number): string =>
  Buffer.from(`${name}`).toString('hex').padStart(digits, '0');

export const pack = (name: string | number): string => `p${hex(name, 32)}-s${'0'.repeat(19)}`;
export const xn = (epoch: number, name: string | number): string =>
  `xn${epoch}_${hex(name, 32)}-s${hex(name, 19)}-c1`;
/** A member of the compaction of an epoch, written in `size` blobs. */
export const xs = (epoch: number, name: string | number, size = 1): string =>
  `xs${epoch}_${hex(name, 32)}-s${'5'.repeat(16)}-c${size}`;
export const xr = (first: number, last: number): string =>
  `xr${first}_${last}_${hex('range', 32)}-s${'6'.repeat(16)}-c1`;
export const n = (name: string | number): string => `n${hex(name, 32)}`;
export const m = (name: string | number): string => `m${hex(name, 32)}`;

/** Blobs in the order of their times, a minute apart. */
export function epochs(...ids: readonly string[]): IndexListing {
  return { view: { kind: 'epochs' }, blobs: blobsOf(ids) };
}

/** The same before epochs, with what the logs say. */
export function beforeEpochs(
  ids: readonly string[],
  logs: Readonly<Record<string, CompactionLog>> = {},
): IndexListing {
  return { view: { kind: 'v0', logs: new Map(Object.entries(logs)) }, blobs: blobsOf(ids) };
}

function blobsOf(ids: readonly string[]) {
  return ids.map((id, at) => ({ id, lastModified: new Date(Date.UTC(2026, 0, 1, 0, at)) }));
}

/** By blob id: its entries. */
export type Blobs = Readonly<Record<string, readonly IndexEntry[]>>;

export function decoded(blobs: Blobs): DecodedIndexes {
  const rows = new EntryRows(16, 2 ** 24);
  const numbers = new Map<string, number>();
  for (const [id, entries] of Object.entries(blobs)) {
    const bytes = writeIndexV2(entries);
    const decoder = new IndexDecoder(rows, bytes.length, () => true);
    decoder.push(bytes);
    decoder.finish();
    numbers.set(id, decoder.blob);
  }
  return { rows, numbers };
}

export function endangered(blobs: Blobs, absent: readonly string[]): Endangered {
  const found = new Endangered();
  found.add(decoded(blobs), (id) => !absent.includes(id));
  return found;
}
