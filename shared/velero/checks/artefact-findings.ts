import { type Finding, type FindingCode, finding, type Severity } from '../../model/finding.ts';
import { isVeleroFile } from '../artefacts/backup-artefacts.ts';
import type { Artefact } from '../artefacts/stored.ts';
import { LOGS_SUFFIX, missingArtefacts, parseBackupKey, restoreReads } from '../layout.ts';
import { type BackupCheck, type BackupRead, everyArtefact } from './backup-read.ts';
import { counted, EXAMPLES_MAX, examplesOf, plain, readable } from './plain.ts';

/** What is wrong with one object of a backup. */
interface Flaw {
  readonly file: string;
  readonly reason: string;
  readonly isFramed?: boolean;
}

/** Whether every object of a backup is there and can be read to its end (checks V4, V5). */
export const artefactFindings: BackupCheck = (read) => {
  const { subject, artefacts } = read;
  const { backup, files, foreignFiles } = artefacts;
  const findings: Finding[] = [];
  const missing = missingOf(read).map((file) => ({ file, reason: 'it is not there' }));
  add('ARTEFACT_MISSING', missing, 'is missing', 'are missing');
  const empty = [...files].filter(([, { sizeBytes }]) => sizeBytes === 0).map(([file]) => file);
  const emptyFlaws = empty.map((file) => ({ file, reason: 'it has 0 bytes' }));
  add('ARTEFACT_EMPTY', emptyFlaws, 'has no bytes', 'have no bytes');
  const own = everyArtefact(read).filter((artefact) => {
    const file = fileOf(keyOf(artefact));
    return isVeleroFile(backup, file) && !empty.includes(file);
  });
  const damaged = own.flatMap((artefact) => {
    if (artefact.state !== 'unreadable') return [];
    const { key, reason, damage } = artefact;
    return [{ file: fileOf(key), reason, isFramed: damage === 'transfer-framing' }];
  });
  add('ARTEFACT_DAMAGED', damaged, 'cannot be read', 'cannot be read', framing(damaged));
  const large = own.flatMap((artefact) =>
    artefact.state === 'too-large' ? [{ file: fileOf(artefact.key), reason: artefact.reason }] : [],
  );
  add('ARTEFACT_TOO_LARGE', large, 'is too large to be read', 'are too large to be read');
  const archived = own.flatMap((artefact) => {
    if (artefact.state !== 'archived') return [];
    const file = fileOf(artefact.key);
    return [{ file, reason: `it lies in ${files.get(file)?.storageClass ?? 'an archive tier'}` }];
  });
  add('ARTEFACT_ARCHIVED', archived, 'lies in an archive tier', 'lie in an archive tier');
  if (foreignFiles.count > 0) {
    const message = `${counted(foreignFiles.count, 'object')} in its folder came from somebody else than Velero`;
    const evidence = { files: examplesOf(foreignFiles.examples) };
    findings.push(finding('BACKUP_FOREIGN_FILES', subject, message, { evidence }));
  }
  return findings;

  function add(
    code: FindingCode,
    flaws: readonly Flaw[],
    does: string,
    doThey: string,
    more: { readonly message?: string; readonly hint?: string } = {},
  ): void {
    const [first] = flaws;
    if (first === undefined) return;
    const message =
      flaws.length === 1
        ? `${plain(first.file)} ${does}${code === 'ARTEFACT_DAMAGED' ? `: ${readable(first.reason)}` : ''}`
        : `${flaws.length} objects ${doThey}`;
    const evidence = {
      files: flaws
        .slice(0, EXAMPLES_MAX)
        .map(({ file, reason }) => `${plain(file)}: ${readable(reason)}`),
    };
    const severity = severityOf(backup, flaws);
    const { hint } = more;
    const told = { evidence, ...(severity && { severity }), ...(hint !== undefined && { hint }) };
    findings.push(finding(code, subject, more.message ?? message, told));
  }
};

function missingOf({ artefacts }: BackupRead): readonly string[] {
  const { backup, files, metadata } = artefacts;
  if (metadata.state !== 'read') return [];
  const { status, writtenSince } = metadata.value;
  // A failed backup may lack anything; one at work is uploaded bit by bit.
  if (status.meaning !== 'ended' || status.phase === 'Failed') return [];
  return missingArtefacts(backup, new Set(files.keys()), writtenSince);
}

/** Of the catalogue where a restore needs one of them; less where it does not. */
function severityOf(backup: string, flaws: readonly Flaw[]): Severity | undefined {
  if (flaws.some(({ file }) => restoreReads(backup, file))) return undefined;
  return flaws.every(({ file }) => file === `${backup}${LOGS_SUFFIX}`) ? 'warning' : 'error';
}

const FRAMING_HINT =
  'Upgrade velero-plugin-for-aws to v1.14.3 or later (v1.14.2 does this with stores that keep the framing; checksumAlgorithm: "" in the config of the BackupStorageLocation avoids it, too), then take a new backup';

function framing(damaged: readonly Flaw[]): { readonly message?: string; readonly hint?: string } {
  const framed = damaged.filter(({ isFramed }) => isFramed === true).length;
  if (framed === 0) return {};
  const others = damaged.length - framed;
  const rest = others === 0 ? '' : `, and ${others} cannot be read for other reasons`;
  const message = `${counted(framed, 'object')} cannot be read since the store kept the framing of the upload within (Velero #9951)${rest}`;
  return { message, hint: FRAMING_HINT };
}

function keyOf(artefact: Artefact<unknown>): string {
  return artefact.state === 'read' ? artefact.stored.key : artefact.key;
}

function fileOf(key: string): string {
  return parseBackupKey(key)?.file ?? key;
}
