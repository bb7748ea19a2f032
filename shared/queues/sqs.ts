import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { queueError } from './queue-error.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * A standard queue of SQS. What failed for the moment is repeated by the client: a message that
 * comes twice does no harm.
 * @param url `https://sqs.<region>.amazonaws.com/<account>/<name>`
 */
export function sqsQueue(client: SQSClient, url: string): WorkQueue {
  return {
    url,
    async send(message, { signal, delayMs = 0 } = {}) {
      signal?.throwIfAborted();
      const command = new SendMessageCommand({
        QueueUrl: url,
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.ceil(delayMs / 1000),
      });
      try {
        await client.send(command, { ...(signal && { abortSignal: signal }) });
      } catch (error) {
        signal?.throwIfAborted();
        throw queueError(url, failureOf(error));
      }
    },
  };
}

function failureOf(error: unknown): { name: string; status: number | undefined } {
  const { name, $metadata } = (error ?? {}) as {
    readonly name?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return { name: name ?? 'unknown', status: $metadata?.httpStatusCode };
}
