/** Damages of single objects of a backup. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { FindingCode } from '../../../shared/model/finding.ts';
import { damage, type VeleroDamage } from './damage.ts';
import type { VeleroObjects } from './objects.ts';

/** In `platform-manual`, which raises nothing by itself. */
function broken(
  name: string,
  title: string,
  raises: readonly FindingCode[],
  change: (objects: VeleroObjects) => void,
): VeleroDamage {
  return damage({ name, title, backup: 'platform-manual', raises }, change);
}

/** As a store keeps a chunked upload whose framing it does not understand (Velero #9951). */
function framed(bytes: Buffer): Buffer {
  const length = bytes.length.toString(16);
  return Buffer.concat([Buffer.from(`${length}\r\n`), bytes, Buffer.from('\r\n0\r\n\r\n')]);
}

const MIB = 1024 * 1024;
const middleFlipped = (bytes: Buffer): Buffer => {
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
  return bytes;
};

export const ARTEFACT_DAMAGES: readonly VeleroDamage[] = [
  broken('tarball-missing', 'Its tarball is gone', ['ARTEFACT_MISSING'], (objects) =>
    objects.remove('.tar.gz'),
  ),
  broken('list-missing', 'A list that no restore needs is gone', ['ARTEFACT_MISSING'], (objects) =>
    objects.remove('-results.gz'),
  ),
  damage(
    {
      name: 'volume-info-missing',
      title: 'The volume information is gone',
      backup: 'archive-native',
      raises: ['ARTEFACT_MISSING'],
    },
    (objects) => objects.remove('-volumeinfo.json.gz'),
  ),
  damage(
    {
      name: 'list-empty',
      title: 'The list of disk snapshots has no bytes',
      backup: 'archive-native',
      raises: ['ARTEFACT_EMPTY'],
    },
    (objects) => objects.put('-volumesnapshots.json.gz', ''),
  ),
  broken('metadata-empty', 'velero-backup.json has no bytes', ['ARTEFACT_EMPTY'], (objects) =>
    objects.put('velero-backup.json', ''),
  ),
  broken(
    'all-framed',
    'Every object holds the framing of its upload',
    ['ARTEFACT_DAMAGED'],
    (objects) => {
      for (const file of objects.files()) objects.change(file, framed);
    },
  ),
  broken(
    'tarball-framed',
    'The tarball holds the framing of its upload',
    ['ARTEFACT_DAMAGED'],
    (objects) => objects.change('.tar.gz', framed),
  ),
  broken('tarball-truncated', 'The tarball ends in its middle', ['ARTEFACT_DAMAGED'], (objects) =>
    objects.change('.tar.gz', (bytes) => bytes.subarray(0, bytes.length >> 1)),
  ),
  broken(
    'tarball-bit-flipped',
    'A bit of the tarball is another',
    ['ARTEFACT_DAMAGED'],
    (objects) => objects.change('.tar.gz', middleFlipped),
  ),
  broken(
    'tarball-without-end',
    'The archive ends early within a whole gzip',
    ['ARTEFACT_DAMAGED'],
    (objects) =>
      objects.change('.tar.gz', (bytes) => gzipSync(gunzipSync(bytes).subarray(0, 10_000))),
  ),
  broken(
    'tarball-trailed',
    'Other bytes follow the gzip of the tarball',
    ['ARTEFACT_DAMAGED'],
    (objects) => objects.change('.tar.gz', (bytes) => Buffer.concat([bytes, Buffer.from('x')])),
  ),
  broken('list-no-json', 'A list is no JSON', ['ARTEFACT_DAMAGED'], (objects) =>
    objects.gzip('-podvolumebackups.json.gz', '[{]'),
  ),
  broken('list-no-list', 'A list is an object', ['ARTEFACT_DAMAGED'], (objects) =>
    objects.gzip('-itemoperations.json.gz', '{"__proto__":{"length":1}}'),
  ),
  broken('metadata-no-backup', 'velero-backup.json is a Restore', ['ARTEFACT_DAMAGED'], (objects) =>
    objects.json('velero-backup.json', (backup: object) => ({ ...backup, kind: 'Restore' })),
  ),
  broken('log-truncated', 'The log ends early', ['ARTEFACT_DAMAGED'], (objects) =>
    objects.change('-logs.gz', (bytes) => bytes.subarray(0, 1000)),
  ),
  broken(
    'list-of-very-many',
    'A small list holds three million values',
    ['ARTEFACT_TOO_LARGE'],
    (objects) => objects.gzip('-results.gz', `{"errors":[${'{},'.repeat(3_000_000)}{}]}`),
  ),
  broken(
    'metadata-huge',
    'velero-backup.json is larger than any',
    ['ARTEFACT_TOO_LARGE'],
    (objects) =>
      objects.change('velero-backup.json', (bytes) =>
        Buffer.concat([bytes, Buffer.alloc(4 * MIB, ' ')]),
      ),
  ),
  broken(
    'list-bomb',
    'A list of a megabyte inflates to a gibibyte',
    ['ARTEFACT_TOO_LARGE'],
    (objects) => {
      const part = gzipSync(Buffer.alloc(32 * MIB, ' '), { level: 1 });
      objects.put('-volumeinfo.json.gz', Buffer.concat(Array.from({ length: 32 }, () => part)));
    },
  ),
  broken(
    'tarball-archived',
    'The tarball lies in an archive tier',
    ['ARTEFACT_ARCHIVED'],
    (objects) => objects.archive('.tar.gz'),
  ),
  broken(
    'metadata-archived',
    'velero-backup.json lies in an archive tier',
    ['ARTEFACT_ARCHIVED'],
    (objects) => objects.archive('velero-backup.json'),
  ),
  broken('log-archived', 'The log lies in an archive tier', ['ARTEFACT_ARCHIVED'], (objects) =>
    objects.archive('-logs.gz'),
  ),
  broken(
    'foreign-files',
    'Somebody else put objects into its folder',
    ['BACKUP_FOREIGN_FILES'],
    (objects) => {
      objects.put('notes of \u001b[31mmine\n.txt', 'x');
      objects.put('deep/er/x', 'x');
      objects.put('platform-manual-resource-list.json.gz.bak', 'x');
    },
  ),
  broken('lists-null', 'Every list is the literal null', [], (objects) => {
    const lists = ['-itemoperations', '-volumeinfo', '-podvolumebackups', '-volumesnapshots'];
    for (const list of lists) objects.gzip(`${list}.json.gz`, 'null');
  }),
  broken(
    'names-of-prototypes',
    'Members are called __proto__ and constructor',
    ['BACKUP_COUNTERS_DISAGREE', 'CONTENTS_DISAGREE'],
    (objects) => {
      const errors = '{"namespaces":{"__proto__":["x"],"constructor":["y"]}}';
      objects.gzip('-results.gz', `{"errors":${errors},"__proto__":{"warnings":7}}`);
      objects.gzip('-resource-list.json.gz', '{"__proto__":["polluted"],"constructor":null}');
    },
  ),
];
