import { type Finding, finding } from '../../model/finding.ts';
import type { ContentsProblem } from '../artefacts/contents.ts';
import {
  type ContentsSummary,
  compareWithList,
  type ListDifference,
} from '../artefacts/contents-summary.ts';
import { shown } from '../artefacts/json.ts';
import type { BackupCheck, BackupRead } from './backup-read.ts';
import { contentsFacts } from './facts-of.ts';
import { counted, EXAMPLES_MAX, plain } from './plain.ts';

/** Kinds of entries by which a tarball could harm whoever unpacks it. */
const ATTACKS: readonly ContentsProblem['kind'][] = ['unsafe-path', 'link', 'device'];

/** Entries that Velero never writes: how many. */
function foreignEntries({ problemCounts }: ContentsSummary): number {
  let count = 0;
  for (const [kind, own] of problemCounts) if (kind !== 'too-large-object') count += own;
  return count;
}

/** What the tarball tells, by itself and against the other artefacts (checks V5, V6). */
export const contentsFindings: BackupCheck = (read) => {
  const { subject, contents, artefacts } = read;
  if (contents.state !== 'read') return [];
  const summary = contents.value;
  const findings: Finding[] = [];
  const foreign = foreignEntries(summary);
  if (foreign > 0) findings.push(hostile(subject, summary, foreign));
  const status = artefacts.metadata.state === 'read' ? artefacts.metadata.value.status : undefined;
  if (status !== undefined && status.formatVersion !== summary.formatVersion) {
    const message = `The tarball has format ${quoted(summary.formatVersion)}, velero-backup.json says ${quoted(status.formatVersion)}`;
    findings.push(finding('FORMAT_VERSION_DIFFERS', subject, message));
  }
  findings.push(...disagreement(read, summary), ...copies(subject, summary));
  if (contentsFacts(summary).isCut) {
    const message = 'Not every namespace, claim or object of the tarball is accounted for';
    const large = summary.problems.filter(({ kind }) => kind === 'too-large-object');
    const evidence = { tooLarge: large.map(({ path }) => path) };
    findings.push(finding('CONTENTS_CUT', subject, message, large.length > 0 ? { evidence } : {}));
  }
  if (summary.secrets > 0) {
    const message = `${counted(summary.secrets, 'Secret')} can be read by whoever can read the tarball`;
    const evidence = { secrets: summary.secrets };
    findings.push(finding('SECRETS_IN_CLEAR', subject, message, { evidence }));
  }
  if (status !== undefined && status.meaning === 'ended' && status.phase !== 'Failed') {
    if (summary.objects === 0) {
      const message = `It is ${status.phase} and holds no object at all`;
      findings.push(finding('BACKUP_EMPTY', subject, message));
    }
  }
  return findings;
};

function hostile(subject: string, summary: ContentsSummary, count: number): Finding {
  const { problems, problemCounts } = summary;
  const isAttack = ATTACKS.some((kind) => problemCounts.has(kind));
  const entries = problems
    .filter(({ kind }) => kind !== 'too-large-object')
    .slice(0, EXAMPLES_MAX)
    .map(({ kind, path }) => `${kind} ${path}`);
  const message = `${count} ${count === 1 ? 'entry' : 'entries'} of the tarball cannot come from Velero`;
  const evidence = { entries };
  return finding('TARBALL_HOSTILE', subject, message, {
    evidence,
    ...(!isAttack && { severity: 'error' }),
  });
}

function disagreement(read: BackupRead, summary: ContentsSummary): readonly Finding[] {
  const { resourceList } = read.artefacts;
  const resources = [...summary.resources.values()];
  // Tarballs of before 1.5 do not name the versions, by which the list is sorted.
  const isOld = resources.length > 0 && resources.every(({ version }) => version === undefined);
  if (resourceList.state !== 'read' || summary.isCut || isOld) return [];
  const differences = compareWithList(summary, resourceList.value);
  if (differences.length === 0) return [];
  const lacking = differences.reduce((sum, { listed, found }) => sum + listed - found, 0);
  const why = explanation(read, differences, lacking);
  const kinds = differences
    .slice(0, EXAMPLES_MAX)
    .map(({ kind, listed, found }) => `${plain(kind)}: ${listed} listed, ${found} found`);
  const message =
    why === undefined
      ? `The tarball and its list differ in ${counted(differences.length, 'kind')} of objects`
      : `${counted(lacking, 'object')} of its list ${lacking === 1 ? 'is' : 'are'} not in its tarball: ${why}`;
  const evidence = { kinds };
  return [
    finding('CONTENTS_DISAGREE', read.subject, message, {
      evidence,
      ...(why !== undefined && { severity: 'warning', hint: EXPLAINED_HINT }),
    }),
  ];
}

const EXPLAINED_HINT =
  'Read the errors of the backup with "velero backup describe <backup> --details", remove their cause, and take a new backup';

/**
 * Velero lists an object before it takes it, and one that it then fails to take stays listed; each
 * costs an error (velero v1.18.2, pkg/backup/item_backupper.go, `backupItemInternal`).
 */
function explanation(
  { artefacts }: BackupRead,
  differences: readonly ListDifference[],
  lacking: number,
): string | undefined {
  if (artefacts.metadata.state !== 'read') return undefined;
  const { phase, errors, hooks } = artefacts.metadata.value.status;
  const isPossible = phase === 'PartiallyFailed' && lacking <= errors;
  if (!isPossible || differences.some(({ listed, found }) => found >= listed)) return undefined;
  return (hooks?.failed ?? 0) > 0 && differences.every(({ kind }) => kind === 'v1/Pod')
    ? 'Velero leaves out pods whose hooks failed'
    : 'Velero lists objects that it then failed to take';
}

function copies(subject: string, { copies: agreement }: ContentsSummary): readonly Finding[] {
  const { different, single, examples } = agreement;
  if (different === 0 && single === 0) return [];
  const parts = [
    ...(different > 0
      ? [
          `${counted(different, 'object')} ${different === 1 ? 'has' : 'have'} two copies that differ`,
        ]
      : []),
    ...(single > 0
      ? [`${counted(single, 'object')} ${single === 1 ? 'has' : 'have'} one copy alone`]
      : []),
  ];
  const message = `In the tarball, ${parts.join(', and ')}`;
  const evidence = { objects: examples };
  return [finding('COPIES_DIFFER', subject, message, examples.length > 0 ? { evidence } : {})];
}

function quoted(version: string | undefined): string {
  return version === undefined ? 'none' : shown(version);
}
