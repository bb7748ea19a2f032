/** Damages of the index: its blobs, its sets, its watermark. */
import { writeIndexV2 } from '../kopia-index-writer.ts';
import { sessionId } from '../kopia-writer/packs.ts';
import type { Damage } from './damage.ts';
import { damage, flipBit, idsOf, middle } from './fixture-damage.ts';
import type { Healthy, ListedContent } from './healthy.ts';

const INDEX_REFUSED = { opens: false, structure: ['KOPIA_INDEX_DAMAGED'] } as const;

/** The index blob of the session that wrote most; its name ends as the packs' names do. */
function largestIndex(healthy: Healthy): string {
  const bySize = healthy
    .names('xn')
    .sort((a, b) => healthy.bytes(b).length - healthy.bytes(a).length);
  const [largest] = bySize;
  if (largest === undefined) throw new Error('there is no index');
  return largest;
}

/** Contents of the packs that were written in the session of an index blob. */
function sessionContents(healthy: Healthy, index: string): string[] {
  const session = /-(s[0-9a-f]+)-c/.exec(index)?.[1] ?? '';
  const packs = [...healthy.names('p'), ...healthy.names('q')];
  const mine = packs.filter((id) => id.endsWith(`-${session}`));
  return idsOf(mine.flatMap((pack) => healthy.contentsOf(pack)));
}

/** Writes an index blob that marks a content as deleted, `ageSeconds` after its entry. */
function markDeleted(healthy: Healthy, row: ListedContent): void {
  const entry = {
    id: row.contentID,
    packBlob: row.packFile,
    packOffset: row.packOffset,
    packedLength: row.length,
    originalLength: row.originalLength,
    timeSeconds: row.time + 60,
    deleted: true,
    formatVersion: row.formatVersion,
    compression: row.compression ?? 0,
    encryptionKeyId: 0,
  };
  const plain = writeIndexV2([entry], {}, healthy.random(32));
  const hash = healthy.seals.digest(plain);
  const session = sessionId(healthy.random, healthy.newestSeconds());
  healthy.put(`xn0_${hash.toString('hex')}-${session}-c1`, healthy.seals.seal(plain, hash));
}

function neededContent(healthy: Healthy): ListedContent {
  return middle(healthy.contentsOf(healthy.busiestPack('p')));
}

/** Past any reader's clock: the year 2100. */
const FAR_SECONDS = Date.UTC(2100, 0, 1) / 1000;
const MARKER = Buffer.from('deletion watermark');

export const INDEX_DAMAGES: readonly Damage[] = [
  damage(
    'v3-default',
    'index-missing',
    'The index blob of the first snapshot is gone',
    (healthy) => {
      const index = largestIndex(healthy);
      const contents = sessionContents(healthy, index);
      healthy.blobs.delete(index);
      const manifests = healthy.snapshots.filter(({ rootEntry }) =>
        contents.includes(rootEntry.obj),
      );
      const vanished = manifests.map(({ id }) => id);
      const { files } = healthy.truth(contents, {});
      const left = Object.entries(files ?? {}).filter(([id]) => !vanished.includes(id));
      return {
        structure: ['KOPIA_CONTENT_NOT_INDEXED'],
        contents,
        vanished,
        files: Object.fromEntries(left),
        note: 'the snapshot whose manifest the index listed is gone without a trace',
      };
    },
  ),
  damage('v3-default', 'index-truncated', 'An index blob is cut in half', (healthy) => {
    const index = largestIndex(healthy);
    healthy.change(index, (bytes) => bytes.subarray(0, bytes.length / 2));
    return INDEX_REFUSED;
  }),
  damage('v3-default', 'index-empty', 'An index blob has no bytes at all', (healthy) => {
    healthy.change(largestIndex(healthy), () => Buffer.alloc(0));
    return INDEX_REFUSED;
  }),
  damage('v3-default', 'index-bit-flipped', 'One bit of an index blob is another', (healthy) => {
    const index = largestIndex(healthy);
    healthy.change(index, (bytes) => flipBit(bytes, bytes.length >> 1));
    return INDEX_REFUSED;
  }),
  damage('v3-default', 'indexes-swapped', 'Two index blobs have changed places', (healthy) => {
    const [one = '', other = ''] = healthy.names('xn');
    const bytes = healthy.bytes(one);
    healthy.change(one, () => healthy.bytes(other));
    healthy.change(other, () => bytes);
    return INDEX_REFUSED;
  }),
  damage(
    'format-1',
    'index-v0-bit-flipped',
    'One bit of an index of format 1 is another',
    (healthy) => {
      const index = middle(healthy.names('n'));
      healthy.change(index, (bytes) => flipBit(bytes, bytes.length >> 1));
      return INDEX_REFUSED;
    },
  ),
  damage(
    'v3-default',
    'deleted-in-use',
    'A content that snapshots need is marked as deleted',
    (healthy) => {
      const row = neededContent(healthy);
      markDeleted(healthy, row);
      const note = 'nothing is lost yet: a deleted entry resolves until a watermark passes it';
      return { structure: ['KOPIA_CONTENT_DELETED_IN_USE'], note };
    },
  ),
  damage(
    'v3-default',
    'watermark-ahead',
    'The deletion watermark lies in the year 2100',
    (healthy) => {
      healthy.put(`xw${FAR_SECONDS}`, MARKER);
      return {
        structure: ['KOPIA_WATERMARK_AHEAD'],
        note: 'nothing is deleted, so nothing is lost',
      };
    },
  ),
  damage(
    'v3-default',
    'watermark-ahead-in-use',
    'The watermark lies in the year 2100 and a content in use is deleted',
    (healthy) => {
      const row = neededContent(healthy);
      markDeleted(healthy, row);
      healthy.put(`xw${FAR_SECONDS}`, MARKER);
      const structure = ['KOPIA_WATERMARK_AHEAD', 'KOPIA_CONTENT_NOT_INDEXED'] as const;
      return healthy.truth([row.contentID], { structure });
    },
  ),
];
