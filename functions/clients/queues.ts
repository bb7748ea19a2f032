import { DrydockError } from '../../shared/model/errors.ts';
import type { WorkQueue } from '../../shared/queues/work-queue.ts';

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
  if (address.kind === 'sqs') {
    const { openSqsQueue } = await import('./sqs.ts');
    return openSqsQueue(address.url, address.region);
  }
  const { openAzureQueue } = await import('./azure-queue.ts');
  return openAzureQueue(address.url, address.account, env);
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
    const parts = pathname.slice(1).split('/');
    const [first = '', name = '', ...more] = parts;
    const account = /^([a-z0-9]{3,24})\.queue\./.exec(hostname)?.[1];
    if (account !== undefined && first !== '' && parts.length === 1) {
      return { kind: 'azure', url, account };
    }
    if (/^\d{12}$/.test(first) && name !== '' && more.length === 0) {
      const region = /^(?:sqs\.)?([a-z0-9-]+)\.(?:queue\.)?amazonaws\.com/.exec(hostname)?.[1];
      return { kind: 'sqs', url, ...(region !== undefined && { region }) };
    }
    // Of an emulator, which has a key: a token is sent to Azure's own hosts alone.
    const isPlain = url.startsWith('http:');
    if (isPlain && /^[a-z0-9]{3,24}$/.test(first) && name !== '' && more.length === 0) {
      return { kind: 'azure', url, account: first };
    }
  }
  const message = `Cannot use the queue "${url.slice(0, 200)}": it is no URL of a queue`;
  throw new DrydockError('usage', 'QUEUE_URL_INVALID', message, {
    hint: 'Set DRYDOCK_QUEUE_URL to https://sqs.<region>.amazonaws.com/<account>/<name> or https://<account>.queue.core.windows.net/<name>, without credentials',
  });
}
