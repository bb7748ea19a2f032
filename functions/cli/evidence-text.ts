import type { Report } from '../../shared/model/report.ts';
import type { CheckedChain } from './evidence-verify.ts';
import { bySeverity, findingText } from './render.ts';
import { type Colors, count, duration, printable } from './terminal.ts';

/** A line or two per chain, what is wrong, and the verdict as the last line. */
export function evidenceText(
  report: Report,
  checked: readonly CheckedChain[],
  colors: Colors,
): string {
  const damaged = new Set(
    report.verdicts.flatMap(({ kind, subject }) => (kind === 'damaged' ? [subject] : [])),
  );
  const chains = checked.map((each, at) => {
    const isDamaged = damaged.has(report.verdicts[at]?.subject ?? '');
    return chainText(each, isDamaged ? colors.red('damaged') : colors.green('verified'));
  });
  const findings = [...report.findings].sort(bySeverity).map((each) => findingText(each, colors));
  return `${[...chains, ...findings, closingLine(report, damaged.size, colors)].join('\n')}\n`;
}

function chainText({ found, result }: CheckedChain, verdict: string): string {
  if (result === undefined) return `${verdict} ${printable(found.folder)}`;
  const { chain, records, removed, last, signatures } = result;
  const facts = [
    count(records, 'record'),
    ...(removed > 0 ? [`${removed} removed by retention`] : []),
    ...(signatures.good > 0 ? [count(signatures.good, 'good signature')] : []),
    ...(signatures.unchecked > 0 ? [`${count(signatures.unchecked, 'signature')} unchecked`] : []),
  ];
  const lines = [`${verdict} ${printable(`${chain.job} ${chain.location}`)}: ${facts.join(', ')}`];
  if (last !== undefined) {
    lines.push(`  last record ${last.sequence} of ${printable(last.at)}, sha256 ${last.hash}`);
  }
  return lines.join('\n');
}

function closingLine({ run, verdicts, unfinished }: Report, damaged: number, colors: Colors) {
  const ran = duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt));
  const head = unfinished === undefined ? `Done in ${ran}` : `Unfinished after ${ran}`;
  const whole = verdicts.length - damaged;
  const line = `${head}: ${count(verdicts.length, 'chain')}: ${whole} verified, ${damaged} damaged`;
  const isGood = damaged === 0 && verdicts.length > 0 && unfinished === undefined;
  return isGood ? colors.green(line) : colors.yellow(line);
}
