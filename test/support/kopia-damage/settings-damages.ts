/** Damages of the blobs that say how a repository is made, and things that do not belong to it. */
import type { Damage } from './damage.ts';
import { damage, flipBit } from './fixture-damage.ts';
import { openFixture } from './healthy.ts';

/** Opening the format ends with this error. */
const refused = (refusal: string) => ({ opens: false, refusal });

/** `kopia.blobcfg` of another repository: what a copy between two moments of a password change has. */
const foreignBlobConfig: Damage = {
  name: 'blobcfg-foreign',
  title: 'kopia.blobcfg is that of another repository',
  from: 'kopia/object-lock',
  make: async () => {
    const [healthy, other] = await Promise.all(
      ['kopia/object-lock', 'kopia/chacha20'].map((name) => openFixture(name)),
    );
    if (healthy === undefined || other === undefined) throw new Error('there are two');
    healthy.change('kopia.blobcfg', () => other.bytes('kopia.blobcfg'));
    return await healthy.twin({
      ...refused('KOPIA_FOREIGN_BLOBCFG'),
      structure: ['KOPIA_UNOPENABLE'],
    });
  },
};

export const SETTINGS_DAMAGES: readonly Damage[] = [
  damage('v3-default', 'wrong-password', 'The password is another', () => {
    return {
      ...refused('KOPIA_WRONG_PASSWORD'),
      password: 'not-the-passw0rd',
      structure: ['KOPIA_UNCHECKED'],
    };
  }),
  damage(
    'v3-default',
    'half-seeded',
    'There is no kopia.repository, but packs and indexes',
    (healthy) => {
      healthy.blobs.delete('kopia.repository');
      return { ...refused('KOPIA_HALF_SEEDED'), structure: ['REPOSITORY_ABSENT'] };
    },
  ),
  damage('v3-default', 'format-truncated', 'kopia.repository is cut in half', (healthy) => {
    healthy.change('kopia.repository', (bytes) => bytes.subarray(0, bytes.length / 2));
    return { ...refused('NOT_A_REPOSITORY'), structure: ['REPOSITORY_UNREADABLE'] };
  }),
  damage(
    'v3-default',
    'format-bit-flipped',
    'One character of the sealed settings is another',
    (healthy) => {
      healthy.change('kopia.repository', (bytes) => {
        const at = bytes.indexOf('encryptedBlockFormat') + 60;
        bytes.write(bytes.toString('latin1', at, at + 1) === 'A' ? 'B' : 'A', at);
        return bytes;
      });
      const note = 'cannot be told from a wrong password';
      return { ...refused('KOPIA_WRONG_PASSWORD'), structure: ['KOPIA_UNCHECKED'], note };
    },
  ),
  foreignBlobConfig,
  damage('v3-default', 'blobcfg-truncated', 'kopia.blobcfg ends too early', (healthy) => {
    healthy.change('kopia.blobcfg', (bytes) => bytes.subarray(0, 10));
    return { ...refused('KOPIA_FOREIGN_BLOBCFG'), structure: ['KOPIA_UNOPENABLE'] };
  }),
  damage('v3-default', 'blobcfg-missing', 'kopia.blobcfg is gone', (healthy) => {
    healthy.blobs.delete('kopia.blobcfg');
    return { note: 'nothing is lost: without it there is no retention' };
  }),
  damage(
    'v3-default',
    'maintenance-unreadable',
    'kopia.maintenance does not decrypt',
    (healthy) => {
      healthy.change('kopia.maintenance', (bytes) => flipBit(bytes, 40));
      return { structure: ['KOPIA_MAINTENANCE_UNREADABLE'] };
    },
  ),
  damage(
    'v3-default',
    'foreign-objects',
    'Things that are not of the repository lie in its folder',
    (healthy) => {
      for (const id of [
        'README.txt',
        '.DS_Store',
        'sub/folder/p-notes',
        'kopia.repository.bak',
        'zzz',
      ]) {
        healthy.put(id, Buffer.from('not of this repository\n'));
      }
      healthy.put('p0123', Buffer.from('a name that only begins like a pack'));
      return { note: 'nothing is lost' };
    },
  ),
  damage('v3-default', 'nothing-there', 'There is nothing in the folder', (healthy) => {
    healthy.blobs.clear();
    return refused('NOT_A_REPOSITORY');
  }),
];
