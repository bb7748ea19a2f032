import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE = join(import.meta.dirname, '../../docs/benchmarks.md');

const HEAD = `# Benchmarks

Written by \`npm run bench\`, each section by a run of its own that is described below it. Run it on
your own machine: the ratios are what compares, the seconds belong to the machine.
`;

/** Writes one section of docs/benchmarks.md; the others stay as their own runs left them. */
export async function writeSection(name: string, text: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8').catch(() => HEAD);
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  const section = `${begin}\n\n${text.trim()}\n\n${end}`;
  const written =
    from < 0
      ? `${page.trimEnd()}\n\n${section}\n`
      : page.slice(0, from) + section + page.slice(to + end.length);
  await writeFile(PAGE, written);
}
