import type { QueueClient } from '@azure/storage-queue';
import { queueError } from './queue-error.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * A queue of an Azure storage account. What failed for the moment is repeated by the client: a
 * message that comes twice does no harm. The text is sent as it is, so that `messageEncoding` of
 * host.json has to be `none`.
 */
export function azureStorageQueue(client: QueueClient): WorkQueue {
  const url = client.url.replace(/\?.*$/, '');
  return {
    url,
    async send(message, { signal, delayMs = 0 } = {}) {
      signal?.throwIfAborted();
      try {
        await client.sendMessage(JSON.stringify(message), {
          visibilityTimeout: Math.ceil(delayMs / 1000),
          ...(signal && { abortSignal: signal }),
        });
      } catch (error) {
        signal?.throwIfAborted();
        throw queueError(url, failureOf(error));
      }
    },
  };
}

function failureOf(error: unknown): { name: string; status: number | undefined } {
  const { name, code, statusCode } = (error ?? {}) as {
    readonly name?: string;
    readonly code?: unknown;
    readonly statusCode?: number;
  };
  // The service's code (`QueueNotFound`) or that of a socket; credentials fail by name alone.
  return { name: typeof code === 'string' ? code : (name ?? 'unknown'), status: statusCode };
}
