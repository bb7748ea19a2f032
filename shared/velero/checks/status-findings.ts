import { type Finding, finding } from '../../model/finding.ts';
import type { Attempts, BackupStatus } from '../artefacts/backup.ts';
import { shown } from '../artefacts/json.ts';
import type { BackupCheck, BackupRead } from './backup-read.ts';
import { counted, examplesOf } from './plain.ts';

/** What the stored Backup resource says of itself (checks V3, V7). */
export const statusFindings: BackupCheck = (read) => {
  const { subject, artefacts } = read;
  if (artefacts.metadata.state !== 'read') return [];
  const { name, status } = artefacts.metadata.value;
  const findings: Finding[] = [];
  if (name !== artefacts.backup) {
    const message = `The backup within calls itself ${shown(name)}`;
    findings.push(finding('BACKUP_NAME_DIFFERS', subject, message));
  }
  const foreign = foreignPhase(subject, status);
  if (foreign !== undefined) return [...findings, foreign];
  if (status.phase === 'Failed') findings.push(failed(subject, status));
  if (status.phase === 'PartiallyFailed') findings.push(partiallyFailed(read, status));
  const { attempted = 0, failed: hooksFailed = 0 } = status.hooks ?? {};
  if (hooksFailed > 0) {
    const message = `${hooksFailed} of ${counted(attempted, 'hook')} failed`;
    findings.push(finding('BACKUP_HOOKS_FAILED', subject, message));
  }
  const wrong =
    status.meaning === 'ended' && status.phase !== 'Failed' ? miscounts(read, status) : [];
  if (wrong.length > 0) {
    const message = `Its counts do not add up: ${wrong[0]}`;
    const evidence = { counts: wrong };
    findings.push(finding('BACKUP_COUNTERS_DISAGREE', subject, message, { evidence }));
  }
  return findings;
};

function foreignPhase(subject: string, { phase, meaning }: BackupStatus): Finding | undefined {
  if (meaning === 'ended' || meaning === 'at-work') return undefined;
  const isRun = meaning === 'none' || phase === 'New';
  const what = phase === '' ? 'It has no phase' : `Its phase is ${shown(phase)}`;
  const message = isRun
    ? `${what}, which Velero never stores, and up to 1.18.2 runs as a new backup with its hooks`
    : `${what}, which ${meaning === 'unknown' ? 'no version of Velero that is known here has' : 'Velero never stores'}`;
  return finding('BACKUP_PHASE_FOREIGN', subject, message, isRun ? {} : { severity: 'error' });
}

function failed(subject: string, { failureReason }: BackupStatus): Finding {
  const why = failureReason === undefined ? '' : `: ${shown(failureReason)}`;
  return finding('BACKUP_FAILED', subject, `The backup failed${why}`);
}

function partiallyFailed({ subject, artefacts }: BackupRead, status: BackupStatus): Finding {
  const { errors, warnings, operations } = status;
  const message = `The backup failed in part, with ${counted(errors, 'error')}`;
  const texts = artefacts.results.state === 'read' ? artefacts.results.value.errors : undefined;
  const namespaces = texts === undefined ? [] : [...texts.namespaces.keys()];
  const evidence = {
    errors,
    warnings,
    operationsFailed: operations.failed,
    namespaces: examplesOf(namespaces),
  };
  return finding('BACKUP_PARTIALLY_FAILED', subject, message, { evidence });
}

/** Each sum that is not right, as a clause. */
function miscounts({ artefacts }: BackupRead, status: BackupStatus): readonly string[] {
  const { errors, operations } = status;
  const wrong: string[] = [];
  const compare = (what: string, attempted: number, other: number, did: string): void => {
    if (attempted !== other) wrong.push(`${counted(attempted, what)} begun, ${other} ${did}`);
  };
  const completed = (what: string, attempts: Attempts): void =>
    compare(what, attempts.attempted, attempts.completed, 'completed');
  completed('disk snapshot', status.nativeSnapshots);
  completed('CSI snapshot', status.csiSnapshots);
  completed('operation', operations);
  if (artefacts.operations.state === 'read') {
    compare('operation', operations.attempted, artefacts.operations.value.length, 'listed');
  }
  if (artefacts.nativeSnapshots.state === 'read') {
    const { attempted } = status.nativeSnapshots;
    compare('disk snapshot', attempted, artefacts.nativeSnapshots.value.length, 'listed');
  }
  if (status.phase === 'Completed' && errors > 0) {
    wrong.push(`Completed with ${counted(errors, 'error')}`);
  }
  if (artefacts.results.state === 'read') {
    const texts = artefacts.results.value.errors.count;
    // Of operations Velero counts the errors and stores no texts.
    const isLost = texts < errors && operations.attempted === 0;
    if (texts > errors || isLost)
      wrong.push(`${counted(errors, 'error')} counted, ${texts} stored`);
  }
  return wrong;
}
