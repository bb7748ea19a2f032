import { randomUUID } from 'node:crypto';
import type { NamedLocation } from '../shared/config/config.ts';
import { deadlineAt } from '../shared/model/clock.ts';
import { DrydockError } from '../shared/model/errors.ts';
import type { Report } from '../shared/model/report.ts';
import { inProcessQueue } from '../shared/queues/in-process.ts';
import { parseMessage } from '../shared/queues/work-message.ts';
import type { WorkMessage, WorkQueue } from '../shared/queues/work-queue.ts';
import { configuredQueue } from './clients/queues.ts';
import {
  countsOf,
  errorFields,
  type Invocation,
  type Opened,
  openInvocation,
  throwAll,
} from './invocation.ts';
import { nextShard, shardFields, shardsOf } from './verify-shards.ts';

type Env = NodeJS.ProcessEnv;

/** A run over a location that has less than this left would end before it has looked at anything. */
const SHARD_MS_MIN = 30_000;

export interface VerifyTick {
  /** Of all shards. */
  readonly runId: string;
  /** Handed to the queue; none without one. */
  readonly shardsSent: number;
  /** What was verified in this very process, for want of a queue. */
  readonly reports: readonly Report[];
}

/**
 * What the timer does: cuts a verification into a shard per location and hands them to the queue of
 * DRYDOCK_QUEUE_URL. Without one it works on them itself, as far as its time goes.
 * @throws what shards threw, after all of them had their turn
 */
export async function configuredVerify(env: Env, invocation: Invocation): Promise<VerifyTick> {
  const opened = await openInvocation(env, invocation);
  const { config, context } = opened;
  const runId = randomUUID();
  const shards = shardsOf(config, runId);
  const queue = await configuredQueue(env);
  if (queue === undefined) {
    return { runId, shardsSent: 0, reports: await workInProcess(shards, opened, invocation) };
  }
  for (const each of shards) await queue.send(each, signalOf(invocation));
  context.log.log('info', 'shards sent', { runId, shards: shards.length, queue: queue.url });
  return { runId, shardsSent: shards.length, reports: [] };
}

/** Each shard has an equal part of the time that is left: a large location starves no other one. */
async function workInProcess(
  shards: readonly WorkMessage[],
  opened: Opened,
  invocation: Invocation,
): Promise<Report[]> {
  const { clock, log } = opened.context;
  const local = inProcessQueue(clock);
  const reports: Report[] = [];
  const failures: unknown[] = [];
  for (const each of shards) await local.send(each);
  await local.drain(async (message, waiting) => {
    const leftMs = opened.deadline.remainingMs();
    if (message.continuation > 0 && leftMs < SHARD_MS_MIN) {
      log.log('info', 'shard left for the next run', shardFields(message));
      return;
    }
    const end = new Date(clock.now().getTime() + leftMs / (waiting + 1));
    const deadline = Number.isFinite(leftMs) ? deadlineAt(end, clock) : opened.deadline;
    try {
      const report = await work(message, { ...opened, deadline }, invocation, local);
      if (report !== undefined) reports.push(report);
    } catch (error) {
      failures.push(error);
      log.log('error', 'shard failed', { ...shardFields(message), ...errorFields(error) });
    }
  });
  throwAll(failures, 'locations');
  return reports;
}

/**
 * What a worker does with one message of the queue: verifies its location, and sends what is left
 * when the time is up to the queue again.
 * @throws what the run threw: the platform delivers the message again, and after some failures puts
 *   it aside
 */
export async function configuredShard(
  env: Env,
  entry: unknown,
  invocation: Invocation,
): Promise<Report | undefined> {
  const message = parseMessage(entry);
  const opened = await openInvocation(env, invocation);
  const queue = await configuredQueue(env);
  if (queue !== undefined) return work(message, opened, invocation, queue);
  const text = 'Cannot work on a shard: DRYDOCK_QUEUE_URL is not set';
  throw new DrydockError('usage', 'QUEUE_MISSING', text, {
    hint: 'Set DRYDOCK_QUEUE_URL to the URL of the queue that this function reads from',
  });
}

async function work(
  message: WorkMessage,
  { config, context, deadline }: Opened,
  invocation: Invocation,
  queue: WorkQueue,
): Promise<Report | undefined> {
  const { log } = context;
  const place = config.locations.get(message.location);
  if (place === undefined) {
    log.log('warning', 'shard of a location that is not configured', shardFields(message));
    return undefined;
  }
  const report = await verified(message, place, { config, context, deadline }, invocation.now);
  if (report === undefined) {
    log.log('info', 'shard left to the worker that is at its location', shardFields(message));
    return undefined;
  }
  const next = nextShard(report, message);
  if (next !== undefined) await queue.send(next, signalOf(invocation));
  // The report is out, with a finding; the platform is to see the failure as well.
  const [failed] = report.errors ?? [];
  if (failed !== undefined) {
    throw new DrydockError(failed.failure, failed.code, failed.message, { hint: failed.hint });
  }
  log.log('info', 'shard verified', { ...shardFields(message), ...countsOf(report) });
  return report;
}

/** @returns nothing where another worker is at the location; one backup alone is looked at anyway */
async function verified(
  { runId, backup }: WorkMessage,
  place: NamedLocation,
  { config, context, deadline }: Opened,
  now: Date,
): Promise<Report | undefined> {
  const { state } = config;
  if (state === undefined) {
    const text = 'Cannot verify: the configuration names no state';
    throw new DrydockError('usage', 'STATE_MISSING', text, {
      hint: 'Add "state:" with a URL outside of every backup root',
    });
  }
  const { runVerify } = await import('./verify-run.ts');
  const asked = { config, locations: [place], state, stateIsLocal: false, dryRun: false, runId };
  if (backup !== undefined) return runVerify({ ...asked, backup }, context, now, deadline);
  const { whileAlone } = await import('./verify-lease.ts');
  const run = (): Promise<Report> => runVerify(asked, context, now, deadline);
  return whileAlone(place, state, config, context, run);
}

function signalOf({ signal }: Invocation): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
