/** Hostile indexes and settings, and the epochs that Kopia before 0.23.1 could leave behind. */
import type { IndexEntry } from '../kopia-index-writer.ts';
import { uvarint } from '../kopia-writer/compression.ts';
import type { KopiaWorld } from '../kopia-writer/world.ts';
import type { Damage } from './damage.ts';
import { hostile } from './hostile.ts';

const INDEX_REFUSED = { opens: false, structure: ['KOPIA_INDEX_DAMAGED'] } as const;

/** All that the world has so far in one index blob of which the plain bytes are spoiled. */
function spoiled(
  name: string,
  title: string,
  spoil: (plain: Buffer) => Uint8Array,
  version: 1 | 2 = 2,
  note?: string,
): Damage {
  return hostile(name, title, (world) => {
    world.flush({ spoil, version });
    return { ...INDEX_REFUSED, ...(note !== undefined && { note }) };
  });
}

/** Everything so far as entries, their packs written. */
function takeAll(world: KopiaWorld): IndexEntry[] {
  world.closeManifests();
  world.closePacks();
  return world.take();
}

const FIRST_SET = 's0000000000000001';
const SECOND_SET = 's0000000000000002';

/**
 * Four epochs, the first with a folder of three files. `compact` writes what stands for its index;
 * epochs 2 and 3 make it settled.
 */
function settledEpoch(
  world: KopiaWorld,
  compact: (rows: readonly IndexEntry[], fileIds: readonly string[]) => void,
): { readonly snapshot: string; readonly fileIds: readonly string[] } {
  const names = ['one', 'two', 'three'];
  const fileIds = names.map((name) => world.file(`file ${name}`));
  const entries = names.map((name, n) => {
    const obj = fileIds[n] ?? '';
    return { name, type: 'f', mode: '0644', size: `file ${name}`.length, obj } as const;
  });
  const snapshot = world.snapshot(world.directory('data', entries), { path: '/srv/bad' });
  compact(takeAll(world), fileIds);
  for (const epoch of [1, 2, 3]) {
    world.epoch = epoch;
    world.timeSeconds += 60;
    world.put(`xe${epoch}`, Buffer.from('epoch marker'));
    world.snapshot(world.tree({ epoch: `${epoch}` }), { path: `/srv/${epoch}` });
    world.flush();
  }
  return { snapshot, fileIds };
}

/** Writes index blobs until one of them sorts before `other`, and leaves that one alone. */
function indexBefore(world: KopiaWorld, other: string, write: () => string): void {
  for (;;) {
    const name = write();
    if (name < other) return;
    world.blobs.delete(name);
  }
}

export const HOSTILE_INDEXES: readonly Damage[] = [
  hostile(
    'epoch-divergence',
    'The compaction that readers choose lacks entries (Kopia #5371)',
    (world) => {
      const { snapshot, fileIds } = settledEpoch(world, (rows, files) => {
        const whole = world.index(rows, { name: 'xs', epoch: 0, session: FIRST_SET });
        const poor = rows.filter(({ id }) => id !== files[1]);
        indexBefore(world, whole, () =>
          world.index(poor, { name: 'xs', epoch: 0, session: SECOND_SET }),
        );
      });
      const structure = ['KOPIA_EPOCH_DIVERGENCE', 'KOPIA_CONTENT_NOT_INDEXED'] as const;
      return { contents: fileIds.slice(1, 2), files: { [snapshot]: ['two'] }, structure };
    },
  ),
  hostile(
    'epoch-divergence-xn',
    'A compaction lacks entries that uncompacted blobs still have',
    (world) => {
      const { snapshot, fileIds } = settledEpoch(world, (rows, files) => {
        world.index(rows);
        const poor = rows.filter(({ id }) => id !== files[1]);
        world.index(poor, { name: 'xs', epoch: 0, session: FIRST_SET });
      });
      const structure = ['KOPIA_EPOCH_DIVERGENCE', 'KOPIA_CONTENT_NOT_INDEXED'] as const;
      return { contents: fileIds.slice(1, 2), files: { [snapshot]: ['two'] }, structure };
    },
  ),
  hostile('epoch-set-incomplete', 'A compaction in two blobs has only one of them', (world) => {
    settledEpoch(world, (rows) => {
      world.index(rows);
      const half = rows.slice(0, rows.length / 2);
      world.index(half, { name: 'xs', epoch: 0, session: FIRST_SET, setSize: 2 });
    });
    const note = 'nothing is lost: readers take the blobs that it was made from';
    return { structure: ['KOPIA_INDEX_SET_INCOMPLETE'], note };
  }),
  hostile(
    'epoch-set-lost',
    'A compaction lost one of two blobs after its inputs were removed',
    (world, good) => {
      const { snapshot } = settledEpoch(world, (rows) => {
        const half = rows.slice(0, rows.length / 2);
        world.index(half, { name: 'xs', epoch: 0, session: FIRST_SET, setSize: 2 });
      });
      const note = 'the manifests of the epoch are gone with its entries, and so all signs of it';
      return { structure: ['KOPIA_EPOCH_LOST'], vanished: [good, snapshot], note };
    },
  ),
  spoiled(
    'index-count-absurd',
    'An index of version 2 claims four thousand million entries',
    (plain) => {
      plain.writeUInt32BE(0xffffffff, 4);
      return plain;
    },
  ),
  spoiled(
    'index-v1-count-absurd',
    'An index of version 1 claims as many',
    (plain) => {
      plain.writeUInt32BE(0xffffffff, 4);
      return plain;
    },
    1,
    'Kopia 0.23.1 opens it, lists no snapshot and verifies that without an error',
  ),
  spoiled('index-packs-absurd', 'An index claims four thousand million packs', (plain) => {
    plain.writeUInt32BE(0xffffffff, 8);
    return plain;
  }),
  spoiled('index-entry-size-absurd', 'An index claims entries of 65,535 bytes', (plain) => {
    plain.writeUInt16BE(0xffff, 2);
    return plain;
  }),
  spoiled('index-entry-size-zero', 'An index claims entries of no bytes', (plain) => {
    plain.writeUInt16BE(0, 2);
    return plain;
  }),
  spoiled('index-version-unknown', 'An index has version 99', (plain) => {
    plain.writeUInt8(99, 0);
    return plain;
  }),
  spoiled('index-tiny', 'An index has three bytes', (plain) => plain.subarray(0, 3)),
  hostile(
    'compaction-log-hostile',
    'A compaction log of format 1 is no JSON that means anything',
    (world) => {
      world.flush();
      const log = {
        inputMetadata: [null, { id: 7 }],
        outputMetadata: '__proto__',
        __proto__: null,
      };
      world.sealedBlob('m', Buffer.from(JSON.stringify(log)));
      return INDEX_REFUSED;
    },
    { version: 1 },
  ),
  hostile(
    'format-newer',
    'The format has version 99',
    () => ({ opens: false, refusal: 'KOPIA_FORMAT_NEWER', structure: ['KOPIA_UNCHECKED'] }),
    {
      more: { version: 99 },
    },
  ),
  hostile(
    'encryption-legacy',
    'The contents are said to be encrypted by SALSA20',
    () => ({ opens: false, refusal: 'KOPIA_LEGACY_ENCRYPTION', structure: ['KOPIA_UNCHECKED'] }),
    {
      more: { encryption: 'SALSA20' },
    },
  ),
  hostile(
    'feature-unknown',
    'A feature is required that nobody knows',
    () => ({ opens: false, refusal: 'KOPIA_FEATURE_UNKNOWN', structure: ['KOPIA_UNCHECKED'] }),
    {
      more: { requiredFeatures: [{ feature: 'time-travel', ifNotUnderstood: {} }] },
    },
  ),
  hostile('footer-hostile', 'The footer of a pack points far outside', (world) => {
    world.flush();
    for (const [id, { bytes }] of world.blobs) {
      if (!id.startsWith('p')) continue;
      const body = Buffer.concat([uvarint(1), uvarint(2 ** 40), uvarint(2 ** 50)]);
      world.put(id, Buffer.concat([bytes, body, Buffer.from([255])]));
    }
    return { note: 'nothing is lost: readers do not need it' };
  }),
];
