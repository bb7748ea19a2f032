import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';
import { toolVersion } from '../real/tools/tools.ts';
import { CONCURRENCY, type Contender } from './contenders.ts';
import { isPinned, type Measured } from './measure.ts';
import type { Workload } from './workloads.ts';

/** The runs of one contender on one workload. */
export interface Series {
  readonly workload: Workload;
  readonly contender: Contender;
  readonly runs: readonly Measured[];
}

const MIB = 1024 * 1024;
const RESIDENT_BYTES_MAX = 256 * MIB;

const OURS = 'drydock replicate';
const PEER = 'rclone copy, tuned';

/** A promise of this project about its own figures. */
export interface Floor {
  readonly floor: string;
  readonly kept: boolean;
  readonly measured: string;
}

export function floorsKept(series: readonly Series[]): readonly Floor[] {
  const floors: Floor[] = [];
  const large = ratio(series, 'large');
  if (large !== undefined) {
    const floor = 'not slower than tuned rclone on the large packs';
    floors.push({ floor, kept: large <= 1, measured: `${large.toFixed(2)} times its time` });
  }
  const peaks = series
    .filter(({ contender }) => contender.name === OURS)
    .flatMap(({ runs }) => runs.map(({ peakBytes }) => peakBytes));
  const peak = Math.max(...peaks);
  const measured = `at most ${Math.round(peak / MIB)} MiB`;
  floors.push({ floor: '256 MiB resident', kept: peak <= RESIDENT_BYTES_MAX, measured });
  return floors;
}

function ratio(series: readonly Series[], workload: string): number | undefined {
  const seconds = (name: string): number | undefined => {
    const own = series.find(
      (each) => each.workload.name === workload && each.contender.name === name,
    );
    return own && median(own.runs.map((run) => run.seconds));
  };
  const [ours, peer] = [seconds(OURS), seconds(PEER)];
  return ours === undefined || peer === undefined ? undefined : ours / peer;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** One workload as a Markdown table: medians, and the range of the wall times. */
export function table(workload: Workload, all: readonly Series[]): string {
  const series = all.filter((each) => each.workload === workload);
  const peer = series.find(({ contender }) => contender.name === PEER);
  const peerSeconds = median(peer?.runs.map(({ seconds }) => seconds) ?? []);
  const rows = series.map(({ contender, runs }) => {
    const seconds = runs.map((run) => run.seconds);
    const middle = median(seconds);
    const range = `${Math.min(...seconds).toFixed(1)}-${Math.max(...seconds).toFixed(1)}`;
    const cells = [
      `${contender.name} ${contender.version}`,
      middle.toFixed(2),
      range,
      (middle / peerSeconds).toFixed(2),
      median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      String(Math.round(median(runs.map(({ peakBytes }) => peakBytes)) / MIB)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `| ${workload.title} | wall s | range s | ratio | client CPU s | peak MiB |`,
    '|---|---:|---:|---:|---:|---:|',
    ...rows,
  ].join('\n');
}

/** The section of docs/benchmarks.md about copying. */
export function page(
  workloads: readonly Workload[],
  series: readonly Series[],
  how: { readonly runs: number; readonly memoryDisk: boolean },
): string {
  const flags = new Map(series.map(({ contender }) => [contender.name, contender.flags]));
  const floors = floorsKept(series).map(
    ({ floor, kept, measured }) => `- ${floor}: ${kept ? 'kept' : '**not kept**'}, ${measured}`,
  );
  return `## Copying

Measured by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. The task is the first copy of a whole Kopia repository from S3 to an empty Azure Blob container.

${workloads.map((workload) => table(workload, series)).join('\n\n')}

Medians of ${how.runs} runs; *ratio* is the wall time as a multiple of tuned rclone's; *client CPU* is user
and system time, *peak* the largest resident set of the copying process.

### What we hold ourselves to

${floors.join('\n')}

### Conditions

${conditions(how).join('\n')}

### Commands

${[...flags].map(([name, command]) => `- ${name}: \`${command}\``).join('\n')}

### What to keep in mind

- The servers are the limit here, not a network: Azurite is one process of JavaScript. Client CPU
  and memory say more about the tools than the seconds do.
- The tools do not do the same. Drydock freezes the index, copies packs before indexes and the
  format blob last, takes a lease, and checks every object against the source's checksum. Kopia
  sees a repository's blobs alone. rclone copies in any order.
- The row "rclone copy" has rclone's own settings but for the number of transfers: without
  \`--use-server-modtime\` it asks for the metadata of every source object.
`;
}

function conditions(how: { readonly runs: number; readonly memoryDisk: boolean }): string[] {
  const azurite = createRequire(import.meta.url)('azurite/package.json') as { version: string };
  const all = cpus();
  const gibibytes = Math.round(totalmem() / 1024 / MIB);
  const pins = isPinned()
    ? 'servers pinned to one core, the client to another (`taskset`)'
    : 'servers and client share all cores';
  return [
    `- Machine: ${all.length} cores (${all[0]?.model ?? 'unknown'}), ${gibibytes} GiB; ${pins}.`,
    `- Source: versitygw ${toolVersion('versitygw')} (posix, keep-alive). Target: Azurite ${azurite.version}, started anew for each run.`,
    `- Load average of the last fifteen minutes at the end: ${loadavg()[2]?.toFixed(1)}.`,
    `- Their data lies ${how.memoryDisk ? 'in memory (`/dev/shm`)' : 'on disk'}.`,
    '- The repository is made by Kopia itself; the packs added to it are random bytes.',
    `- ${CONCURRENCY} objects under way at once for everybody; the order of the tools changes each round.`,
    '- Whole processes are timed, their start included; Drydock is bundled, as npm installs it.',
    '- After each run the copy is listed and compared by names and sizes; after the first run of',
    '  each tool every pack is read back and compared by MD5.',
    '- `kopia repository sync-to` reaches Azurite over plain HTTP by `doNotUseTLS`, with Azurite named as',
    "  its HTTP proxy because Kopia puts the account into the host's name.",
  ];
}
