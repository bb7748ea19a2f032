/** Hostile contents: bombs, lies about lengths, forged ids. */
import { gzipSync } from 'node:zlib';
import { BOMB_KINDS, bomb, COMPRESSIONS, frame } from '../kopia-writer/compression.ts';
import type { Damage } from './damage.ts';
import { fileEntry, fileLost, fileUnchecked, forgedId, hostile, snapshotOf } from './hostile.ts';

/** What a bomb unpacks to, MiB: more than any content may have, and than a function has memory. */
const BOMB_MIB = 1024;
const LONGEST_BYTES = 2 ** 28 - 1;

const bombs = BOMB_KINDS.map((kind) => {
  const compression = COMPRESSIONS[kind];
  const title = `A file's content of ${kind} unpacks to 1 GiB where the index says 100 bytes`;
  return hostile(`bomb-${kind}`, title, (world) => {
    const sealed = frame(compression, bomb(kind, BOMB_MIB));
    const entry = { compression, originalLength: 100 };
    const obj = world.content(`stands for a bomb of ${kind}`, { sealed, entry });
    return fileLost(world, obj, 100, { content: ['KOPIA_CONTENT_DAMAGED'] });
  });
});

export const HOSTILE_CONTENTS: readonly Damage[] = [
  ...bombs,
  hostile('bomb-directory', 'A directory is a bomb of zstd', (world) => {
    const compression = COMPRESSIONS.zstd;
    const sealed = frame(compression, bomb('zstd', BOMB_MIB));
    const obj = world.content('stands for a directory', {
      prefix: 'k',
      sealed,
      entry: { compression, originalLength: 300 },
    });
    const id = world.snapshot({ name: 'data', type: 'd', mode: '0755', obj }, { path: '/srv/bad' });
    return { contents: [obj], files: { [id]: [''] }, structure: ['KOPIA_CONTENT_DAMAGED'] };
  }),
  hostile('bomb-directory-honest', 'A directory is 200 MiB of zeros, and says so', (world) => {
    const compression = COMPRESSIONS.zstd;
    const zeros = Buffer.alloc(200 * 1024 * 1024);
    const sealed = frame(compression, bomb('zstd', 200));
    const obj = world.content(zeros, { prefix: 'k', sealed, entry: { compression } });
    world.snapshot({ name: 'data', type: 'd', mode: '0755', obj }, { path: '/srv/bad' });
    const note =
      'a directory of that size is more than Drydock reads; Kopia says that it is no JSON';
    return { structure: ['KOPIA_CONTENT_UNCHECKED'], note };
  }),
  hostile('bomb-manifest', 'The gzip within a manifest content unpacks to 1 GiB', (world) => {
    world.content(bomb('gzip', BOMB_MIB), { prefix: 'm' });
    return { opens: false, structure: ['KOPIA_MANIFESTS_LOST'] };
  }),
  hostile('content-forged', 'A content decrypts for its id and is another', (world) => {
    const obj = world.content('not what the id says', { id: forgedId(world, 1) });
    const note = 'Kopia restores it without a word';
    return fileLost(world, obj, 20, { content: ['KOPIA_CONTENT_DAMAGED'], note });
  }),
  hostile('directory-forged', 'A directory decrypts for its id and is another', (world) => {
    const entries = [fileEntry('planted', world.file('planted\n'), 8)];
    const root = world.directory('data', entries, { id: forgedId(world, 2, 'k') });
    const id = world.snapshot(root, { path: '/srv/bad' });
    const note = 'Kopia restores it without a word';
    return {
      contents: [root.obj],
      files: { [id]: ['', 'planted'] },
      structure: ['KOPIA_CONTENT_DAMAGED'],
      note,
    };
  }),
  hostile('length-lie', 'The index says another length than the content has', (world) => {
    const obj = world.content('sixteen bytes ..', { entry: { originalLength: 17 } });
    return fileLost(world, obj, 16, {
      structure: ['KOPIA_FILE_SIZE_DIFFERS'],
      content: ['KOPIA_CONTENT_DAMAGED'],
    });
  }),
  hostile('length-huge', 'The index says that a small content has 256 MiB', (world) => {
    const obj = world.content('small', { entry: { originalLength: LONGEST_BYTES } });
    return fileLost(world, obj, 5, {
      structure: ['KOPIA_FILE_SIZE_DIFFERS'],
      content: ['KOPIA_CONTENT_DAMAGED'],
    });
  }),
  hostile(
    'packed-length-huge',
    'The index places 256 MiB of a content beyond its pack',
    (world) => {
      const entry = { packedLength: LONGEST_BYTES, packOffset: 2 ** 31 - 1 };
      const obj = world.content('lies elsewhere', { entry });
      return fileLost(world, obj, 14, { structure: ['KOPIA_PACK_TRUNCATED'] });
    },
  ),
  hostile(
    'packed-length-tiny',
    'The index gives a content fewer bytes than a seal has',
    (world) => {
      const obj = world.content('too short', { entry: { packedLength: 5 } });
      return fileLost(world, obj, 9, { content: ['KOPIA_CONTENT_DAMAGED'] });
    },
  ),
  hostile(
    'compression-mismatch',
    'The index says another compression than the content',
    (world) => {
      const entry = { compression: COMPRESSIONS.gzip };
      const obj = world.content('again and again and again', { compression: 'zstd', entry });
      return fileLost(world, obj, 25, { content: ['KOPIA_CONTENT_DAMAGED'] });
    },
  ),
  hostile('compression-unknown', 'The index says a compression that nobody knows', (world) => {
    const sealed = frame(0x7777, Buffer.from('?'));
    const obj = world.content('unknowable', { sealed, entry: { compression: 0x7777 } });
    return fileUnchecked(world, obj, 10);
  }),
  hostile('compression-cut-off', 'A compressed stream ends in its middle', (world) => {
    const compression = COMPRESSIONS.gzip;
    const text = Buffer.from(Array.from({ length: 999 }, (_, n) => `${n}`).join());
    const stream = gzipSync(text);
    const sealed = frame(compression, stream.subarray(0, stream.length / 2));
    const obj = world.content(text, { sealed, entry: { compression } });
    return fileLost(world, obj, text.length, { content: ['KOPIA_CONTENT_DAMAGED'] });
  }),
  hostile('encryption-key-unknown', 'The index names a second encryption key', (world) => {
    const obj = world.content('which key', { entry: { encryptionKeyId: 7 } });
    return fileUnchecked(world, obj, 9);
  }),
  hostile('pack-name-foreign', 'The index places a content in a pack that never was', (world) => {
    const obj = world.content('elsewhere', { entry: { packBlob: `p${'0'.repeat(32)}` } });
    return fileLost(world, obj, 9, { structure: ['KOPIA_PACK_MISSING'] });
  }),
  hostile(
    'pack-name-hostile',
    'The index places a content in a pack named like a path',
    (world) => {
      const obj = world.content('elsewhere', { entry: { packBlob: '../../../etc/passwd' } });
      snapshotOf(world, [fileEntry('bad', obj, 9)]);
      const note = 'Kopia lists the snapshots and misses the one pack; Drydock reads no such index';
      return { opens: false, structure: ['KOPIA_INDEX_DAMAGED'], note };
    },
  ),
];
