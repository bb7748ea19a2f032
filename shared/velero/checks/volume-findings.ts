import { type Finding, type FindingCode, finding } from '../../model/finding.ts';
import type { BackupScope } from '../artefacts/backup.ts';
import type { Contradiction, InventoryVolume } from '../artefacts/inventory.ts';
import type { BackupCheck, BackupRead } from './backup-read.ts';
import { counted, EXAMPLES_MAX, plain, readable } from './plain.ts';

type Telling = (volumes: string) => string;

/** What was to be restored with the backup's volumes, and would not be (check V8). */
export const volumeFindings: BackupCheck = (read) => {
  const { artefacts, inventory, subject } = read;
  if (artefacts.metadata.state !== 'read') return [];
  const { status, spec } = artefacts.metadata.value;
  if (status.meaning !== 'ended' || status.phase === 'Failed') return [];
  const findings: Finding[] = [];
  const add = (code: FindingCode, volumes: readonly string[], tell: Telling): void => {
    if (volumes.length === 0) return;
    const message = tell(counted(volumes.length, 'volume'));
    const evidence = { volumes: volumes.slice(0, EXAMPLES_MAX) };
    findings.push(finding(code, subject, message, { evidence }));
  };
  const taken = inventory.volumes.filter(({ method }) => method !== 'none');
  const skipped = taken.filter(({ method }) => method === 'skipped');
  const withResult = (result: string): readonly string[] =>
    taken.filter((each) => each.result === result && each.method !== 'skipped').map(described);
  add('VOLUME_FAILED', withResult('failed'), (volumes) => `Could not take ${volumes}`);
  add(
    'VOLUME_UNFINISHED',
    withResult('unfinished'),
    (volumes) => `The data of ${volumes} never arrived`,
  );
  add(
    'VOLUME_SKIPPED',
    skipped.map(described),
    (volumes) => `Skipped ${volumes}, whose data is not in the backup`,
  );
  const contradictions = trusted(read);
  const without = contradictions.filter(({ kind }) => kind === 'claim-without-data');
  const claims = without.map(({ volume }) => plain(volume));
  add(
    'VOLUME_WITHOUT_DATA',
    claims,
    (volumes) => `Nothing says how the data of ${volumes} was taken`,
  );
  const disagreeing = new Map<string, string>();
  for (const { kind, volume, message } of contradictions) {
    if (kind === 'claim-without-data') continue;
    const before = disagreeing.get(volume);
    disagreeing.set(volume, before === undefined ? message : `${before}; ${message}`);
  }
  const told = [...disagreeing].map(
    ([volume, message]) => `${plain(volume)}: ${readable(message)}`,
  );
  add(
    'VOLUME_INVENTORY_DISAGREES',
    told,
    (volumes) => `The lists of the backup contradict each other about ${volumes}`,
  );
  if (status.phase === 'Completed' && hasNone(read, spec)) {
    const message = 'Claims are in it, it was to take their volumes, and it has the data of none';
    findings.push(finding('VOLUMES_NONE', subject, message));
  }
  return findings;
};

function described({ id, reason }: InventoryVolume): string {
  return reason === undefined ? plain(id) : `${plain(id)}: ${readable(reason)}`;
}

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
  // Who opts a volume out by an annotation means it.
  const isMeant = own.every(({ reason }) => reason?.includes('opted out') === true);
  if (own.length === 0 || isMeant) return false;
  return !inventory.volumes.some(
    ({ method, result }) =>
      method !== 'none' && method !== 'skipped' && (result === 'succeeded' || result === 'empty'),
  );
}
