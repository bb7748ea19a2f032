import { DrydockError } from '../../shared/model/errors.ts';
import type { WorkQueue } from '../../shared/queues/work-queue.ts';
import { blobClientSettings } from '../../shared/stores/blob-client.ts';
import { entraCredential } from './identity.ts';

/** Of one try; both SDKs would wait for minutes, or for ever. */
const SOCKET_TIMEOUT_MS = 20_000;
const TRIES_MAX = 3;

type Env = Readonly<Record<string, string | undefined>>;

/** Where a queue is, and whose. */
export type QueueAddress =
  | { readonly kind: 'sqs'; readonly url: string; readonly region?: string }
  | { readonly kind: 'azure'; readonly url: string; readonly account: string };

/** The queue that DRYDOCK_QUEUE_URL names, by this process's own identity; `undefined` without it. */
export async function configuredQueue(env: Env): Promise<WorkQueue | undefined> {
  const text = env['DRYDOCK_QUEUE_URL'];
  return text === undefined || text === '' ? undefined : openQueue(parseQueueUrl(text), env);
}

async function openQueue(address: QueueAddress, env: Env): Promise<WorkQueue> {
  if (address.kind === 'azure') return azureQueue(address, env);
  const { SQSClient } = await import('@aws-sdk/client-sqs');
  const { sqsQueue } = await import('../../shared/queues/sqs.ts');
  const { url, region } = address;
  const client = new SQSClient({
    ...(region !== undefined && { region }),
    maxAttempts: TRIES_MAX,
    requestHandler: { connectionTimeout: SOCKET_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
  });
  return sqsQueue(client, url);
}

async function azureQueue(
  { url, account }: Extract<QueueAddress, { readonly kind: 'azure' }>,
  env: Env,
): Promise<WorkQueue> {
  const { QueueClient, StorageSharedKeyCredential } = await import('@azure/storage-queue');
  const { azureStorageQueue } = await import('../../shared/queues/azure-storage-queue.ts');
  // Tokens are not sent over plain http: that is an emulator, and has a key (S12).
  const isEmulator = url.startsWith('http:');
  const key = env['AZURE_STORAGE_KEY'];
  if (isEmulator && key === undefined) {
    throw new DrydockError('usage', 'CREDENTIALS_MISSING', `Cannot use "${url}" without a key`, {
      hint: 'Set AZURE_STORAGE_KEY, or use an https URL',
    });
  }
  const credential =
    isEmulator && key !== undefined
      ? new StorageSharedKeyCredential(account, key)
      : await entraCredential(undefined, env);
  const client = new QueueClient(url, credential, {
    ...blobClientSettings(url, SOCKET_TIMEOUT_MS),
    retryOptions: { maxTries: TRIES_MAX },
  });
  return azureStorageQueue(client);
}

/**
 * Takes the URL of a queue apart: `https://sqs.<region>.amazonaws.com/<account>/<name>`, or
 * `https://<account>.queue.core.windows.net/<name>`, whose account emulators have in the path.
 * @throws DrydockError `QUEUE_URL_INVALID`, which shows no query: it may be a signature (S9)
 */
export function parseQueueUrl(text: string): QueueAddress {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const { origin, hostname, pathname } = parsed ?? { origin: '', hostname: '', pathname: '' };
  const url = `${origin}${pathname}`;
  if (parsed !== undefined && parsed.username === '' && parsed.search === '' && url === text) {
    const [first = '', name = '', ...more] = pathname.slice(1).split('/');
    const account = /^([a-z0-9]{3,24})\.queue\./.exec(hostname)?.[1];
    if (account !== undefined && first !== '' && name === '')
      return { kind: 'azure', url, account };
    if (/^\d{12}$/.test(first) && name !== '' && more.length === 0) {
      const region = /^(?:sqs\.)?([a-z0-9-]+)\.(?:queue\.)?amazonaws\.com/.exec(hostname)?.[1];
      return { kind: 'sqs', url, ...(region !== undefined && { region }) };
    }
    if (/^[a-z0-9]{3,24}$/.test(first) && name !== '' && more.length === 0) {
      return { kind: 'azure', url, account: first };
    }
  }
  const message = `Cannot use the queue "${url.slice(0, 200)}": it is no URL of a queue`;
  throw new DrydockError('usage', 'QUEUE_URL_INVALID', message, {
    hint: 'Set DRYDOCK_QUEUE_URL to https://sqs.<region>.amazonaws.com/<account>/<name> or https://<account>.queue.core.windows.net/<name>, without credentials',
  });
}
