/**
 * Shows the jobs on this machine, on backups that released tools wrote, through the real command
 * line. Needs Node and npm only.
 *
 *     npm run demo
 *     npm run demo -- verify        one part alone: replicate, verify
 *
 * Each step checks what it shows: the exit code is 1 when anything is not as promised.
 */
import { duration } from '../../functions/cli/terminal.ts';
import { showDamage, showReading } from './reading.ts';
import { openRoots, timesOf } from './roots.ts';
import { openStage, type Stage } from './stage.ts';
import {
  showKill,
  showPlan,
  showRepetition,
  showReplication,
  showResumption,
  showReturn,
} from './steps.ts';
import { bad, good, line, NotAsPromised, opening, type StepResult, summary } from './story.ts';
import {
  showDamaged,
  showHealthy,
  showMissed,
  showPartlyFailed,
  showReplica,
  showStatus,
  showVanished,
} from './verifying.ts';

// A proxy of the surroundings cannot reach servers of this machine.
process.env['NO_PROXY'] = '127.0.0.1';

const PARTS: ReadonlyMap<string, (on: Stage) => Promise<readonly StepResult[]>> = new Map([
  ['replicate', tellReplication],
  ['verify', tellVerification],
]);

let stage: Stage | undefined;
let interrupted = false;

/** Ends the demo with nothing left behind; a second signal does not hurry it. */
async function stop(): Promise<void> {
  if (interrupted) return;
  interrupted = true;
  line('\nStopping');
  // While the servers still start, `main` sees to it.
  if (stage === undefined) return;
  await stage.close();
  process.exit(130);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());

async function main(wanted: readonly string[]): Promise<number> {
  const parts = wanted.length === 0 ? [...PARTS.keys()] : wanted;
  const strange = parts.find((part) => !PARTS.has(part));
  if (strange !== undefined) {
    bad(`no part of the demo is called "${strange}": ${[...PARTS.keys()].join(', ')}`);
    return 2;
  }
  const started = performance.now();
  try {
    stage = await openStage();
    if (interrupted) return 130;
    await tell(stage, parts);
    good(`All as promised, in ${duration(performance.now() - started)}`);
    return 0;
  } catch (error) {
    if (interrupted) return 130;
    const said = error instanceof NotAsPromised ? error.message : (error as Error).stack;
    bad(`${said ?? error}`);
    return 1;
  } finally {
    await stage?.close();
  }
}

async function tell(on: Stage, parts: readonly string[]): Promise<void> {
  const { tools } = on.fixture.meta;
  const writers = ['velero', 'kubernetes', 'kopia'].map((name) => `${name} ${tools[name]}`);
  opening(
    [
      'Two clouds on this machine: an S3 server with the backups of a cluster, and Azurite,',
      "Microsoft's emulator of Blob storage. EC2 is a fake that knows the disk snapshots. The",
      `backups are real ones, of ${writers.join(', ')}. The commands are those`,
      'you would type ("npm run drydock --" in a clone).',
    ].join('\n'),
  );
  const results: StepResult[] = [];
  for (const part of parts) results.push(...((await PARTS.get(part)?.(on)) ?? []));
  summary(results);
  line();
}

async function tellReplication(on: Stage): Promise<readonly StepResult[]> {
  const { result: planned, plan } = await showPlan(on);
  const { result: copied, replica } = await showReplication(on, plan);
  const repeated = await showRepetition(on, replica);
  const { result: killed, half } = await showKill(on, replica);
  const resumed = await showResumption(on, replica, half);
  const returned = await showReturn(on, plan);
  const read = await showReading(on);
  const damaged = await showDamage(on, replica);
  return [planned, copied, repeated, killed, resumed, returned, read, damaged];
}

async function tellVerification(on: Stage): Promise<readonly StepResult[]> {
  const times = timesOf(new Date());
  await openRoots(on, times);
  const results = [
    await showHealthy(on, times),
    await showReplica(on),
    await showPartlyFailed(on, times),
    await showMissed(on, times),
    await showDamaged(on, times),
    await showVanished(on, times),
  ];
  await showStatus(on);
  return results;
}

process.exitCode = await main(process.argv.slice(2));
