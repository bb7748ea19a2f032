/**
 * Measures us beside the released tools, with the same servers on this machine: the first copy of a
 * Kopia repository against rclone and `kopia repository sync-to`, and its verification against Kopia's
 * own.
 *
 *     npm run bench                              everything, writes docs/benchmarks.md; over an hour
 *     npm run bench -- --quick                   small sizes, one run, prints only
 *     npm run bench -- --only <workload> ...     prints only; with --write, writes a verification's section
 *       --runs <n>                               of each tool; default 5, verifications 3
 *       --made <folder>                          where generated repositories are kept and looked for
 *
 * Workloads: large, small (copying); structure, ten-million, content (verification of repositories);
 * backups (verification of a location with very many). Needs the tools of test/real/tools, Python 3 and, for a core each, taskset.
 */
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUNDLES, bundle } from '../../infra/build/bundle.ts';
import {
  type BackupsWorkload,
  backupsKept,
  backupsSection,
  backupsTable,
  backupsWorkloads,
  verifyBackups,
} from './backups.ts';
import { compareCopies } from './copying.ts';
import { endMeasured, pinServers } from './measure.ts';
import { floorsKept, page, type Series, table } from './page.ts';
import { type Closers, say } from './run.ts';
import { writeSection } from './sections.ts';
import { startSource } from './servers.ts';
import { type VerificationWorkload, verificationWorkloads } from './verification.ts';
import { verificationFloors, verificationSection, verificationTable } from './verification-page.ts';
import { compareVerifiers } from './verifying.ts';
import { QUICK_WORKLOADS, WORKLOADS, type Workload } from './workloads.ts';

const MEMORY_DISK = '/dev/shm';

// A proxy of the surroundings cannot reach servers of this machine.
process.env['NO_PROXY'] = '127.0.0.1';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', multiple: true },
    write: { type: 'boolean', default: false },
    made: { type: 'string' },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = <W extends { readonly name: string }>(all: readonly W[]): readonly W[] =>
    all.filter(({ name }) => values.only?.includes(name) ?? true);
  const copies = chosen(values.quick ? QUICK_WORKLOADS : WORKLOADS);
  const verifications = chosen(verificationWorkloads(values.quick));
  const locations = chosen(backupsWorkloads(values.quick));
  const place = await roomyFolder(copies, verifications);
  const folder = await mkdtemp(join(place, 'drydock-bench-'));
  // What the servers and the clients create goes there too.
  process.env['TMPDIR'] = folder;
  const closers: Closers = [() => rm(folder, { recursive: true, force: true })];
  let closing: Promise<void> | undefined;
  let interrupted = false;
  const close = (): Promise<void> => {
    endMeasured();
    closing ??= closeAll(closers);
    return closing;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interrupted = true;
      void close();
    });
  }
  try {
    for (const one of BUNDLES.filter(({ name }) => name === 'cli')) await bundle(one);
    await pinServers();
    const bench = { place, folder, closers };
    const broken = [
      ...(await benchCopies(copies, bench)),
      ...(await benchVerifications(verifications, bench)),
      ...(await benchBackups(locations, bench)),
    ];
    for (const { floor, measured } of broken) say(`Not kept: ${floor} (${measured})`);
    return values.quick || broken.length === 0 ? 0 : 1;
  } catch (error) {
    // What is under way fails when it is ended.
    if (interrupted) return 130;
    throw error;
  } finally {
    await close();
  }
}

interface Bench {
  readonly place: string;
  readonly folder: string;
  readonly closers: Closers;
}

interface Broken {
  readonly floor: string;
  readonly measured: string;
}

async function benchCopies(
  workloads: readonly Workload[],
  { place, folder, closers }: Bench,
): Promise<readonly Broken[]> {
  if (workloads.length === 0) return [];
  const runs = Number(values.runs ?? (values.quick ? 1 : 5));
  // A part of them would leave the section without the rest.
  const writes = !values.quick && values.only === undefined;
  const own = join(folder, 'copying');
  await mkdir(own);
  const source = await startSource(own);
  closers.push(source.close);
  const series: Series[] = [];
  for (const [at, workload] of workloads.entries()) {
    series.push(...(await compareCopies(workload, source, runs, folder, closers)));
    say(`\n${table(workload, series)}\n`);
    if (!writes) continue;
    const how = { runs, memoryDisk: place === MEMORY_DISK };
    await writeSection('copying', page(workloads.slice(0, at + 1), series, how));
  }
  for (const { name } of workloads) await source.drop(name);
  return floorsKept(series).filter(({ kept }) => !kept);
}

async function benchVerifications(
  workloads: readonly VerificationWorkload[],
  { place, folder, closers }: Bench,
): Promise<readonly Broken[]> {
  if (workloads.length === 0) return [];
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  const writes = !values.quick && (values.write || values.only === undefined);
  const [own, made] = [join(folder, 'verifying'), values.made ?? join(tmpdir(), 'made')];
  for (const path of [own, made]) await mkdir(path, { recursive: true });
  const server = await startSource(own);
  closers.push(server.close);
  const broken: Broken[] = [];
  for (const workload of workloads) {
    const folders = { runs: own, made };
    const { series, loadBefore } = await compareVerifiers(workload, server, runs, folders);
    say(`\n${verificationTable(workload, series)}\n`);
    const floors = verificationFloors(workload, series);
    for (const { floor, measured } of floors) say(`${floor}: ${measured}`);
    broken.push(...floors.filter(({ kept, isTarget }) => !kept && !isTarget));
    if (!writes) continue;
    const how = { memoryDisk: place === MEMORY_DISK, loadBefore };
    const text = verificationSection(workload, series, how);
    await writeSection(`verification-${workload.name}`, text);
  }
  return broken;
}

async function benchBackups(
  workloads: readonly BackupsWorkload[],
  { folder, closers }: Bench,
): Promise<readonly Broken[]> {
  const broken: Broken[] = [];
  for (const workload of workloads) {
    const own = join(folder, 'backups');
    await mkdir(own);
    const server = await startSource(own);
    closers.push(server.close);
    const verified = await verifyBackups(workload, server, own);
    say(`\n${backupsTable(verified)}\n`);
    if (!backupsKept(verified)) broken.push({ floor: 'below 512 MiB', measured: 'see the table' });
    const writes = !values.quick && (values.write || values.only === undefined);
    if (writes) await writeSection('verification-backups', backupsSection(verified));
  }
  return broken;
}

async function closeAll(closers: Closers): Promise<void> {
  for (const closer of closers.splice(0).reverse()) await closer();
}

/** Memory, where there is room for source and copy: a disk would be what is measured. */
async function roomyFolder(
  copies: readonly Workload[],
  verifications: readonly VerificationWorkload[],
): Promise<string> {
  const copied = copies.map(({ objects, objectSizeBytes }) => objects * objectSizeBytes);
  const stored = verifications.map(({ sizeBytes }) => sizeBytes);
  // A verified repository lies there alone, beside what Kopia caches of it, and is removed after it.
  const needed = Math.max(
    4 * copied.reduce((sum, each) => sum + each, 0),
    2.5 * Math.max(0, ...stored),
  );
  const stats = await statfs(MEMORY_DISK).catch(() => undefined);
  return stats !== undefined && stats.bavail * stats.bsize > needed ? MEMORY_DISK : tmpdir();
}
