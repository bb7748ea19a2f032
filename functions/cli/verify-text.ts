import type { Finding, Severity } from '../../shared/model/finding.ts';
import { ageHours, type Ladder, type LadderRow } from '../../shared/model/ladder.ts';
import type { Report } from '../../shared/model/report.ts';
import { RUNGS } from '../../shared/model/rung.ts';
import { verdictOf } from '../../shared/report/status.ts';
import { bySeverity, findingText, severityCounts } from './render.ts';
import { provenAge, verdictCounts } from './status-text.ts';
import { type Colors, count, duration, printable, size } from './terminal.ts';
import { type CostEstimate, readingOf } from './verify-cost.ts';
import { columns, hours, instant, reasonLines } from './words.ts';

/** The ladder of each location, what to know, and the verdict as the last line. */
export function verifyText(
  report: Report,
  costs: CostEstimate | undefined,
  now: Date,
  colors: Colors,
): string {
  const { run, scope, findings, ladders = [], unfinished } = report;
  const blocks = [
    ladders.length > 0
      ? ladders.map((each) => ladderText(each, now, colors)).join('\n\n')
      : colors.bold(printable(`${run.dryRun ? 'Plan: ' : ''}verify ${scope['locations'] ?? ''}`)),
    run.dryRun ? planText(report, costs) : narrowedText(report),
    findingTexts([...findings].sort(bySeverity), colors).join('\n'),
    unfinished === undefined ? '' : colors.yellow(`Unfinished: ${printable(unfinished.reason)}`),
    verdictLine(report, now, colors),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** A thousand backups may all lack the same: a terminal needs a few of a kind, JSON has all. */
const SHOWN_MAX: Readonly<Record<Severity, number>> = {
  critical: 10,
  error: 10,
  warning: 3,
  info: 3,
};

/** The first of each kind, and how many more there are of it. */
function findingTexts(findings: readonly Finding[], colors: Colors): readonly string[] {
  const kinds = Map.groupBy(findings, ({ code, severity }) => `${severity} ${code}`);
  return [...kinds].flatMap(([kind, all]) => {
    const most = SHOWN_MAX[all[0]?.severity ?? 'critical'];
    const shown = all.slice(0, most).map((each, at) => findingText(each, colors, all[at - 1]));
    const more = all.length - shown.length;
    return more === 0 ? shown : [...shown, `${kind}: ${more} more (--output json has all)`];
  });
}

/** Applications against rungs: each cell is the age of the newest point that stands so high. */
function ladderText(ladder: Ladder, now: Date, colors: Colors): string {
  const { location, url, rows, unchecked } = ladder;
  const name = location === url ? url : `${location} ${url}`;
  const head = ['APPLICATION', 'POINTS', ...RUNGS.map((rung) => rung.toUpperCase()), 'PROVEN AGE'];
  const lines = rows.map((row) => [
    printable(row.application),
    String(row.points),
    ...RUNGS.map((rung) => age(row.byRung[rung], now)),
    provenAge(ageHours(row.proven, now), row.rpoHours, verdictOf(row, now), colors),
  ]);
  const right = ['POINTS', ...RUNGS.map((rung) => rung.toUpperCase())];
  return [
    colors.bold(printable(name)),
    rows.length === 0 ? 'No application was found' : columns(head, lines, colors, right),
    ...rows.flatMap(({ application, why }) => reasonLines(application, why)),
    ...unchecked.map((each) => printable(`unchecked: ${each}`)),
  ].join('\n');
}

/** Of what was never looked at as a whole nobody can say how old its newest proven point is. */
function narrowedText({ scope, ladders = [], unfinished, errors = [] }: Report): string {
  const { since } = scope;
  if (since === undefined || ladders.length > 0 || unfinished !== undefined || errors.length > 0) {
    return '';
  }
  return `Read backups that began since ${instant(since)} alone; run it without --since for the ladder`;
}

function age(point: Parameters<typeof ageHours>[0], now: Date): string {
  const old = ageHours(point, now);
  return old === undefined ? '-' : hours(old);
}

function planText({ measures }: Report, costs: CostEstimate | undefined): string {
  const reading = readingOf(measures);
  if (reading === undefined) return '';
  const { objectsToRead, bytesToRead, requestsToMake } = reading;
  const lines = [
    `Would read ${count(objectsToRead, 'object')}, ${size(bytesToRead)}, by ${count(requestsToMake, 'request')}`,
  ];
  if (costs !== undefined) {
    const { requestsUsd, egressUsd, pricesAsOf } = costs;
    const requests = `Costs roughly ${usd(requestsUsd)} for requests`;
    const egress = `${usd(egressUsd)} more for egress where it runs outside the region`;
    lines.push(`${requests}, and ${egress} (list prices of ${pricesAsOf})`);
  }
  return lines.join('\n');
}

/** Two digits that count: nobody needs more of what is rough. */
function usd(amount: number): string {
  if (amount < 0.01) return amount === 0 ? '0 USD' : 'less than 0.01 USD';
  return `${amount < 100 ? amount.toFixed(2) : Math.round(amount)} USD`;
}

function verdictLine(report: Report, now: Date, colors: Colors): string {
  const { run, findings, verdicts, ladders = [], unfinished } = report;
  const ran = duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt));
  const rows = ladders.flatMap((ladder) => ladder.rows);
  const done = run.dryRun ? 'Planned, nothing was written' : `Done in ${ran}`;
  const parts = [
    unfinished === undefined ? done : `Unfinished after ${ran}`,
    ...(rows.length > 0 ? [agesText(rows, now)] : []),
    ...[severityCounts(findings).join(', '), unprovenText(verdicts)].filter((part) => part !== ''),
  ];
  const isBad = findings.some(({ severity }) => severity === 'error' || severity === 'critical');
  const paint = isBad || unfinished !== undefined ? colors.yellow : colors.green;
  return paint(parts.join('; '));
}

function agesText(rows: readonly LadderRow[], now: Date): string {
  const applications = new Set(rows.map(({ application }) => application)).size;
  const verdicts = verdictCounts(rows.map((row) => verdictOf(row, now)));
  return `${count(applications, 'application')}: ${verdicts}`;
}

function unprovenText(verdicts: Report['verdicts']): string {
  const told = (['damaged', 'unchecked'] as const).flatMap((kind) => {
    const names = verdicts
      .filter((each) => each.kind === kind)
      .map(({ subject }) => printable(subject.split('/').at(-1) ?? subject));
    if (names.length === 0) return [];
    const more = names.length > NAMED_MAX ? ', ...' : '';
    return [`${names.length} ${kind} (${names.slice(0, NAMED_MAX).join(', ')}${more})`];
  });
  return told.join(', ');
}

/** Of backups and repositories that are not verified, in the last line. */
const NAMED_MAX = 3;
