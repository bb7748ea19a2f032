import { setTimeout as sleep } from 'node:timers/promises';
import { count, size } from '../../functions/cli/terminal.ts';
import type { Report } from '../../shared/model/report.ts';
import {
  blobsOf,
  compareWithProduction,
  isPack,
  isSame,
  productionRequests,
  repositoryStates,
  type Seen,
  sumBytes,
  visibleBackups,
} from './look.ts';
import { type CliRun, PRODUCTION, type Stage } from './stage.ts';
import { command, good, heading, note, promise, type StepResult } from './story.ts';

export const REPLICA = 'replica';
export const SECOND = 'second-replica';
const RETURNED = 'returned';

/** Few enough that a copy has a middle, however small the fixture. */
const CONCURRENCY_HALF_WAY = 4;

type Blobs = ReadonlyMap<string, Seen>;

export async function showPlan(stage: Stage): Promise<{ result: StepResult; plan: Report }> {
  heading('The plan', 'What would be copied and what would be left out; nothing is written.');
  await stage.azurite.container(REPLICA).create();
  const args = replicate(stage, stage.s3Url(PRODUCTION), stage.blobUrl(REPLICA));
  const run = await show(stage, [...args, '--dry-run']);
  const json = await stage.run([...args, '--dry-run', '--output', 'json'], { output: 'take' });
  promise(json.code === 0, `the plan as JSON ended with exit code ${json.code}`);
  const plan = JSON.parse(json.stdout) as Report;
  const blobs = await blobsOf(stage.azurite.container(REPLICA));
  promise(blobs.size === 0, 'the plan wrote to the target');
  promise(productionRequests(stage).writes === 0, 'the plan wrote to the source');
  const [objects, sizeBytes] = planned(plan);
  promise(objects > 0, 'the plan is empty');
  good(`${count(objects, 'object')} planned, none written (for scripts: --output json)`);
  return { plan, result: result('plan', [objects, sizeBytes], run, 'nothing written') };
}

export async function showReplication(
  stage: Stage,
  plan: Report,
): Promise<{ result: StepResult; replica: Blobs }> {
  heading(
    'Replicate to the other cloud',
    'Data first, what makes it visible last: at every instant the copy opens and is whole, or is closed.',
  );
  const run = await show(stage, replicate(stage, stage.s3Url(PRODUCTION), stage.blobUrl(REPLICA)));
  const replica = await blobsOf(stage.azurite.container(REPLICA));
  const [objects, sizeBytes] = planned(plan);
  promise(replica.size === objects, `${replica.size} objects arrived, ${objects} were planned`);
  promise(sumBytes(replica.values()) === sizeBytes, 'the copies have another size than planned');
  promise(productionRequests(stage).writes === 0, 'the replication wrote to the source');
  good(`as planned: ${count(objects, 'object')}, ${size(sizeBytes)}; the source was only read`);
  return { replica, result: result('replicate', [objects, sizeBytes], run, 'as planned') };
}

export async function showRepetition(stage: Stage, replica: Blobs): Promise<StepResult> {
  heading('Replicate again', 'Run it from a timer or by hand, as often as you like.');
  const before = stage.server.requests.length;
  const run = await show(stage, replicate(stage, stage.s3Url(PRODUCTION), stage.blobUrl(REPLICA)));
  const after = await blobsOf(stage.azurite.container(REPLICA));
  promise(isSame(replica, after, 'etag'), 'the second run changed the replica');
  const { reads } = productionRequests(stage, before);
  promise(!reads.some((key) => isPack(key, stage.root)), 'the second run read data again');
  good('nothing was written, no data was read');
  return result('replicate again', [0, 0], run, 'nothing to do');
}

export async function showKill(
  stage: Stage,
  replica: Blobs,
): Promise<{ result: StepResult; half: Blobs }> {
  heading(
    'Kill a copy half-way',
    'The process gets SIGKILL in the middle of the data. What can a reader see now?',
  );
  const container = stage.azurite.container(SECOND);
  await container.create();
  const source = stage.s3Url(PRODUCTION);
  const args = replicate(stage, source, stage.blobUrl(SECOND));
  const middle = holdHalfWay(stage);
  const run = await show(stage, [...args, '--concurrency', `${CONCURRENCY_HALF_WAY}`], (kill) =>
    killWhen(() => middle.isReached(container), kill),
  );
  stage.server.setFault(undefined);
  promise(run.signal === 'SIGKILL', `the copy ended by itself, with exit code ${run.code}`);
  const half = await blobsOf(container);
  const states = repositoryStates(half, replica, stage.root);
  for (const { folder, objects, objectsAll, opens } of states) {
    let means = opens ? 'whole: it opens' : 'cannot be opened: kopia.repository is not there yet';
    if (objects === 0) means = 'not begun';
    note(`${folder}: ${objects} of ${count(objectsAll, 'object')}; ${means}`);
  }
  const backups = visibleBackups(half.keys());
  const all = visibleBackups(replica.keys());
  note(`${stage.root}backups: ${backups} of ${count(all, 'backup')} visible to Velero`);
  promise(half.size < replica.size, 'the copy was complete');
  const closed = states.filter(({ objects, opens }) => objects > 0 && !opens);
  promise(closed.length > 0, 'no repository was hit half-way');
  promise(
    states.every(({ opens, isWhole }) => !opens || isWhole),
    'a half copy can be opened',
  );
  promise(backups === 0, 'a backup is visible before its data');
  good('what is not whole cannot be opened, and Velero sees none of the backups');
  const outcome = 'not whole, so closed';
  return { half, result: result('killed half-way', amount(half), run, outcome) };
}

export async function showResumption(
  stage: Stage,
  replica: Blobs,
  half: Blobs,
): Promise<StepResult> {
  heading(
    'Resume',
    'The same command goes on where the killed one ended; its lease is taken over.',
  );
  const before = stage.server.requests.length;
  const run = await show(stage, replicate(stage, stage.s3Url(PRODUCTION), stage.blobUrl(SECOND)));
  const whole = await blobsOf(stage.azurite.container(SECOND));
  promise(isSame(whole, replica, 'sizeBytes'), 'the resumed copy is not like the first replica');
  const { reads } = productionRequests(stage, before);
  const again = reads.filter((key) => isPack(key, stage.root) && half.has(key));
  promise(again.length === 0, `${again.length} packs that had arrived were read again`);
  const rest = new Map([...whole].filter(([key]) => !half.has(key)));
  good('the copy is whole; no data that had arrived was read again');
  return result('resume', amount(rest), run, 'whole, nothing twice');
}

export async function showReturn(stage: Stage, plan: Report): Promise<StepResult> {
  heading(
    'Bring it home',
    'From the replica to a new bucket, as after losing the first cloud, and every byte compared.',
  );
  stage.server.createBucket(RETURNED);
  const run = await show(stage, replicate(stage, stage.blobUrl(REPLICA), stage.s3Url(RETURNED)));
  const found = compareWithProduction(stage, RETURNED, plan);
  const { equal, sizeBytes, different, strange, unexplained } = found;
  promise(different.length === 0, `bytes differ in ${different.join(', ')}`);
  promise(strange.length === 0, `production never had ${strange.join(', ')}`);
  promise(unexplained.length === 0, `missing without a reason: ${unexplained.join(', ')}`);
  promise(equal === planned(plan)[0], `${equal} objects came home`);
  good(`${count(equal, 'object')}, ${size(sizeBytes)}: every byte equals production`);
  const leftOut = [...found.leftOut].map(([reason, objects]) => `${objects} ${reason}`);
  if (leftOut.length > 0) note(`left out, as the plan said: ${leftOut.join(', ')}`);
  return result('bring it home', [equal, sizeBytes], run, 'every byte equal');
}

function replicate(stage: Stage, source: string, target: string): readonly string[] {
  return ['replicate', source, target, '--state', stage.stateUrl];
}

/** Runs a command in sight. Unless it is killed it must end with `code`. */
export async function show(
  stage: Stage,
  args: readonly string[],
  during?: (kill: () => void) => Promise<void>,
  code = 0,
): Promise<CliRun> {
  command(args);
  const run = await stage.run(args, { output: 'show', ...(during && { during }) });
  if (during === undefined)
    promise(run.code === code, `the command ended with exit code ${run.code}`);
  return run;
}

/**
 * Lets half of the packs through and leaves every further one without an answer, so that the copy
 * stands still in its middle, on any machine.
 */
function holdHalfWay(stage: Stage) {
  const packs = stage.fixture.objects.filter(({ key }) => isPack(key, stage.root));
  const through = new Set<string>();
  let held = 0;
  stage.server.setFault(({ method, bucket, key }) => {
    if (method !== 'GET' || bucket !== PRODUCTION || !isPack(key, stage.root)) return undefined;
    if (through.size < packs.length / 2) through.add(key);
    if (through.has(key)) return undefined;
    held += 1;
    return { silence: true };
  });
  return {
    isReached: async (container: Parameters<typeof blobsOf>[0]): Promise<boolean> => {
      if (held === 0) return false;
      const blobs = await blobsOf(container);
      return [...through].every((key) => blobs.has(key));
    },
  };
}

const HALF_WAY_MS_MAX = 20_000;

async function killWhen(reached: () => Promise<boolean>, kill: () => void): Promise<void> {
  const end = performance.now() + HALF_WAY_MS_MAX;
  while (!(await reached()) && performance.now() < end) await sleep(50);
  kill();
}

function planned(plan: Report): [number, number] {
  const { objectsCopied = 0, bytesCopied = 0 } = plan.measures;
  return [objectsCopied, bytesCopied];
}

function amount(blobs: Blobs): [number, number] {
  return [blobs.size, sumBytes(blobs.values())];
}

function result(
  step: string,
  [objects, sizeBytes]: [number, number],
  { seconds }: CliRun,
  outcome: string,
): StepResult {
  return { step, objects, sizeBytes, seconds, outcome };
}
