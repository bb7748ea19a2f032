/** Damages of the root, and of uploads and deletions that broke off. */
import { damage, type VeleroDamage } from './damage.ts';

/** As `objectBackupStore.PutBackup` of Velero 1.18.2 uploads; the six lists in random order. */
export const UPLOAD_ORDER = [
  '-logs.gz',
  'velero-backup.json',
  '.tar.gz',
  '-podvolumebackups.json.gz',
  '-volumesnapshots.json.gz',
  '-itemoperations.json.gz',
  '-resource-list.json.gz',
  '-results.gz',
  '-volumeinfo.json.gz',
] as const;

/** A first upload that broke off behind its `done`-th object, for good. */
function cutUpload(done: number): VeleroDamage {
  const about = {
    name: `upload-cut-after-${done}`,
    title: `Of the first upload the first ${done} objects arrived, and nothing ever came after`,
    backup: 'media-moving',
    raises: [done === 1 ? 'BACKUP_DEBRIS' : 'BACKUP_STUCK'],
  } as const;
  return damage(about, (objects) => objects.remove(...UPLOAD_ORDER.slice(done)));
}

export const ROOT_DAMAGES: readonly VeleroDamage[] = [
  damage({ name: 'emptied', title: 'Everything was removed', raises: ['ROOT_EMPTY'] }, (objects) =>
    objects.removeAll(),
  ),
  damage(
    {
      name: 'foreign-folder',
      title: 'A folder that Velero does not know lies at the root',
      raises: ['ROOT_FOREIGN_FOLDER'],
    },
    (objects) => objects.putKey('quarantine/\u001b[31m/report.json', '{}'),
  ),
  damage(
    {
      name: 'stray-objects',
      title: 'Objects lie below backups/ and in no folder of a backup',
      raises: ['ROOT_STRAY_OBJECTS'],
    },
    (objects) => {
      objects.putKey('backups/README.md', 'x');
      objects.putKey('backups//x', 'x');
    },
  ),
  damage(
    {
      name: 'restic-repository',
      title: 'A restic repository of former years',
      raises: ['RESTIC_UNCHECKED'],
    },
    (objects) => objects.putKey('restic/shop/config', 'x'),
  ),
  damage(
    {
      name: 'folder-objects',
      title: 'Empty objects stand for folders, as consoles make them',
      backup: 'platform-manual',
      raises: [],
    },
    (objects) => {
      for (const key of ['backups/', 'backups/platform-manual/', 'kopia/']) objects.putKey(key, '');
    },
  ),
  ...UPLOAD_ORDER.map((_, index) => cutUpload(index + 1)),
  damage(
    {
      name: 'finalizer-failed',
      title: 'The finalizer could not write the last phase (Velero #9644)',
      backup: 'platform-manual',
      raises: ['BACKUP_STUCK'],
    },
    (objects) => objects.status({ phase: 'Finalizing' }),
  ),
  damage(
    {
      name: 'tarball-not-rewritten',
      title: 'The finalizer wrote velero-backup.json, and not the tarball after it',
      backup: 'media-moved',
      raises: ['BACKUP_STUCK'],
    },
    (objects) => objects.date('.tar.gz', new Date('2026-11-21T10:52:35Z')),
  ),
  damage(
    {
      name: 'deletion-cut',
      title: 'A deletion broke off behind velero-backup.json',
      backup: 'archive-native',
      raises: ['BACKUP_DEBRIS'],
    },
    (objects) => objects.remove('velero-backup.json'),
  ),
  damage(
    {
      name: 'planted',
      title: 'A velero-backup.json of phase New, to have its hooks run (Velero #10347)',
      backup: 'planted',
      raises: ['BACKUP_PHASE_FOREIGN'],
    },
    (objects) => {
      const metadata = { name: 'planted', namespace: 'velero' };
      const backup = { kind: 'Backup', apiVersion: 'velero.io/v1', metadata };
      objects.put('velero-backup.json', JSON.stringify({ ...backup, status: { phase: 'New' } }));
    },
  ),
  damage(
    {
      name: 'folder-copied',
      title: 'The folder was copied under another name, its objects under theirs',
      backup: 'platform-copy',
      raises: ['ARTEFACT_MISSING', 'BACKUP_FOREIGN_FILES', 'BACKUP_NAME_DIFFERS'],
    },
    (objects) => {
      const original = objects.of('platform-manual');
      for (const file of original.files()) objects.put(file, original.bytes(file));
    },
  ),
  damage(
    {
      name: 'backup-renamed',
      title: 'The folder was renamed with all its objects',
      backup: 'platform-renamed',
      raises: ['BACKUP_NAME_DIFFERS'],
    },
    (objects) => {
      const original = objects.of('platform-manual');
      for (const file of original.files()) {
        original.move(file, objects.key(file.replace('platform-manual', '')));
      }
    },
  ),
];
