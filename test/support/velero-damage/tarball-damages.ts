/** Damages within the tarball of a backup. */
import type { FindingCode } from '../../../shared/model/finding.ts';
import { entry, header } from '../../velero/artefacts/tarball.ts';
import { damage, type VeleroDamage } from './damage.ts';
import type { VeleroObjects } from './objects.ts';
import { copiesOf, fileEntry } from './tarballs.ts';

type ResourceList = Record<string, string[]>;

function changed(
  name: string,
  title: string,
  raises: readonly FindingCode[],
  change: (objects: VeleroObjects) => void,
  backup = 'platform-manual',
): VeleroDamage {
  return damage({ name, title, backup, raises }, change);
}

/** One more entry in front of all others. */
function planted(name: string, title: string, block: Uint8Array): VeleroDamage {
  return changed(name, title, ['TARBALL_HOSTILE'], (objects) =>
    objects.tar((parts) => [block, ...parts]),
  );
}

const TENANCY = 'resources/configmaps/namespaces/platform/tenancy.json';
const POD = 'resources/pods/namespaces/platform/x.json';
const MIB = 1024 * 1024;

const ODD_NAMES = [
  'a b',
  'with "quotes" and \\',
  'line\nbreak\r\n',
  '\u001b[31mred\u0007',
  'percent%2e%2e%2f',
  '\u202eright-to-left',
  'caf\u00e9 \u{1f6a2}',
  '..hidden',
  'x'.repeat(253),
  '__proto__',
];

export const TARBALL_DAMAGES: readonly VeleroDamage[] = [
  planted('path-upwards', 'An entry leads out of its folder', entry('../../etc/cron.d/x', 'x')),
  planted(
    'path-inner-upwards',
    'An entry leads out and in again',
    entry('resources/pods/../x.json'),
  ),
  planted('path-absolute', 'An entry has an absolute path', entry('/etc/passwd', 'x')),
  planted('link-symbolic', 'An entry is a symbolic link', header(POD, 0, '2')),
  planted('link-hard', 'An entry is a hard link', header(POD, 0, '1')),
  planted('device', 'An entry is a device', header(POD, 0, '3')),
  planted('foreign-entry', 'An entry lies where Velero keeps nothing', entry('run.sh', 'x')),
  changed(
    'data-behind-end',
    'A second archive follows the end of the first',
    ['TARBALL_HOSTILE'],
    (objects) => objects.tar((parts) => [...parts, Buffer.alloc(1024), entry(POD)]),
  ),
  changed(
    'object-too-large',
    'An object is larger than any that an API server keeps',
    ['CONTENTS_CUT', 'SECRETS_IN_CLEAR'],
    (objects) => {
      const large = ' '.repeat(8 * MIB + 1);
      objects.tar((parts) => [...parts, ...copiesOf('pods/namespaces/shop/x.json', large)]);
      objects.json<ResourceList>('-resource-list.json.gz', (list) => {
        list['v1/Pod']?.push('shop/x');
      });
    },
    'frequent-20261121105415',
  ),
  changed('names-odd', 'Objects have names with every odd character', [], (objects) => {
    objects.tar((parts) => [
      ...parts,
      ...ODD_NAMES.flatMap((name) => copiesOf(`configmaps/namespaces/platform/${name}.json`, '{}')),
    ]);
    objects.json<ResourceList>('-resource-list.json.gz', (list) => {
      list['v1/ConfigMap']?.push(...ODD_NAMES.map((name) => `platform/${name}`));
    });
  }),
  changed(
    'entries-very-many',
    'Thousands of objects more than its list has',
    ['CONTENTS_DISAGREE'],
    (objects) =>
      objects.tar((parts) => [
        ...parts,
        ...Array.from({ length: 4000 }, (_, at) =>
          copiesOf(`configmaps/namespaces/platform/c${at}.json`, ''),
        ).flat(),
      ]),
  ),
  changed(
    'namespaces-very-many',
    'More namespaces than are kept account of, in one copy each',
    ['CONTENTS_CUT', 'COPIES_DIFFER'],
    (objects) =>
      objects.tar((parts) => [
        ...parts,
        ...Array.from({ length: 20_001 }, (_, at) =>
          header(`resources/configmaps/namespaces/n${at}/c.json`, 0),
        ),
      ]),
  ),
  changed(
    'copies-differ',
    'The copy that is restored says something else',
    ['COPIES_DIFFER'],
    (objects) =>
      objects.tar((parts) =>
        parts.map((part) =>
          part.name === TENANCY ? fileEntry(part.name, '{"kind":"ConfigMap"}') : part,
        ),
      ),
  ),
  changed(
    'copy-missing',
    'The copy that is restored is missing',
    ['CONTENTS_DISAGREE', 'COPIES_DIFFER'],
    (objects) => objects.tar((parts) => parts.filter(({ name }) => name !== TENANCY)),
  ),
  changed(
    'object-left-out',
    'An object of the list is not in the tarball',
    ['CONTENTS_DISAGREE'],
    (objects) =>
      objects.tar((parts) =>
        parts.filter(({ name }) => !name.endsWith('/tenancy.json') || !name.includes('configmaps')),
      ),
  ),
  changed(
    'format-other',
    'The tarball names another version of the format',
    ['FORMAT_VERSION_DIFFERS'],
    (objects) => objects.tar(([, ...parts]) => [entry('metadata/version', '1\n'), ...parts]),
  ),
  changed(
    'format-unnamed',
    'The tarball names no version of the format',
    ['FORMAT_VERSION_DIFFERS'],
    (objects) => objects.tar(([, ...parts]) => parts),
  ),
  changed(
    'tarball-swapped',
    'The tarball is that of another backup',
    ['CONTENTS_DISAGREE', 'VOLUMES_NONE', 'VOLUME_WITHOUT_DATA'],
    (objects) => objects.put('.tar.gz', objects.of('archive-native').bytes('.tar.gz')),
  ),
  changed(
    'tarball-emptied',
    'There is nothing in the tarball',
    ['BACKUP_EMPTY', 'CONTENTS_DISAGREE'],
    (objects) => objects.tar(([version]) => (version === undefined ? [] : [version])),
  ),
  changed('backup-of-nothing', 'A selector matched nothing', ['BACKUP_EMPTY'], (objects) => {
    objects.tar(([version]) => (version === undefined ? [] : [version]));
    objects.gzip('-resource-list.json.gz', '{}');
  }),
];
