import type { SnapshotVerdict } from '../../../shared/kopia/verification.ts';
import { type Finding, SEVERITIES } from '../../../shared/model/finding.ts';
import type { Report, Verdict } from '../../../shared/model/report.ts';
import { bySeverity, findingText } from '../render.ts';
import { type Colors, count, duration, printable, size } from '../terminal.ts';
import type { Verified } from './verify.ts';

const SNAPSHOTS_MAX = 20;

/** What came of one repository: its findings, the snapshots that lost something, the verdict. */
export function verifiedText({ repository, result }: Verified, colors: Colors): string {
  const { findings, snapshots, measures, verdict, unfinished } = result;
  const harmed = snapshots.filter((each) => each.verdict === 'damaged');
  const blocks = [
    colors.bold(printable(repository)),
    ...[...findings].sort(bySeverity).map((each) => findingText(each, colors)),
    [
      ...harmed.slice(0, SNAPSHOTS_MAX).map((each) => snapshotLine(each, colors)),
      ...(harmed.length > SNAPSHOTS_MAX
        ? [`${harmed.length - SNAPSHOTS_MAX} more snapshots are damaged: --output json has all`]
        : []),
    ].join('\n'),
    [
      ...measureLines(measures, snapshots).map((line) => `  ${line}`),
      ...(unfinished === undefined ? [] : [`  ${colors.yellow(printable(unfinished.reason))}`]),
      verdictText(verdict, colors),
    ].join('\n'),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function snapshotLine(snapshot: SnapshotVerdict, colors: Colors): string {
  const { id, source, startTime, filesLost, paths } = snapshot;
  const shown = paths.slice(0, 3).map(printable).join(', ');
  const more = filesLost > 3 ? ', …' : '';
  const lost =
    filesLost === 0 ? 'cannot be restored' : `${count(filesLost, 'file')} lost: ${shown}${more}`;
  return `${colors.red('damaged')} ${startTime.toISOString()} ${id} ${printable(source)}: ${lost}`;
}

function measureLines(
  measures: Readonly<Record<string, number>>,
  snapshots: readonly SnapshotVerdict[],
): string[] {
  const of = (name: string): number => measures[name] ?? 0;
  if (measures['contents'] === undefined) return [];
  const verified = snapshots.filter(({ verdict }) => verdict === 'verified').length;
  const lines = [
    `${count(of('snapshots'), 'snapshot')}, ${verified} verified; ${of('directories')} folders with ${of('entries')} entries`,
    `${count(of('contents'), 'content')} (${size(of('contentsSizeBytes'))}) in ${count(of('packs'), 'pack')}, ${count(of('indexBlobs'), 'index blob')}`,
  ];
  if (measures['packsRead'] === undefined) return lines;
  const slice = measures['slice'] === undefined ? '' : `, slice ${measures['slice']}`;
  return [
    ...lines,
    `read ${count(of('packsRead'), 'pack')} (${of('packsNew')} new${slice}), ${size(of('sizeBytesRead'))}; ${of('coveragePercent')} % of the packs are proven, the oldest proof is ${of('oldestProofAgeHours')} h old`,
  ];
}

function verdictText(verdict: Verdict, colors: Colors): string {
  if (verdict.kind === 'verified') return colors.green('verified');
  if (verdict.kind === 'damaged') return colors.red('damaged');
  return `${colors.yellow('unchecked')}: ${printable(verdict.reason)}`;
}

/** The last line: what a tired reader looks at. */
export function closingLine(report: Report, failed: number, colors: Colors): string {
  const { verdicts, findings, run, unfinished } = report;
  const ran = duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt));
  const kinds = (['verified', 'damaged', 'unchecked'] as const).flatMap((kind) => {
    const number = verdicts.filter((each) => each.kind === kind).length;
    return number === 0 ? [] : [`${number} ${kind}`];
  });
  const parts = [
    ...kinds,
    ...(failed > 0 ? [`${failed} not reached`] : []),
    ...severities(findings),
  ];
  const head = unfinished === undefined ? `Done in ${ran}` : `Unfinished after ${ran}`;
  const all = verdicts.length + failed;
  const line = `${head}: ${count(all, 'repository').replace(/ys$/, 'ies')}: ${parts.join(', ')}`;
  const good = failed === 0 && verdicts.every(({ kind }) => kind === 'verified');
  return good ? colors.green(line) : colors.yellow(line);
}

function severities(findings: readonly Finding[]): string[] {
  return [...SEVERITIES].reverse().flatMap((severity) => {
    const number = findings.filter((each) => each.severity === severity).length;
    if (number === 0) return [];
    const noun = severity === 'warning' || severity === 'error';
    return [noun ? count(number, severity) : `${number} ${severity}`];
  });
}
