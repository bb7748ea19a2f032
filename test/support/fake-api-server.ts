import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type CertificateAuthority, makeAuthority } from './certificates.ts';

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Common name of the client's certificate, if it showed one of our CA. */
  readonly client: string | undefined;
}

export interface ApiAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value is sent as JSON, a text as it is. */
  readonly body?: unknown;
  /** After the body: the connection breaks, or stays open and silent. */
  readonly ending?: 'reset' | 'silence';
}

export interface FakeApiServer {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  readonly authority: CertificateAuthority;
  readonly requests: readonly ApiRequest[];
  /** From now on. */
  answer(how: (request: ApiRequest) => ApiAnswer): void;
  close(): Promise<void>;
}

/**
 * A fake of the API server: HTTPS with a CA of its own, and whatever answers the test gives, in
 * the shapes of the real one (`test/real/kubernetes.test.ts` has that). What it is not told to
 * answer is an unknown path.
 */
export async function startFakeApiServer(
  names: readonly string[] = ['localhost', '127.0.0.1'],
): Promise<FakeApiServer> {
  const authority = makeAuthority('fake-cluster-ca');
  const { certificate: cert, key } = authority.issue('kube-apiserver', names);
  const requests: ApiRequest[] = [];
  let answer: (request: ApiRequest) => ApiAnswer = () => unknownPath;
  const settings = { cert, key, ca: authority.certificate, requestCert: true };
  const server = createServer(
    { ...settings, rejectUnauthorized: false },
    async (incoming, response) => {
      let body = '';
      for await (const piece of incoming.setEncoding('utf8')) body += piece;
      const url = new URL(incoming.url ?? '/', 'https://fake');
      const socket = incoming.socket as TLSSocket;
      const request: ApiRequest = {
        method: incoming.method ?? '',
        path: url.pathname,
        parameters: Object.fromEntries(url.searchParams),
        headers: incoming.headers,
        body,
        client: socket.authorized ? socket.getPeerCertificate().subject.CN?.toString() : undefined,
      };
      requests.push(request);
      reply(response, answer(request));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authority,
    requests,
    answer: (how) => {
      answer = how;
    },
    close: () => closed(server),
  };
}

function reply(response: ServerResponse, answer: ApiAnswer): void {
  const { status = 200, headers = {}, body, ending } = answer;
  const bytes = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  response.writeHead(status, { 'content-type': type, ...headers });
  if (ending === undefined) response.end(bytes);
  else if (ending === 'silence') response.write(bytes || '\n');
  else response.write(bytes || '\n', () => response.destroy());
}

async function closed(server: Server): Promise<void> {
  const end = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await end;
}

/** What Go's router answers for a path that it does not know. */
export const unknownPath: ApiAnswer = { status: 404, body: '404 page not found\n' };

/** `metav1.Status` of a failure, as the API server writes it. */
export function refused(code: number, reason: string, more: object = {}): ApiAnswer {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  return { status: code, body: { ...status, message: `${reason} it is`, reason, code, ...more } };
}

export function configMap(name: string, resourceVersion = '1', data: object = {}): object {
  const metadata = { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion };
  return { metadata, data };
}

export function configMapList(items: readonly object[], metadata: object = {}): ApiAnswer {
  return {
    body: {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '100', ...metadata },
      items,
    },
  };
}
