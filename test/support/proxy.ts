import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came, before its body. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface ProxyAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * `'reset'` breaks the connection, `'silence'` never answers, a number cuts the server's answer
 * after so many bytes of its body.
 */
export type ProxyDecision = ProxyAnswer | 'reset' | 'silence' | number | undefined;

export interface ProxyOptions {
  /** Where what is not answered here goes: `http://127.0.0.1:<port>`. */
  readonly target: string;
  readonly answer?: (request: ProxiedRequest) => ProxyDecision;
}

export interface RunningProxy {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly url: string;
  readonly seen: readonly ProxiedRequest[];
  close(): Promise<void>;
}

/**
 * A loopback proxy that gives answers which no server here gives by itself, as their vendors
 * document them. What it passes on it passes unchanged, the `Host` header included, so that a
 * signature made for the target holds when the client signs that host.
 */
export async function startProxy({ target, answer }: ProxyOptions): Promise<RunningProxy> {
  const seen: ProxiedRequest[] = [];
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const proxied = { method, path, headers };
    seen.push(proxied);
    const decision = answer?.(proxied);
    if (decision === 'reset') request.socket.destroy();
    else if (decision === 'silence') request.resume();
    else if (typeof decision === 'object') void reply(request, response, decision);
    else pass(new URL(target), request, response, decision);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen, close: () => closed(server) };
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: ProxyAnswer,
): Promise<void> {
  // The body is read to its end: a client that is still sending would see a broken connection.
  request.resume();
  if (!request.complete) await new Promise((resolve) => request.once('close', resolve));
  response.writeHead(answer.status, answer.headers);
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function pass(
  target: URL,
  request: IncomingMessage,
  response: ServerResponse,
  cutAfterBytes: number | undefined,
): void {
  const { hostname, port } = target;
  const { method, url: path, headers } = request;
  const onward = send({ hostname, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (cutAfterBytes === undefined) answer.pipe(response);
    else cut(answer, response, cutAfterBytes);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

function cut(answer: IncomingMessage, response: ServerResponse, afterBytes: number): void {
  let leftBytes = afterBytes;
  answer.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, leftBytes);
    leftBytes -= part.length;
    if (leftBytes > 0) response.write(part);
    else response.write(part, () => response.destroy());
  });
}

async function closed(server: Server): Promise<void> {
  const end = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await end;
}
