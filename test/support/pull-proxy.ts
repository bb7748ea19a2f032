import { createHash } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Crc64Nvme } from '@aws-sdk/checksums/crc';
import type { ContainerClient } from '@azure/storage-blob';
import type { Azurite } from './azurite.ts';
import type { ProxiedRequest, ProxyAnswer } from './proxy.ts';

export interface PullProxyOptions {
  readonly azurite: Azurite;
  /** Asked first; what it answers is the answer. */
  readonly answer?: (request: ProxiedRequest) => ProxyAnswer | undefined;
  /** Told before the source is read, so that a test may change it in between. */
  readonly beforeRead?: (request: ProxiedRequest) => Promise<void>;
  /** Writes the status of the source into the answer, as newer versions of the service do. */
  readonly tellsSource?: boolean;
}

export interface PullProxy {
  readonly endpoint: string;
  readonly seen: readonly ProxiedRequest[];
  close(): Promise<void>;
}

/**
 * An answer of the service that is an error: "Blob Storage error codes" of its reference.
 * @param sourceStatus what the source had answered, in header and body, as newer versions tell it.
 */
export function blobRefusal(status: number, code: string, sourceStatus?: number): ProxyAnswer {
  const told = sourceStatus !== undefined;
  return {
    status,
    headers: {
      'content-type': 'application/xml',
      'x-ms-error-code': code,
      ...(told && { 'x-ms-copy-source-status-code': `${sourceStatus}` }),
    },
    body:
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message>` +
      `${told ? `<CopySourceStatusCode>${sourceStatus}</CopySourceStatusCode>` : ''}</Error>`,
  };
}

/**
 * Azurite cannot read from URLs: this stands before it, carries out "Put Block From URL" and "Copy
 * Blob From URL" as the service's reference describes them, and passes everything else on.
 */
export async function startPullProxy(options: PullProxyOptions): Promise<PullProxy> {
  const seen: ProxiedRequest[] = [];
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const proxied = { method, path, headers };
    seen.push(proxied);
    const answer = options.answer?.(proxied);
    if (answer !== undefined) return void reply(request, response, answer);
    if (headers['x-ms-copy-source'] === undefined) return pass(options.azurite, request, response);
    pulled(proxied, options)
      .catch(() => blobRefusal(500, 'InternalError'))
      .then((result) => reply(request, response, result));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/${options.azurite.account}`,
    seen,
    close: async () => {
      const end = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await end;
    },
  };
}

async function pulled(request: ProxiedRequest, options: PullProxyOptions): Promise<ProxyAnswer> {
  await options.beforeRead?.(request);
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const range = header('x-ms-source-range');
  const ifMatch = header('x-ms-source-if-match');
  const source = await fetch(header('x-ms-copy-source') ?? '', {
    headers: { ...(range && { range }), ...(ifMatch && { 'if-match': ifMatch }) },
  });
  const bytes = Buffer.from(await source.arrayBuffer());
  if (source.status === 412) return blobRefusal(412, 'SourceConditionNotMet');
  if (!source.ok) return unreadable(source.status, options.tellsSource === true);
  const crc64 = await azureCrc64(bytes);
  const md5 = createHash('md5').update(bytes).digest('base64');
  const [wantedCrc, wantedMd5] = [
    header('x-ms-source-content-crc64'),
    header('x-ms-source-content-md5'),
  ];
  if (wantedCrc !== undefined && wantedCrc !== crc64) return blobRefusal(400, 'Crc64Mismatch');
  if (wantedMd5 !== undefined && wantedMd5 !== md5) return blobRefusal(400, 'Md5Mismatch');
  const checksum =
    wantedMd5 === undefined ? { 'x-ms-content-crc64': crc64 } : { 'content-md5': md5 };
  try {
    const isBlock = request.path.includes('comp=block');
    return {
      status: isBlock ? 201 : 202,
      headers: { ...checksum, ...(await kept(request, bytes, options.azurite)) },
    };
  } catch (error) {
    const { statusCode = 500, code = 'InternalError' } = error as {
      statusCode?: number;
      code?: string;
    };
    return blobRefusal(statusCode, code);
  }
}

/** The older answer is the source's own status; a source that is gone may be told by 409. */
function unreadable(status: number, tells: boolean): ProxyAnswer {
  return tells
    ? blobRefusal(409, 'CannotVerifyCopySource', status)
    : blobRefusal(status, 'CannotVerifyCopySource');
}

/** Does with the bytes what the service would: a staged block, or a whole blob with its conditions. */
async function kept(
  request: ProxiedRequest,
  bytes: Buffer,
  azurite: Azurite,
): Promise<Record<string, string>> {
  const url = new URL(request.path, 'http://proxy');
  const [, , container = '', ...key] = url.pathname.split('/');
  const client = (azurite.container(container) satisfies ContainerClient).getBlockBlobClient(
    key.map(decodeURIComponent).join('/'),
  );
  const block = url.searchParams.get('blockid');
  if (block !== null) {
    await client.stageBlock(block, bytes, bytes.length);
    return {};
  }
  const { headers } = request;
  const metadata = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('x-ms-meta-') && typeof value === 'string' ? [[name.slice(10), value]] : [],
    ),
  );
  const answer = await client.upload(bytes, bytes.length, {
    metadata,
    conditions: {
      ...(headers['if-none-match'] && { ifNoneMatch: headers['if-none-match'] }),
      ...(headers['if-match'] && { ifMatch: headers['if-match'] }),
    },
  });
  const time = answer.lastModified?.toUTCString() ?? '';
  return { etag: answer.etag ?? '', 'last-modified': time, 'x-ms-copy-status': 'success' };
}

/** Computed by the SDK of the other vendor, not by the code under test. */
async function azureCrc64(bytes: Uint8Array): Promise<string> {
  const hash = new Crc64Nvme();
  hash.update(bytes);
  return Buffer.from(await hash.digest())
    .reverse()
    .toString('base64');
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: ProxyAnswer,
): Promise<void> {
  request.resume();
  if (!request.complete) await new Promise((resolve) => request.once('close', resolve));
  response.writeHead(answer.status, answer.headers);
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function pass(azurite: Azurite, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = new URL(azurite.endpoint);
  const { method, url: path, headers } = request;
  const onward = send({ hostname, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}
