import Table from 'cli-table3';
import { type Finding, SEVERITIES, type Severity } from '../../shared/model/finding.ts';
import type { Action, Report } from '../../shared/model/report.ts';
import { type Colors, count, duration, NO_BORDERS, printable, size } from './terminal.ts';

/** A report for people: what was done, what to know, and the verdict as the last line. */
export function renderReport(report: Report, colors: Colors): string {
  const { scope, run } = report;
  const route = `${scope['source'] ?? ''} -> ${scope['target'] ?? ''}`;
  const heading = `${run.dryRun ? 'Plan' : 'Run'}: ${run.job} ${route}`;
  const blocks = [
    colors.bold(printable(heading)),
    report.actions.length === 0 ? '' : actionsTable(report.actions, colors),
    [...report.findings]
      .sort(bySeverity)
      .map((each) => findingText(each, colors))
      .join('\n'),
    report.unfinished === undefined
      ? ''
      : colors.yellow(`Unfinished: ${printable(report.unfinished.reason)}`),
    verdictLine(report, colors),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function actionsTable(actions: readonly Action[], colors: Colors): string {
  const table = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colAligns: ['left', 'left', 'left', 'right', 'right'],
  });
  table.push(['ACTION', 'PART', 'WHAT', 'OBJECTS', 'SIZE'].map((head) => colors.dim(head)));
  for (const { kind, subject, what, objects, sizeBytes } of actions.slice(0, ROWS_MAX)) {
    table.push([kind, printable(subject), printable(what), String(objects), size(sizeBytes)]);
  }
  const rest = actions.slice(ROWS_MAX);
  if (rest.length > 0) {
    const { objects, bytes } = totals(rest);
    table.push(['...', `${rest.length} more rows`, '', String(objects), size(bytes)]);
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A root with hundreds of backups would push the findings off the screen: JSON has all rows. */
const ROWS_MAX = 40;

function totals(actions: readonly Action[]): { readonly objects: number; readonly bytes: number } {
  const objects = actions.reduce((sum, action) => sum + action.objects, 0);
  const bytes = actions.reduce((sum, action) => sum + action.sizeBytes, 0);
  return { objects, bytes };
}

/** The worst first. */
export function bySeverity(left: Finding, right: Finding): number {
  return SEVERITIES.indexOf(right.severity) - SEVERITIES.indexOf(left.severity);
}

/**
 * A finding with its remedy and an idea of its evidence: what the lines above have said already is
 * in JSON alone.
 * @param previous the finding right above it, whose remedy is not said again
 */
export function findingText(finding: Finding, colors: Colors, previous?: Finding): string {
  const paint: Record<Severity, (text: string) => string> = {
    info: colors.dim,
    warning: colors.yellow,
    error: colors.red,
    critical: (text) => colors.bold(colors.red(text)),
  };
  const lines = [
    `${paint[finding.severity](`${finding.severity} ${finding.code}`)} ${printable(finding.subject)}`,
    `  ${printable(finding.message)}`,
    ...(finding.hint === previous?.hint
      ? []
      : [`  ${colors.cyan('hint')}: ${printable(finding.hint)}`]),
  ];
  const said = `${finding.subject} ${finding.message}`;
  for (const [name, value] of Object.entries(finding.evidence ?? {})) {
    const values = typeof value === 'object' ? value : [String(value)];
    if (values.every((each) => says(said, each))) continue;
    const shown = values.slice(0, EVIDENCE_MAX).map(printable).join(', ');
    const more = values.length - EVIDENCE_MAX;
    lines.push(`  ${printable(name)}: ${shown}${more > 0 ? ` and ${more} more` : ''}`);
  }
  return lines.join('\n');
}

const OF_A_WORD = /[\p{L}\p{N}_.-]/u;

/** Whether a text holds a value, and not as a part of a longer word or number. */
function says(text: string, value: string): boolean {
  if (value === '') return false;
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    const around = [text[at - 1], text[at + value.length]];
    if (!around.some((char) => char !== undefined && OF_A_WORD.test(char))) return true;
  }
  return false;
}

/** A terminal needs an idea, not the list: JSON output has all of it. */
const EVIDENCE_MAX = 5;

/** `1 critical`, `2 warnings`: the worst first. */
export function severityCounts(findings: readonly Finding[]): string[] {
  return [...SEVERITIES].reverse().flatMap((severity) => {
    const found = findings.filter((each) => each.severity === severity).length;
    if (found === 0) return [];
    const isNoun = severity === 'warning' || severity === 'error';
    return [isNoun ? count(found, severity) : `${found} ${severity}`];
  });
}

function verdictLine(report: Report, colors: Colors): string {
  const { actions, run, findings } = report;
  const { objects, bytes } = totals(actions);
  const amount = `${count(objects, 'object')}, ${size(bytes)}`;
  const ran = duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt));
  const done = run.dryRun ? `Planned: ${amount}; nothing was written` : `Done in ${ran}: ${amount}`;
  const idle = run.dryRun ? 'Nothing to do' : `Nothing to do (${ran})`;
  let line = objects === 0 ? idle : done;
  if (report.unfinished !== undefined) line = `Unfinished after ${ran}: ${amount}`;
  const unproven = report.verdicts.filter(({ kind }) => kind !== 'verified').length;
  const seen = severityCounts(findings);
  if (unproven > 0) seen.push(`${unproven} not proven`);
  const worst = findings.some(({ severity }) => severity === 'error' || severity === 'critical');
  const paint = worst || report.unfinished !== undefined ? colors.yellow : colors.green;
  return paint(seen.length === 0 ? line : `${line}; ${seen.join(', ')}`);
}
