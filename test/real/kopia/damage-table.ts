/** The table of docs/kopia.md that says which damage is found by whom. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolVersion } from '../tools/tools.ts';
import { CHECKS, type Judgement, type Saying, type Told } from './judgement.ts';

const PAGE = join(import.meta.dirname, '../../../docs/kopia.md');
const BEGIN = '<!-- agreement:begin -->';
const END = '<!-- agreement:end -->';
const HEADING = '## Which damage is found by whom';

/** What the page has between the markers; `undefined` where there are none. */
export async function committedTable(): Promise<string | undefined> {
  const page = await readFile(PAGE, 'utf8').catch(() => '');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  return begin < 0 || end < begin ? undefined : page.slice(begin + BEGIN.length, end).trim();
}

/** Puts the table between the markers, and the markers at the end of a page without them. */
export async function writeTable(table: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8').catch(() => '# Kopia repositories\n');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  const marked = `${BEGIN}\n\n${table}\n\n${END}`;
  const written =
    begin < 0
      ? `${page.trimEnd()}\n\n${HEADING}\n\n${marked}\n`
      : page.slice(0, begin) + marked + page.slice(end + END.length);
  await writeFile(PAGE, written);
}

const WORDS: Readonly<Record<Saying, string>> = {
  complains: 'yes',
  silent: '-',
  'no end': 'no end',
  'not tried': '',
};

export function damageTable(judgements: readonly Judgement[]): string {
  const rows = judgements.map((judgement) => {
    const { name, title, kopia, ours } = judgement;
    const cells = [
      `\`${name}\``,
      title,
      mark(judgement, ours.structure, false),
      mark(judgement, ours.content, true),
      ...CHECKS.map((check) => WORDS[kopia[check]]),
      findingsOf(judgement),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `Written by \`node test/real/kopia-damage.ts --write\` from runs against Kopia ${toolVersion('kopia')}, each command with an`,
    'empty cache; `npm run test:real` holds that it is still so. *yes*: it complains; *-*: it ends well;',
    '*no end*: it was stopped, or crashed of its recursion; empty: not tried, as the repository does not',
    'open or a restore would leave its folder.',
    '*harmless*: nothing that a restore needs is lost.',
    '',
    '| Damage | What was done | `structure` | `content` | `kopia` opens, lists | `content verify` | `content verify --full` | `snapshot verify`, all files | `restore` | Our finding |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function mark({ truth }: Judgement, { isVerified, codes }: Told, isContent: boolean): string {
  const expected = [...truth.findings.structure, ...(isContent ? truth.findings.content : [])];
  if (!isVerified || expected.some((code) => codes.has(code))) return 'yes';
  return isHarmless(truth) ? 'harmless' : '-';
}

export function isHarmless({ opens, findings, contents, vanished }: Judgement['truth']): boolean {
  const lost = contents.length + vanished.length;
  return opens && lost + findings.structure.length + findings.content.length === 0;
}

function findingsOf({ truth, ours }: Judgement): string {
  const expected = [...truth.findings.structure, ...truth.findings.content];
  const codes = expected.length > 0 ? expected : [truth.refusal ?? ''];
  const told = codes.filter((code) => ours.content.codes.has(code));
  return told.map((code) => `\`${code}\``).join(', ');
}
