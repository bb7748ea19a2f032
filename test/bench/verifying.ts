import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { type Measured, measure } from './measure.ts';
import { say, sayMeasured } from './run.ts';
import type { SourceServer } from './servers.ts';
import type { VerificationSeries, VerificationWorkload } from './verification.ts';

export interface Verified {
  readonly series: readonly VerificationSeries[];
  /** Of the last minute before the first run. */
  readonly loadBefore: number;
}

/** All runs of one workload, each round beginning with another verifier. */
export async function compareVerifiers(
  workload: VerificationWorkload,
  server: SourceServer,
  runs: number,
  folders: { readonly runs: string; readonly made: string },
): Promise<Verified> {
  say(`${workload.title}: making the repository`);
  const repository = await workload.fill(server, folders.made);
  const loadBefore = loadavg()[0] ?? Number.NaN;
  const series = workload.verifiers.map((verifier) => ({ verifier, runs: [] as Measured[] }));
  for (let round = 0; round < runs; round += 1) {
    for (let place = 0; place < series.length; place += 1) {
      const own = series[(round + place) % series.length];
      if (own === undefined) continue;
      const folder = await mkdtemp(join(folders.runs, 'run-'));
      await mkdir(join(folder, 'work'));
      const command = await own.verifier.command({ repository, server, folder });
      const measured = await measure(command, join(folder, 'work'));
      await rm(folder, { recursive: true, force: true });
      own.runs.push(measured);
      sayMeasured(own.verifier.name, measured);
    }
  }
  await server.drop(workload.name);
  return { series, loadBefore };
}
