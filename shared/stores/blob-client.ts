import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { StoragePipelineOptions } from '@azure/storage-blob';

/** Silence for this long on a connection is a broken connection; the SDK would wait for ever. */
const SILENCE_MS = 60_000;

/**
 * What `blobStore` expects of its client: it is asked once (`retrying` repeats), and a connection
 * on which nothing moves is given up. For `ContainerClient`'s options.
 */
export function blobClientSettings(endpoint: string, silenceMs = SILENCE_MS) {
  return {
    retryOptions: { maxTries: 1 },
    // Known to the SDK's core, and not to the type of its storage options.
    agent: impatientAgent(endpoint, silenceMs),
  } satisfies StoragePipelineOptions & { agent: HttpAgent };
}

function impatientAgent(endpoint: string, silenceMs: number): HttpAgent {
  const agent = endpoint.startsWith('https:')
    ? new HttpsAgent({ keepAlive: true })
    : new HttpAgent({ keepAlive: true });
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback);
    if (socket && 'setTimeout' in socket && typeof socket.setTimeout === 'function') {
      const error = Object.assign(new Error('Nothing moved on the connection'), {
        code: 'ETIMEDOUT',
      });
      socket.setTimeout(silenceMs, () => socket.destroy(error));
    }
    return socket;
  };
  return agent;
}
