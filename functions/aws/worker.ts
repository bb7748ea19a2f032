import { configuredShard } from '../configured-verify.ts';
import { type BatchResponse, eachRecord, type SqsEvent } from '../sqs-batch.ts';

/**
 * Verifies the location that each message of the queue names. A message that fails comes again
 * after the visibility timeout, and goes to the failure queue after the last time.
 */
export function handler(
  event: SqsEvent,
  context: { getRemainingTimeInMillis(): number },
): Promise<BatchResponse> {
  return eachRecord(event, (body) => {
    const remainingMs = context.getRemainingTimeInMillis();
    return configuredShard(process.env, body, { now: new Date(), remainingMs });
  });
}
