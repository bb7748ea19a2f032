import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Connection } from './connection.ts';
import { KubernetesError } from './kubernetes-error.ts';

/** What was tried, for messages: `list configmaps in "shop"`. */
export interface Attempt {
  readonly action: string;
  readonly source: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpCall extends Attempt {
  readonly method: 'GET' | 'PATCH' | 'DELETE';
  /** Path and query, escaped. */
  readonly path: string;
  readonly token: string | undefined;
  /** Silence for this long, before or during the answer, is a broken connection. */
  readonly idleMs: number;
  readonly body?: { readonly type: string; readonly json: string } | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** Throws `KubernetesError`, or the signal's reason. Leaving the loop ends the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Transport {
  send(call: HttpCall): Promise<HttpAnswer>;
  close(): void;
}

/** HTTPS as Node does it: no dependency, no redirects, one agent for one connection. */
export function httpsTransport(connection: Connection): Transport {
  const server = new URL(connection.server);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 16,
    rejectUnauthorized: connection.insecure !== true,
    ...(connection.ca !== undefined && { ca: connection.ca }),
    ...(connection.serverName !== undefined && { servername: connection.serverName }),
    ...(connection.clientCertificate && {
      cert: connection.clientCertificate.certificate,
      key: connection.clientCertificate.key,
    }),
    ...(connection.proxyEnv && { proxyEnv: connection.proxyEnv }),
  });
  return {
    send: (call) => send(agent, server, call),
    close: () => agent.destroy(),
  };
}

async function send(agent: Agent, server: URL, call: HttpCall): Promise<HttpAnswer> {
  try {
    const incoming = await exchange(agent, server, call);
    return {
      status: incoming.statusCode ?? 0,
      retryAfterMs: retryAfterMs(incoming.headers['retry-after']),
      body: translatedBody(incoming, call),
    };
  } catch (error) {
    throw translateNetworkError(error, call);
  }
}

function exchange(agent: Agent, server: URL, call: HttpCall): Promise<IncomingMessage> {
  const { method, body, token, signal, idleMs } = call;
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const outgoing = request(
      {
        agent,
        method,
        hostname: server.hostname.replace(/^\[|\]$/g, ''),
        port: server.port || 443,
        path: `${server.pathname.replace(/\/+$/, '')}${call.path}`,
        headers: {
          accept: 'application/json',
          'user-agent': 'drydock',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body && {
            'content-type': body.type,
            'content-length': Buffer.byteLength(body.json),
          }),
        },
        timeout: idleMs,
        ...(signal && { signal }),
      },
      (incoming) => {
        answer = incoming;
        resolve(incoming);
      },
    );
    outgoing.on('timeout', () => (answer ?? outgoing).destroy(new SilenceError(idleMs)));
    outgoing.on('error', reject);
    outgoing.end(body?.json);
  });
}

/** The server said nothing for too long. A watch takes it for an end, all else for a failure. */
export class SilenceError extends Error {
  constructor(idleMs: number) {
    super(`silence for ${idleMs} ms`);
    this.name = 'SilenceError';
  }
}

async function* translatedBody(
  incoming: IncomingMessage,
  attempt: Attempt,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of incoming) yield chunk as Uint8Array;
  } catch (error) {
    throw translateNetworkError(error, attempt);
  }
}

/** Kubernetes sends whole seconds; what is longer than any patience is cut by the caller. */
function retryAfterMs(header: string | undefined): number | undefined {
  return /^\d{1,6}$/.test(header ?? '') ? Number(header) * 1000 : undefined;
}

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$)/;

function translateNetworkError(error: unknown, { action, source, signal }: Attempt): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof KubernetesError) return error;
  const { code = '', name = 'Error' } = error as { code?: string; name?: string };
  const isTls = TLS_CODES.test(code);
  const reason = isTls ? 'the TLS handshake failed' : 'no usable answer';
  const message = `Cannot ${action} (${source}): ${reason} (${code || name})`;
  return new KubernetesError(isTls ? 'tls_failed' : 'unreachable', message, { cause: error });
}
