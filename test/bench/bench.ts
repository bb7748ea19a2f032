/**
 * Measures the first copy of a Kopia repository against rclone and `kopia repository sync-to`,
 * between the same two servers on this machine.
 *
 *     npm run bench                              writes docs/benchmarks.md
 *     npm run bench -- --quick                   small sizes, one run, prints only
 *     npm run bench -- --runs 3 --only large     prints only
 *
 * Needs the tools of test/real/tools, Python 3 and, for a core each, taskset.
 */
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUNDLES, bundle } from '../../infra/build/bundle.ts';
import { startAzurite } from '../support/azurite.ts';
import { CONTAINER, type Contender, contenders } from './contenders.ts';
import { endMeasured, type Measured, measure, pinServers } from './measure.ts';
import { floorsKept, page, type Series, table } from './page.ts';
import { type SourceServer, startSource } from './servers.ts';
import { verify } from './verify.ts';
import {
  type FilledWorkload,
  fill,
  QUICK_WORKLOADS,
  WORKLOADS,
  type Workload,
} from './workloads.ts';

const MEMORY_DISK = '/dev/shm';
const PAGE = join(import.meta.dirname, '../../docs/benchmarks.md');

// A proxy of the surroundings cannot reach servers of this machine.
process.env['NO_PROXY'] = '127.0.0.1';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string' },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const runs = Number(values.runs ?? (values.quick ? 1 : 5));
  const all = values.quick ? QUICK_WORKLOADS : WORKLOADS;
  const writes = !values.quick && values.only === undefined;
  const workloads = all.filter(({ name }) => (values.only ?? name) === name);
  const place = await roomyFolder(workloads);
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
    const source = await startSource(folder);
    closers.push(source.close);
    const series: Series[] = [];
    for (const [at, workload] of workloads.entries()) {
      series.push(...(await compare(workload, source, runs, folder, closers)));
      say(`\n${table(workload, series)}\n`);
      if (!writes) continue;
      const how = { runs, memoryDisk: place === MEMORY_DISK };
      await writeFile(PAGE, page(workloads.slice(0, at + 1), series, how));
    }
    if (writes) say('Written to docs/benchmarks.md');
    const broken = floorsKept(series).filter(({ kept }) => !kept);
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

async function closeAll(closers: Closers): Promise<void> {
  for (const closer of closers.splice(0).reverse()) await closer();
}

/** Memory, where there is room for source and copy: a disk would be what is measured. */
async function roomyFolder(workloads: readonly Workload[]): Promise<string> {
  const bytes = workloads.map(({ objects, objectSizeBytes }) => objects * objectSizeBytes);
  const needed = 4 * bytes.reduce((sum, each) => sum + each, 0);
  const stats = await statfs(MEMORY_DISK).catch(() => undefined);
  return stats !== undefined && stats.bavail * stats.bsize > needed ? MEMORY_DISK : tmpdir();
}

type Closers = (() => Promise<void>)[];

/** All runs of one workload, each round beginning with another contender. */
async function compare(
  workload: Workload,
  source: SourceServer,
  runs: number,
  folder: string,
  closers: Closers,
): Promise<Series[]> {
  say(`${workload.title}: filling the source`);
  const filled = await fill(workload, source, folder);
  const field = contenders();
  const series = field.map((contender) => ({ workload, contender, runs: [] as Measured[] }));
  for (let round = 0; round < runs; round += 1) {
    for (let place = 0; place < field.length; place += 1) {
      const own = series[(round + place) % field.length];
      if (own === undefined) continue;
      const measured = await runOnce(own.contender, filled, source, folder, round === 0, closers);
      own.runs.push(measured);
      const { seconds, cpuSeconds, peakBytes } = measured;
      const mebibytes = Math.round(peakBytes / 1024 / 1024);
      const cpu = cpuSeconds.toFixed(2);
      say(`  ${own.contender.name}: ${seconds.toFixed(2)} s, CPU ${cpu} s, ${mebibytes} MiB`);
    }
  }
  return series;
}

/** One measured copy into a container of a server that was started for it. */
async function runOnce(
  contender: Contender,
  workload: FilledWorkload,
  source: SourceServer,
  folder: string,
  thorough: boolean,
  closers: Closers,
): Promise<Measured> {
  const own = await mkdtemp(join(folder, 'run-'));
  const target = await startAzurite({ onDisk: true });
  closers.push(target.close);
  try {
    const container = target.container(CONTAINER);
    await container.create();
    await mkdir(join(own, 'work'));
    const command = await contender.command({ workload, source, target, folder: own });
    const measured = await measure(command, join(own, 'work'));
    await verify(workload, container, thorough);
    return measured;
  } finally {
    const at = closers.indexOf(target.close);
    if (at >= 0) closers.splice(at, 1);
    await target.close();
    await rm(own, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
