import { configuredEvent } from '../configured-event.ts';
import { type BatchResponse, eachRecord, type SqsEvent } from '../sqs-batch.ts';

/**
 * Sends a shard for each backup that S3 says was just written. The events come from EventBridge by
 * way of a queue, or from a rule of the user's that calls the function itself.
 */
export async function handler(
  event: SqsEvent | Readonly<Record<string, unknown>>,
  context: { getRemainingTimeInMillis(): number },
): Promise<BatchResponse> {
  const take = (entry: unknown): Promise<number> => {
    const remainingMs = context.getRemainingTimeInMillis();
    return configuredEvent(process.env, entry, { now: new Date(), remainingMs });
  };
  if (isBatch(event)) return eachRecord(event, take);
  await take(event);
  return { batchItemFailures: [] };
}

function isBatch(event: SqsEvent | Readonly<Record<string, unknown>>): event is SqsEvent {
  return Array.isArray(event['Records' as keyof typeof event]);
}
