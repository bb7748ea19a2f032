/** What a Backup resource in the store may say, and lists of volumes that lack or contradict something. */
import type { FindingCode } from '../../../shared/model/finding.ts';
import { damage, type VeleroDamage } from './damage.ts';
import type { VeleroObjects } from './objects.ts';

const FREQUENT = 'frequent-20261121105415';
const PVBS = '-podvolumebackups.json.gz';
const INFO = '-volumeinfo.json.gz';

function changed(
  backup: string,
  name: string,
  title: string,
  raises: readonly FindingCode[],
  change: (objects: VeleroObjects) => void,
): VeleroDamage {
  return damage({ name, title, backup, raises }, change);
}

interface PodVolumeBackup {
  spec: { pod: { namespace: string } };
  status: { phase?: string; snapshotID?: string; message?: string };
}

interface VolumeInfo {
  pvcNamespace: string;
  skipped?: boolean;
  skippedReason?: string;
  result?: string;
  pvbInfo?: { Phase: string; snapshotHandle?: string };
  csiSnapshotInfo?: { snapshotHandle: string };
}

/** The record of the volume of `billing`, in both lists. */
function ledger(
  objects: VeleroObjects,
  pvb: (record: PodVolumeBackup) => void,
  info: (record: VolumeInfo) => void,
): void {
  objects.json<PodVolumeBackup[]>(PVBS, (list) =>
    list.filter(({ spec }) => spec.pod.namespace === 'billing').forEach(pvb),
  );
  objects.json<VolumeInfo[]>(INFO, (list) =>
    list.filter(({ pvcNamespace }) => pvcNamespace === 'billing').forEach(info),
  );
}

const withoutBilling = (objects: VeleroObjects, list: typeof PVBS | typeof INFO): void =>
  list === PVBS
    ? objects.json<PodVolumeBackup[]>(list, (all) =>
        all.filter(({ spec }) => spec.pod.namespace !== 'billing'),
      )
    : objects.json<VolumeInfo[]>(list, (all) =>
        all.filter(({ pvcNamespace }) => pvcNamespace !== 'billing'),
      );

const PHASES = [
  ['New', ['BACKUP_PHASE_FOREIGN']],
  ['', ['BACKUP_PHASE_FOREIGN']],
  ['InProgress', ['BACKUP_PHASE_FOREIGN']],
  ['Sailing \u001b[31m', ['BACKUP_PHASE_FOREIGN', 'BACKUP_STUCK']],
  ['Failed', ['BACKUP_FAILED']],
  ['PartiallyFailed', ['BACKUP_PARTIALLY_FAILED']],
] as const;

export const STATUS_DAMAGES: readonly VeleroDamage[] = [
  ...PHASES.map(([phase, raises]) => {
    const name = `phase-${phase.split(' ')[0]?.toLowerCase() || 'none'}`;
    const title = `The phase in the store is ${JSON.stringify(phase)}`;
    return changed('platform-manual', name, title, raises, (objects) => objects.status({ phase }));
  }),
  changed(
    'platform-manual',
    'status-missing',
    'There is no status at all',
    ['BACKUP_PHASE_FOREIGN', 'FORMAT_VERSION_DIFFERS'],
    (objects) =>
      objects.json('velero-backup.json', (backup: object) => ({ ...backup, status: null })),
  ),
  changed(
    'archive-native',
    'snapshot-not-completed',
    'A disk snapshot was begun and not completed',
    ['BACKUP_COUNTERS_DISAGREE'],
    (objects) => objects.status({ volumeSnapshotsCompleted: 0 }),
  ),
  changed(
    'media-csi',
    'csi-not-completed',
    'A CSI snapshot was begun and not completed',
    ['BACKUP_COUNTERS_DISAGREE'],
    (objects) => objects.status({ csiVolumeSnapshotsCompleted: 0 }),
  ),
  changed(
    'media-moved',
    'operation-lost',
    'An operation was begun that no list has',
    ['BACKUP_COUNTERS_DISAGREE'],
    (objects) =>
      objects.status({ backupItemOperationsAttempted: 2, backupItemOperationsCompleted: 2 }),
  ),
  changed(
    'platform-manual',
    'errors-of-completed',
    'Completed, with errors that no list has',
    ['BACKUP_COUNTERS_DISAGREE'],
    (objects) => objects.status({ errors: 2 }),
  ),
  changed(
    'media-csi',
    'errors-of-operations',
    'Errors of operations, which have no texts',
    ['BACKUP_PARTIALLY_FAILED'],
    (objects) => objects.status({ phase: 'PartiallyFailed', errors: 1 }),
  ),
  changed(
    'platform-manual',
    'hooks-failed',
    'Hooks failed after the pods were taken',
    ['BACKUP_HOOKS_FAILED'],
    (objects) => objects.status({ hookStatus: { hooksAttempted: 3, hooksFailed: 1 } }),
  ),
  changed(
    'platform-manual',
    'object-not-taken',
    'Velero failed to take an object that it had listed',
    ['BACKUP_PARTIALLY_FAILED', 'CONTENTS_DISAGREE'],
    (objects) => {
      objects.tar((parts) => parts.filter(({ name }) => !name.includes('/internal-1.json')));
      objects.status({ phase: 'PartiallyFailed', errors: 1 });
      objects.gzip('-results.gz', '{"errors":{"namespaces":{"platform":["no"]}},"warnings":null}');
    },
  ),
  changed(
    FREQUENT,
    'volume-failed',
    'The data of a volume could not be taken',
    ['SECRETS_IN_CLEAR', 'VOLUME_FAILED'],
    (objects) =>
      ledger(
        objects,
        (record) => {
          record.status = { phase: 'Failed', message: 'disk is \u001b[31mred' };
        },
        (record) => {
          record.result = 'failed';
          record.pvbInfo = { Phase: 'Failed' };
        },
      ),
  ),
  changed(
    FREQUENT,
    'volume-unfinished',
    'The data of a volume never arrived',
    ['SECRETS_IN_CLEAR', 'VOLUME_UNFINISHED'],
    (objects) =>
      ledger(
        objects,
        (record) => {
          record.status = { phase: 'InProgress' };
        },
        (record) => {
          delete record.result;
          record.pvbInfo = { Phase: 'InProgress' };
        },
      ),
  ),
  changed(
    FREQUENT,
    'volume-info-lacks',
    'The volume information lacks a volume',
    ['SECRETS_IN_CLEAR', 'VOLUME_INVENTORY_DISAGREES'],
    (objects) => withoutBilling(objects, INFO),
  ),
  changed(
    FREQUENT,
    'pod-volume-lost',
    'The record that a restore needs is lost (Velero #9995)',
    ['SECRETS_IN_CLEAR', 'VOLUME_INVENTORY_DISAGREES'],
    (objects) => withoutBilling(objects, PVBS),
  ),
  changed(
    'media-csi',
    'handle-differs',
    'The lists name two snapshots of one volume',
    ['VOLUME_INVENTORY_DISAGREES'],
    (objects) =>
      objects.json<VolumeInfo[]>(INFO, ([record]) => {
        if (record?.csiSnapshotInfo) record.csiSnapshotInfo.snapshotHandle = 'snap-0';
      }),
  ),
  changed(
    'shop-failing-hook',
    'volume-left-out',
    'A volume to which no method applied, as Velero puts it',
    [
      'BACKUP_HOOKS_FAILED',
      'BACKUP_PARTIALLY_FAILED',
      'CONTENTS_DISAGREE',
      'SECRETS_IN_CLEAR',
      'VOLUME_LEFT_OUT',
    ],
    (objects) =>
      objects.json<VolumeInfo[]>(INFO, (list) => {
        for (const record of list) {
          if (record.skipped !== true) continue;
          record.skippedReason =
            'volumeSnapshot: not satisfy the criteria for VolumePolicy or the legacy snapshot way;';
        }
      }),
  ),
  changed(
    FREQUENT,
    'volume-forgotten',
    'No list knows of a volume',
    ['SECRETS_IN_CLEAR', 'VOLUME_WITHOUT_DATA'],
    (objects) => {
      withoutBilling(objects, INFO);
      withoutBilling(objects, PVBS);
    },
  ),
  changed(
    FREQUENT,
    'volumes-none',
    'No volume was taken, and Velero calls it Completed',
    ['SECRETS_IN_CLEAR', 'VOLUMES_NONE', 'VOLUME_WITHOUT_DATA'],
    (objects) => {
      for (const list of [INFO, PVBS, '-volumesnapshots.json.gz']) objects.gzip(list, '[]');
      objects.status({ volumeSnapshotsAttempted: 0, volumeSnapshotsCompleted: 0 });
    },
  ),
];
