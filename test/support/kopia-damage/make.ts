/**
 * Writes damaged twins as folders, each a repository that Drydock opens by a `file:` URL.
 *
 *     node test/support/kopia-damage/make.ts --list
 *     node test/support/kopia-damage/make.ts <name> [<name> ...] <folder>
 *     node test/support/kopia-damage/make.ts --all <folder>
 */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { collect } from '../../../shared/stores/checksum.ts';
import type { Damage, Twin } from './damage.ts';
import { DAMAGES } from './damages.ts';

/** Writes every object of a twin below `folder`, with its time. */
export async function writeTwin(twin: Twin, folder: string): Promise<void> {
  for await (const { key, lastModified } of twin.store.list('')) {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await collect((await twin.store.read(key)).body));
    await utimes(path, lastModified, lastModified);
  }
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { all: { type: 'boolean' }, list: { type: 'boolean' } },
  });
  if (values.list) {
    for (const { name, from, title } of DAMAGES) console.log([name, from, title].join('\t'));
    return 0;
  }
  const folder = positionals.pop();
  const chosen = DAMAGES.filter(({ name }) => values.all || positionals.includes(name));
  if (folder === undefined || chosen.length === 0) {
    console.error('cannot tell what to write, give names and a folder, or --all and a folder');
    console.error('  --list names what there is');
    return 2;
  }
  for (const damage of chosen) await writeOne(damage, join(folder, damage.name));
  return 0;
}

async function writeOne({ name, make }: Damage, folder: string): Promise<void> {
  const twin = await make();
  await writeTwin(twin, folder);
  const truth = JSON.stringify(twin.truth, undefined, 2);
  await writeFile(`${folder}.truth.json`, `${truth}\n`);
  const place = join(folder, twin.prefix);
  console.log(`${name}: ${place} (password ${twin.password})`);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
