import { blobStore } from '../../shared/stores/blob.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type ProxiedRequest, type ProxyAnswer, startProxy } from '../support/proxy.ts';
import type { ContractSubject } from './object-store.ts';

/** As "Blob Storage error codes" of the service's reference documents it. */
function refusal(status: number, code: string): ProxyAnswer {
  const headers = { 'content-type': 'application/xml', 'x-ms-error-code': code };
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  return { status, headers, body };
}

type Wrap = (store: ObjectStore) => ObjectStore;

/** Azurite, and proxies before it that answer as the service does when it is busy or archives. */
export async function blobSubject(wrap: Wrap = (store) => store): Promise<ContractSubject> {
  const azurite: Azurite = await startAzurite();
  await azurite.container('contract').create();
  const answering = (answer: (request: ProxiedRequest) => ProxyAnswer | undefined) =>
    startProxy({ target: azurite.endpoint, answer });
  const throttling = await answering(() => refusal(503, 'ServerBusy'));
  const archiving = await answering(({ method, path }) =>
    method === 'GET' && !path.includes('comp=list') ? refusal(409, 'BlobArchived') : undefined,
  );
  const open = (name: string, options?: { endpoint?: string; accountKey?: string }) =>
    wrap(blobStore({ container: azurite.container(name, options) }));
  const through = (url: string) => open('contract', { endpoint: `${url}/${azurite.account}` });
  return {
    store: open('contract'),
    denied: open('contract', { accountKey: Buffer.from('another key').toString('base64') }),
    bucketAbsent: open('no-such-container'),
    unreachable: through('http://127.0.0.1:9'),
    throttled: through(throttling.url),
    archived: through(archiving.url),
    close: async () => {
      await Promise.all([throttling.close(), archiving.close()]);
      await azurite.close();
    },
  };
}
