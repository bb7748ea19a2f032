import { stripVTControlCharacters } from 'node:util';
import { statusText } from '../../functions/cli/status-text.ts';
import { verifyText } from '../../functions/cli/verify-text.ts';
import type { Finding } from '../../shared/model/finding.ts';
import type { LadderRow } from '../../shared/model/ladder.ts';
import type { Report } from '../../shared/model/report.ts';
import type { Status, StatusRow } from '../../shared/report/status.ts';
import type { Stage } from './stage.ts';
import { colors, command, line, note, promise } from './story.ts';

/** A run of `drydock verify`: its report, and how long the command took. */
export interface VerifyRun {
  readonly report: Report;
  readonly seconds: number;
}

/**
 * Verifies a location. The report serves the promises, and the text is what the same command prints
 * of the same report, without the kinds of findings that are `told` already.
 */
export async function tellVerify(
  stage: Stage,
  location: string,
  code: number,
  told: ReadonlySet<string> = new Set(),
): Promise<VerifyRun> {
  command(['verify', location]);
  const run = await runVerify(stage, location, code);
  const { report } = run;
  const text = verifyText(report, undefined, new Date(report.run.startedAt), colors);
  const shown = new Set<string>();
  line(firstOfEachKind(text, told, shown));
  const hidden = hiddenKinds(report, shown);
  if (hidden !== '') note(`left out, being of kinds that are shown above: ${hidden}`);
  return run;
}

function hiddenKinds({ findings }: Report, shown: ReadonlySet<string>): string {
  const all = Map.groupBy(findings, ({ code }) => code);
  const rest = [...all].map(
    ([code, own]) => [code, own.length - (shown.has(code) ? 1 : 0)] as const,
  );
  const hidden = rest.filter(([, findings]) => findings > 0);
  return hidden.map(([code, findings]) => `${findings} ${code}`).join(', ');
}

export async function runVerify(stage: Stage, location: string, code: number): Promise<VerifyRun> {
  const run = await stage.run(['verify', location, '--output', 'json'], { output: 'take' });
  promise(run.code === code, `verify of ${location} ended with exit code ${run.code}`);
  return { report: JSON.parse(run.stdout) as Report, seconds: run.seconds };
}

/** What `drydock status` says, in both forms. */
export async function tellStatus(stage: Stage, code: number): Promise<readonly StatusRow[]> {
  command(['status']);
  const run = await stage.run(['status', '--output', 'json'], { output: 'take' });
  promise(run.code === code, `status ended with exit code ${run.code}`);
  const status = JSON.parse(run.stdout) as Status;
  line(statusText(status, colors).trimEnd());
  return status.rows;
}

/** Findings are blocks: a line with severity and code, and lines that are indented below it. */
function firstOfEachKind(text: string, told: ReadonlySet<string>, shown: Set<string>): string {
  let isHidden = false;
  const lines = text
    .trimEnd()
    .split('\n')
    .filter((each) => {
      const plain = stripVTControlCharacters(each);
      const [, code] = /^(?:critical|error|warning|info) ([A-Z_0-9]+)\b/.exec(plain) ?? [];
      if (code !== undefined) {
        isHidden = told.has(code) || shown.has(code);
        if (!isHidden) shown.add(code);
      } else if (!plain.startsWith('  ')) isHidden = false;
      return !isHidden;
    });
  return lines.join('\n');
}

export function rowOf({ ladders = [] }: Report, application: string): LadderRow {
  const row = ladders.flatMap(({ rows }) => rows).find((each) => each.application === application);
  promise(row !== undefined, `verify knows no application "${application}"`);
  return row;
}

export function found({ findings }: Report, code: string): readonly Finding[] {
  return findings.filter((each) => each.code === code);
}
