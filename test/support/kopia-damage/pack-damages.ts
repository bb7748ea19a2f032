/** Damages of pack blobs. */
import { hashOfId } from '../kopia-writer/keys.ts';
import type { Damage, TruthParts } from './damage.ts';
import { damage, flipBit, idsOf, middle, middleOf } from './fixture-damage.ts';
import type { Healthy } from './healthy.ts';

/** The pack that holds manifests of the first snapshot, and directories beside them. */
function manifestPack(healthy: Healthy): string {
  const pack = healthy.busiestPack('q');
  const hasManifests = healthy.contentsOf(pack).some(({ contentID }) => contentID.startsWith('m'));
  if (!hasManifests) throw new Error(`there are no manifests in "${pack}"`);
  return pack;
}

/** Kopia reads every manifest on opening, so the loss of one content costs all snapshots. */
function manifestsLost(
  healthy: Healthy,
  contents: readonly string[],
  parts: TruthParts,
): TruthParts {
  const opens = !contents.some((id) => id.startsWith('m'));
  return healthy.truth(contents, { ...parts, opens });
}

function cutOff(healthy: Healthy, pack: string): string[] {
  const rows = healthy.contentsOf(pack);
  const { packOffset } = middle(rows);
  healthy.change(pack, (bytes) => bytes.subarray(0, packOffset + 1));
  return idsOf(rows.filter((row) => row.packOffset + row.length > packOffset + 1));
}

export const PACK_DAMAGES: readonly Damage[] = [
  damage('v3-default', 'pack-missing', 'A data pack is gone', (healthy) => {
    const pack = healthy.busiestPack('p');
    healthy.blobs.delete(pack);
    const contents = idsOf(healthy.contentsOf(pack));
    return healthy.truth(contents, { structure: ['KOPIA_PACK_MISSING'] });
  }),
  damage('v3-default', 'pack-truncated', 'A data pack ends within its contents', (healthy) => {
    const contents = cutOff(healthy, healthy.busiestPack('p'));
    return healthy.truth(contents, { structure: ['KOPIA_PACK_TRUNCATED'] });
  }),
  damage('v3-default', 'pack-empty', 'A data pack has no bytes at all', (healthy) => {
    const pack = healthy.busiestPack('p');
    healthy.change(pack, () => Buffer.alloc(0));
    const contents = idsOf(healthy.contentsOf(pack));
    return healthy.truth(contents, { structure: ['KOPIA_PACK_TRUNCATED'] });
  }),
  damage('v3-default', 'pack-bit-flipped', 'One bit of one content is another', (healthy) => {
    const pack = healthy.busiestPack('p');
    const row = middle(healthy.contentsOf(pack));
    healthy.change(pack, (bytes) => flipBit(bytes, middleOf(row)));
    return healthy.truth([row.contentID], { content: ['KOPIA_CONTENT_DAMAGED'] });
  }),
  damage('plain', 'packs-swapped', 'Two data packs have changed places', (healthy) => {
    const [one = '', other = ''] = healthy.names('p').filter((id) => healthy.contentsOf(id).length);
    const bytes = healthy.bytes(one);
    healthy.change(one, () => healthy.bytes(other));
    healthy.change(other, () => bytes);
    const contents = idsOf([...healthy.contentsOf(one), ...healthy.contentsOf(other)]);
    const note = 'whichever became shorter than the index says is seen by its length, too';
    return healthy.truth(contents, { content: ['KOPIA_CONTENT_DAMAGED'], note });
  }),
  damage('v3-default', 'pack-shifted', 'A copy of a data pack lacks its first byte', (healthy) => {
    const pack = healthy.busiestPack('p');
    healthy.change(pack, (bytes) => bytes.subarray(1));
    const contents = idsOf(healthy.contentsOf(pack));
    return healthy.truth(contents, { content: ['KOPIA_CONTENT_DAMAGED'] });
  }),
  damage(
    'v3-default',
    'pack-longer',
    'A copy of a data pack has bytes after its end',
    (healthy) => {
      healthy.change(healthy.busiestPack('p'), (bytes) =>
        Buffer.concat([bytes, Buffer.alloc(999)]),
      );
      return {
        note: 'nothing is lost: no content lies behind the end; only recovery would suffer',
      };
    },
  ),
  damage(
    'v3-default',
    'pack-footer-damaged',
    'The footer of a data pack is unreadable',
    (healthy) => {
      const pack = healthy.busiestPack('p');
      healthy.change(pack, (bytes) => flipBit(bytes, bytes.length - 2));
      return { note: 'nothing is lost: the footer serves "kopia index recover" alone' };
    },
  ),
  damage(
    'v3-default',
    'content-rewritten',
    'A content decrypts but is not what its id says',
    (healthy) => {
      const pack = healthy.busiestPack('p');
      const row = middle(healthy.contentsOf(pack).filter((one) => one.compression === undefined));
      const hash = hashOfId(row.contentID);
      const sealed = healthy.seals.seal(flipBit(healthy.read(row.contentID), 3), hash);
      healthy.change(pack, (bytes) => {
        sealed.copy(bytes, row.packOffset);
        return bytes;
      });
      const note =
        'Kopia restores the other bytes without a word: it never hashes what it decrypts';
      return healthy.truth([row.contentID], { content: ['KOPIA_CONTENT_DAMAGED'], note });
    },
  ),
  damage('v3-default', 'manifest-pack-missing', 'A pack with manifests is gone', (healthy) => {
    const pack = manifestPack(healthy);
    healthy.blobs.delete(pack);
    const contents = idsOf(healthy.contentsOf(pack));
    const structure = ['KOPIA_PACK_MISSING', 'KOPIA_MANIFESTS_LOST'] as const;
    return manifestsLost(healthy, contents, { structure });
  }),
  damage('v3-default', 'manifest-pack-truncated', 'A pack with manifests is cut off', (healthy) => {
    const contents = cutOff(healthy, manifestPack(healthy));
    const structure = ['KOPIA_PACK_TRUNCATED', 'KOPIA_MANIFESTS_LOST'] as const;
    return manifestsLost(healthy, contents, { structure });
  }),
  damage(
    'v3-default',
    'manifest-bit-flipped',
    'One bit of a manifest content is another',
    (healthy) => {
      const pack = manifestPack(healthy);
      const row = middle(healthy.contentsOf(pack).filter((one) => one.contentID.startsWith('m')));
      healthy.change(pack, (bytes) => flipBit(bytes, middleOf(row)));
      return manifestsLost(healthy, [row.contentID], {
        structure: ['KOPIA_MANIFESTS_LOST'],
        content: ['KOPIA_CONTENT_DAMAGED'],
      });
    },
  ),
  damage('v3-default', 'directory-bit-flipped', 'One bit of a directory is another', (healthy) => {
    const pack = healthy.busiestPack('q');
    const row = middle(healthy.contentsOf(pack).filter((one) => one.contentID.startsWith('k')));
    healthy.change(pack, (bytes) => flipBit(bytes, middleOf(row)));
    return healthy.truth([row.contentID], { structure: ['KOPIA_CONTENT_DAMAGED'] });
  }),
  damage(
    'v3-default',
    'metadata-packs-swapped',
    'Two metadata packs have changed places',
    (healthy) => {
      const packs = healthy.names('q').filter((id) => healthy.contentsOf(id).length > 1);
      const [one = '', other = ''] = packs;
      const bytes = healthy.bytes(one);
      healthy.change(one, () => healthy.bytes(other));
      healthy.change(other, () => bytes);
      const contents = idsOf([...healthy.contentsOf(one), ...healthy.contentsOf(other)]);
      return manifestsLost(healthy, contents, {
        structure: ['KOPIA_MANIFESTS_LOST'],
        content: ['KOPIA_CONTENT_DAMAGED'],
      });
    },
  ),
];
