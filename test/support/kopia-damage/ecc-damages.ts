/** Damages below error correction: Kopia repairs what Drydock can only see. */
import type { Damage } from './damage.ts';
import { type Shards, shardsOf } from './ecc.ts';
import { damage, flipBit, middle } from './fixture-damage.ts';
import type { Healthy, ListedContent } from './healthy.ts';

function target(healthy: Healthy): { row: ListedContent; shards: Shards } {
  const row = middle(healthy.contentsOf(healthy.busiestPack('p')));
  const percent = Number(healthy.format.config['eccOverheadPercent']);
  return { row, shards: shardsOf(row.length, percent) };
}

/** Flips a bit in each of the first `count` data shards of a content. */
function hitData(healthy: Healthy, count: (shards: Shards) => number): ListedContent {
  const { row, shards } = target(healthy);
  healthy.change(row.packFile, (bytes) => {
    for (let n = 0; n < count(shards); n += 1) {
      flipBit(bytes, row.packOffset + shards.dataOffset + n * shards.strideBytes + 6);
    }
    return bytes;
  });
  return row;
}

const BEYOND =
  'more shards are damaged than there are parity shards: Kopia cannot repair it either';

export const ECC_DAMAGES: readonly Damage[] = [
  damage('ecc-10', 'ecc-parity-damaged', 'A parity shard of a content is damaged', (healthy) => {
    const { row } = target(healthy);
    healthy.change(row.packFile, (bytes) => flipBit(bytes, row.packOffset + 6));
    return { note: 'nothing is lost: parity is read only where data is damaged' };
  }),
  damage('ecc-10', 'ecc-data-damaged', 'A data shard of a content is damaged', (healthy) => {
    const { contentID } = hitData(healthy, () => 1);
    const note = 'Kopia repairs it on reading; Drydock does not repair and says that it is damaged';
    return { content: ['KOPIA_CONTENT_DAMAGED'], contents: [contentID], note };
  }),
  damage(
    'ecc-10',
    'ecc-beyond-repair',
    'More shards are damaged than can be repaired',
    (healthy) => {
      const { contentID } = hitData(healthy, ({ parity }) => parity + 1);
      return healthy.truth([contentID], { content: ['KOPIA_CONTENT_DAMAGED'], note: BEYOND });
    },
  ),
  damage('ecc-2', 'ecc-2-beyond-repair', 'As before with the least overhead', (healthy) => {
    const { contentID } = hitData(healthy, ({ parity }) => parity + 1);
    return healthy.truth([contentID], { content: ['KOPIA_CONTENT_DAMAGED'], note: BEYOND });
  }),
];
