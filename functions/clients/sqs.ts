import { SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueue } from '../../shared/queues/sqs.ts';
import type { WorkQueue } from '../../shared/queues/work-queue.ts';

const TRIES_MAX = 3;
/** Silence for this long on a connection is a broken connection. */
const SOCKET_TIMEOUT_MS = 20_000;

/** A queue of SQS, by the standard chain of the SDK. */
export function openSqsQueue(url: string, region: string | undefined): WorkQueue {
  const client = new SQSClient({
    ...(region !== undefined && { region }),
    maxAttempts: TRIES_MAX,
    requestHandler: { connectionTimeout: SOCKET_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
  });
  return sqsQueue(client, url);
}
