import { type Finding, type FindingCode, finding } from '../../model/finding.ts';
import type { BackupScope } from '../artefacts/backup.ts';
import type { Contradiction, InventoryVolume } from '../artefacts/inventory.ts';
import type { VolumeResult } from '../artefacts/inventory-records.ts';
import type { BackupCheck, BackupRead } from './backup-read.ts';
import { counted, EXAMPLES_MAX, plain, readable } from './plain.ts';
import { isChosenSkip } from './skipped.ts';

const WITHOUT: Contradiction['kind'] = 'claim-without-data';

/** What was to be restored with the backup's volumes, and would not be (check V8). */
export const volumeFindings: BackupCheck = (read) => {
  const { artefacts, inventory, subject } = read;
  if (artefacts.metadata.state !== 'read') return [];
  const { status, spec } = artefacts.metadata.value;
  if (status.meaning !== 'ended' || status.phase === 'Failed') return [];
  const { volumes } = inventory;
  const withResult = (result: VolumeResult): readonly string[] =>
    volumes.filter((each) => each.result === result && isTaken(each)).map(described);
  const contradictions = trusted(read);
  const findings = [
    grouped(subject, 'VOLUME_FAILED', withResult('failed'), (they) => `Could not take ${they}`),
    grouped(
      subject,
      'VOLUME_UNFINISHED',
      withResult('unfinished'),
      (they) => `The data of ${they} never arrived`,
    ),
    grouped(
      subject,
      'VOLUME_SKIPPED',
      volumes.filter(isChosenSkip).map(described),
      (they) => `Skipped ${they} on purpose, whose data is not in the backup`,
    ),
    grouped(
      subject,
      'VOLUME_LEFT_OUT',
      volumes.filter((each) => each.method === 'skipped' && !isChosenSkip(each)).map(described),
      (they) => `Left out ${they}, since no way to save its data applied`,
    ),
    grouped(
      subject,
      'VOLUME_WITHOUT_DATA',
      contradictions.filter(({ kind }) => kind === WITHOUT).map(({ volume }) => plain(volume)),
      (they) => `Nothing says how the data of ${they} was taken`,
    ),
    grouped(
      subject,
      'VOLUME_INVENTORY_DISAGREES',
      byVolume(contradictions.filter(({ kind }) => kind !== WITHOUT)),
      (they) => `The lists of the backup contradict each other about ${they}`,
    ),
  ].filter((each) => each !== undefined);
  if (status.phase === 'Completed' && hasNone(read, spec)) {
    const message = 'It holds claims, was to take their volumes, and has the data of none';
    findings.push(finding('VOLUMES_NONE', subject, message));
  }
  return findings;
};

/** One finding for all volumes of which the same is true. */
function grouped(
  subject: string,
  code: FindingCode,
  volumes: readonly string[],
  tell: (volumes: string) => string,
): Finding | undefined {
  if (volumes.length === 0) return undefined;
  const evidence = { volumes: volumes.slice(0, EXAMPLES_MAX) };
  return finding(code, subject, tell(counted(volumes.length, 'volume')), { evidence });
}

/** Whether the data of a volume was to be taken. */
function isTaken({ method }: InventoryVolume): boolean {
  return method !== 'none' && method !== 'skipped';
}

/** Each volume once, with all that is contradictory about it. */
function byVolume(contradictions: readonly Contradiction[]): readonly string[] {
  const told = new Map<string, string[]>();
  for (const { volume, message } of contradictions) {
    told.set(volume, [...(told.get(volume) ?? []), message]);
  }
  return [...told].map(([id, messages]) => `${plain(id)}: ${readable(messages.join('; '))}`);
}

function described({ id, reason }: InventoryVolume): string {
  return reason === undefined ? plain(id) : `${plain(id)}: ${readable(reason)}`;
}

/** How Velero 1.13 to 1.18 words that somebody left a volume out: by annotation, label, policy. */
const LEFT_OUT = /opted out due to|exclude-from-backup|due to resource policy/;

/** Contradictions that rest on what was read, not on what could not be. */
function trusted({ inventory }: BackupRead): readonly Contradiction[] {
  if (inventory.unread.length === 0) return inventory.contradictions;
  return inventory.contradictions.filter(({ kind }) => kind.endsWith('-differs'));
}

/** Whether a backup that declares volumes has claims and the data of none of them. */
function hasNone({ contents, inventory }: BackupRead, spec: BackupScope): boolean {
  const { snapshotVolumes, defaultVolumesToFsBackup, snapshotMoveData } = spec;
  const isDeclared =
    snapshotVolumes !== false || defaultVolumesToFsBackup === true || snapshotMoveData === true;
  if (!isDeclared || contents.state !== 'read' || inventory.unread.length > 0) return false;
  const bound = new Set(
    contents.value.claims
      .filter(({ volume }) => volume !== undefined)
      .map(({ namespace, name }) => `${namespace}/${name}`),
  );
  const own = inventory.volumes.filter(({ id }) => bound.has(id));
  const isMeant = own.every(({ reason = '' }) => LEFT_OUT.test(reason));
  if (own.length === 0 || isMeant) return false;
  return !inventory.volumes.some(
    (each) => isTaken(each) && (each.result === 'succeeded' || each.result === 'empty'),
  );
}
