import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startAzurite } from '../support/azurite.ts';
import { CONTAINER, type Contender, contenders } from './contenders.ts';
import { type Measured, measure } from './measure.ts';
import type { Series } from './page.ts';
import { type Closers, say, sayMeasured } from './run.ts';
import type { SourceServer } from './servers.ts';
import { verify } from './verify.ts';
import { type FilledWorkload, fill, type Workload } from './workloads.ts';

/** All runs of one workload, each round beginning with another contender. */
export async function compareCopies(
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
      sayMeasured(own.contender.name, measured);
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
