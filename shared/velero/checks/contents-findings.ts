import { type Finding, finding } from '../../model/finding.ts';
import type { ContentsProblem } from '../artefacts/contents.ts';
import { type ContentsSummary, compareWithList } from '../artefacts/contents-summary.ts';
import { shown } from '../artefacts/json.ts';
import type { BackupCheck, BackupRead } from './backup-read.ts';
import { contentsFacts } from './facts-of.ts';
import { counted, EXAMPLES_MAX, plain } from './plain.ts';

/** Kinds of entries by which a tarball could harm whoever unpacks it. */
const ATTACKS: readonly ContentsProblem['kind'][] = ['unsafe-path', 'link', 'device'];

/** Entries that Velero never writes: how many. */
export function foreignEntries({ problemCounts }: ContentsSummary): number {
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
  const { resourceList, metadata } = read.artefacts;
  const resources = [...summary.resources.values()];
  // Tarballs of before 1.5 do not name the versions, by which the list is sorted.
  const isOld = resources.length > 0 && resources.every(({ version }) => version === undefined);
  if (resourceList.state !== 'read' || summary.isCut || isOld) return [];
  const differences = compareWithList(summary, resourceList.value);
  if (differences.length === 0) return [];
  const hooksFailed = metadata.state === 'read' ? (metadata.value.status.hooks?.failed ?? 0) : 0;
  const isExplained =
    hooksFailed > 0 &&
    differences.every(({ kind, listed, found }) => kind === 'v1/Pod' && found < listed);
  const kinds = differences
    .slice(0, EXAMPLES_MAX)
    .map(({ kind, listed, found }) => `${plain(kind)}: ${listed} listed, ${found} found`);
  const message = isExplained
    ? 'Pods are in its list and not in its tarball, as Velero leaves out pods whose hooks failed'
    : `${counted(differences.length, 'kind')} of objects differ between the tarball and its list`;
  const evidence = { kinds, hooksFailed };
  return [
    finding('CONTENTS_DISAGREE', read.subject, message, {
      evidence,
      ...(isExplained && { severity: 'warning' }),
    }),
  ];
}

function copies(subject: string, { copies: agreement }: ContentsSummary): readonly Finding[] {
  const { different, single, examples } = agreement;
  if (different === 0 && single === 0) return [];
  const parts = [
    ...(different > 0 ? [`of ${counted(different, 'object')} the two copies differ`] : []),
    ...(single > 0 ? [`of ${counted(single, 'object')} there is one copy alone`] : []),
  ];
  const message = `In the tarball, ${parts.join(', and ')}`;
  return [finding('COPIES_DIFFER', subject, message, { evidence: { objects: examples } })];
}

function quoted(version: string | undefined): string {
  return version === undefined ? 'none' : shown(version);
}
