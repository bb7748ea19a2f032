import Table from 'cli-table3';
import { colorsOf, NO_BORDERS, size } from '../../functions/cli/terminal.ts';

export const colors = colorsOf(process.stdout, process.env);

/** One line of the closing table. */
export interface StepResult {
  readonly step: string;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly seconds: number;
  readonly outcome: string;
}

/** What Drydock did is not what this demo promised. */
export class NotAsPromised extends Error {}

/** Ends the demo unless `kept` holds. */
export function promise(kept: boolean, what: string): asserts kept {
  if (!kept) throw new NotAsPromised(`not as promised: ${what}`);
}

export function line(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function opening(about: string): void {
  line(colors.bold('Drydock demo'));
  line(about);
}

let headings = 0;

/** The heading of a step: what it shows, and in one line why that matters. */
export function heading(title: string, why: string): void {
  headings += 1;
  line();
  line(colors.bold(colors.cyan(`${headings}  ${title}`)));
  line(colors.dim(`   ${why}`));
}

/** A command as it would be typed, broken where it is long. */
export function command(args: readonly string[]): void {
  const [verb = '', ...rest] = args;
  const words = rest.map((word) => (/[?&=]/.test(word) ? `'${word}'` : word));
  const lines = [`drydock ${verb}`];
  for (const word of words) {
    const last = lines.at(-1) ?? '';
    const long = word.startsWith("'") || last.length + word.length > 90;
    if (long && !last.endsWith(' --state')) lines.push(`    ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  line(`${colors.dim('$')} ${lines.join(' \\\n  ')}`);
  line();
}

export function note(text: string): void {
  line(`   ${text}`);
}

export function good(text: string): void {
  line(`${colors.green('✓')}  ${text}`);
}

export function bad(text: string): void {
  line(`${colors.red('✗')}  ${text}`);
}

/** The closing table. */
export function summary(results: readonly StepResult[]): void {
  const table = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'left'],
  });
  const heads = ['STEP', 'OBJECTS', 'SIZE', 'SECONDS', 'OUTCOME'];
  table.push(heads.map((head) => colors.dim(head)));
  for (const { step, objects, sizeBytes, seconds, outcome } of results) {
    table.push([step, String(objects), size(sizeBytes), seconds.toFixed(1), outcome]);
  }
  line();
  line(colors.bold('Summary'));
  for (const row of table.toString().split('\n')) line(row.trimEnd());
}
