import { DrydockError } from '../shared/model/errors.ts';
import { entryValue } from '../shared/queues/work-message.ts';
import { configuredQueue } from './clients/queues.ts';
import { type Invocation, openInvocation } from './invocation.ts';
import { EVENT_DELAY_MS, shardFields, shardsOfEvent } from './verify-shards.ts';

/**
 * What an event of a store does: sends a shard for the backup that was just written, delayed, so
 * that the artefacts behind it have arrived and further events of it meet what is done.
 * @returns how many shards were sent; an event that does not concern us is logged
 */
export async function configuredEvent(
  env: NodeJS.ProcessEnv,
  entry: unknown,
  invocation: Invocation,
): Promise<number> {
  const { config, context } = await openInvocation(env, invocation);
  const { signal } = invocation;
  const outcome = shardsOfEvent(entryValue(entry), config);
  if (outcome.kind === 'foreign') {
    context.log.log('info', 'event ignored', { reason: outcome.reason });
    return 0;
  }
  const queue = await configuredQueue(env);
  if (queue === undefined) {
    const text = 'Cannot act on an event: DRYDOCK_QUEUE_URL is not set';
    throw new DrydockError('usage', 'QUEUE_MISSING', text, {
      hint: 'Set DRYDOCK_QUEUE_URL to the URL of the queue of the function "worker"',
    });
  }
  for (const each of outcome.shards) {
    await queue.send(each, { ...(signal && { signal }), delayMs: EVENT_DELAY_MS });
    context.log.log('info', 'shard sent', shardFields(each));
  }
  return outcome.shards.length;
}
