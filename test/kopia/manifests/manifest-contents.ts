/** Contents of manifests in memory, with the table that lists them. */
import { gzipSync } from 'node:zlib';
import type { ContentTable } from '../../../shared/kopia/indexes/content-table.ts';
import { loadManifests, type Manifests } from '../../../shared/kopia/manifests/manifests.ts';
import { tableOfEntries } from '../contents/fixture-contents.ts';
import { type SmallContents, smallContents } from '../objects/small-contents.ts';

export interface WrittenManifest {
  id?: unknown;
  labels?: unknown;
  modified?: unknown;
  deleted?: unknown;
  data?: unknown;
}

export const EARLY = '2026-11-01T02:00:00Z';

export function manifest(id: string, more: WrittenManifest = {}): WrittenManifest {
  return { id, labels: { type: 'snapshot' }, modified: EARLY, data: {}, ...more };
}

export function zippedText(text: string): Buffer {
  return gzipSync(text, { level: 1 });
}

export function zipped(entries: readonly unknown[]): Buffer {
  return zippedText(`${JSON.stringify({ entries })}\n`);
}

/** Contents without a letter, and deleted ones, are there to be passed over. */
export function tableWith(live: readonly string[], deleted: readonly string[] = []): ContentTable {
  const ids = [...live, ...deleted].sort();
  const table = tableOfEntries(
    ids.map((id) => ({
      id,
      packId: 0,
      packBlob: 'q0',
      packOffset: 0,
      packedLength: 1,
      originalLength: 1,
      deleted: deleted.includes(id),
      timeSeconds: 0,
      formatVersion: 2,
      compression: 0,
      encryptionKeyId: 0,
    })),
    ['q0'],
  );
  const positions = (letters = ''): number[] =>
    ids.flatMap((id, position) => (letters.includes(id.charAt(0)) ? [position] : []));
  return { ...table, positions };
}

/** Of contents with these bytes, in the order of `names` (hex, so that a test can choose it). */
export async function loadFrom(
  bytes: readonly Buffer[],
  names: readonly string[] = bytes.map((_, n) => String(n)),
): Promise<Manifests & { readonly contents: number; readonly ids: readonly string[] }> {
  const store: SmallContents = smallContents();
  const ids = bytes.map((each, n) => store.putAs(`m${(names[n] ?? '').padStart(32, '0')}`, each));
  return { ...(await loadManifests(tableWith(ids), store)), ids };
}
