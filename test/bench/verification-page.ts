import { cpus, loadavg, totalmem } from 'node:os';
import { toolVersion } from '../real/tools/tools.ts';
import { isPinned } from './measure.ts';
import { type Floor, median } from './page.ts';
import type { VerificationSeries, VerificationWorkload } from './verification.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const RESIDENT_BYTES_MAX = 512 * MIB;

/** The figures of one workload: medians, and the range of the wall times. */
export function verificationTable(
  workload: VerificationWorkload,
  all: readonly VerificationSeries[],
): string {
  const rate = workload.hashedBytes !== undefined;
  const rows = all.map(({ verifier, runs }) => {
    const seconds = runs.map((run) => run.seconds);
    const cpuSeconds = runs.map((run) => run.cpuSeconds);
    const cpu = median(cpuSeconds);
    const cells = [
      `${verifier.name} ${verifier.version}`,
      median(seconds).toFixed(2),
      rangeOf(seconds),
      cpu.toFixed(2),
      rangeOf(cpuSeconds),
      ...(rate ? [perCore(workload, cpu).toFixed(0)] : []),
      String(Math.round(Math.max(...runs.map(({ peakBytes }) => peakBytes)) / MIB)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = [
    'wall s',
    'range',
    'CPU s',
    'range',
    ...(rate ? ['MiB per CPU s'] : []),
    'peak MiB',
  ];
  return [
    `| ${workload.title} | ${head.join(' | ')} |`,
    `|---|${head.map(() => '---:|').join('')}`,
    ...rows,
  ].join('\n');
}

function rangeOf(values: readonly number[]): string {
  if (values.length === 1) return 'one run';
  return `${Math.min(...values).toFixed(1)}-${Math.max(...values).toFixed(1)}`;
}

const perCore = ({ hashedBytes = 0 }: VerificationWorkload, cpuSeconds: number): number =>
  hashedBytes / MIB / cpuSeconds;

/** What we hold ourselves to; `targets` are hoped for, and told all the same. */
export function verificationFloors(
  workload: VerificationWorkload,
  all: readonly VerificationSeries[],
): readonly (Floor & { readonly isTarget: boolean })[] {
  const [ours, ...others] = all;
  if (ours === undefined) return [];
  const peak = Math.max(...ours.runs.map(({ peakBytes }) => peakBytes));
  const floors = [
    {
      floor: `${RESIDENT_BYTES_MAX / MIB} MiB resident`,
      kept: peak <= RESIDENT_BYTES_MAX,
      measured: `at most ${Math.round(peak / MIB)} MiB`,
      isTarget: false,
    },
  ];
  if (others.length === 0) return floors;
  const of = (key: 'seconds' | 'cpuSeconds', { runs }: VerificationSeries): number =>
    median(runs.map((run) => run[key]));
  const sum = (key: 'seconds' | 'cpuSeconds'): number =>
    others.reduce((total, each) => total + of(key, each), 0);
  if (workload.hashedBytes === undefined) {
    const ratio = of('seconds', ours) / sum('seconds');
    const floor = 'not slower than the commands of Kopia that see the same, together';
    const measured = `${ratio.toFixed(2)} times their time`;
    return [...floors, { floor, kept: ratio <= 1, measured, isTarget: false }];
  }
  const ratio = sum('cpuSeconds') / of('cpuSeconds', ours);
  const measured = `${ratio.toFixed(2)} times its rate`;
  return [
    ...floors,
    { floor: 'half of Kopia’s rate per core', kept: ratio >= 0.5, measured, isTarget: false },
    { floor: 'Kopia’s rate per core', kept: ratio >= 1, measured, isTarget: true },
  ];
}

/** The workload's section of docs/benchmarks.md. */
export function verificationSection(
  workload: VerificationWorkload,
  all: readonly VerificationSeries[],
  how: { readonly memoryDisk: boolean; readonly loadBefore: number },
): string {
  const runs = Math.min(...all.map((each) => each.runs.length));
  const machine = cpus();
  const floors = verificationFloors(workload, all).map(({ floor, kept, measured, isTarget }) => {
    const word = kept ? 'kept' : isTarget ? '**missed**' : '**not kept**';
    return `- ${isTarget ? 'Target' : 'Floor'}: ${floor}: ${word}, ${measured}`;
  });
  const pins = isPinned()
    ? 'the server on one core, the client on another (`taskset`)'
    : 'server and client share all cores';
  const now = new Date().toISOString();
  return `## Verification: ${workload.title}

${workload.describes} From S3, whole processes, nothing cached: Kopia is
connected before, which is not counted, and its cache emptied; Drydock's run has everything in it.

${verificationTable(workload, all)}

${floors.join('\n')}

Measured by \`npm run bench -- --only ${workload.name} --write\` on ${now.slice(0, 16)}Z, ${runs} ${runs === 1 ? 'run' : 'runs'} each${all.length > 1 ? ', another one first in each round' : ''}; ${machine.length} cores (${machine[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / GIB)} GiB;
${pins}; versitygw ${toolVersion('versitygw')}, its data ${how.memoryDisk ? 'in memory' : 'on disk'}; load average
${how.loadBefore.toFixed(1)} before the first run and ${loadavg()[0]?.toFixed(1)} at the end, its own included.

${all.map(({ verifier }) => `- \`${verifier.flags}\``).join('\n')}
`;
}
