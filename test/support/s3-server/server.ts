import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody } from './body.ts';
import { addBucket } from './buckets.ts';
import type { Call, Reply } from './call.ts';
import { S3Error, s3Error } from './errors.ts';
import { changeEvent, type S3Event } from './events.ts';
import { newObject } from './objects.ts';
import { parseRequest, type S3Request } from './request.ts';
import { route } from './routes.ts';
import { authenticate, type Credentials } from './signature.ts';
import type { Bucket, StoredObject } from './storage.ts';
import { xmlDocument } from './xml.ts';

export interface S3ServerOptions {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly region?: string;
  /** Decides signatures' ages and objects' times. */
  readonly clock?: () => Date;
  /** Of every part but the last: S3's 5 MiB, unless many objects of several parts are needed. */
  readonly partBytesMin?: number;
  /** Told of each object created or deleted by a request, after it happened. */
  readonly onEvent?: (event: S3Event) => void;
}

/** What becomes of a request instead of, or after, its being carried out. */
export type Fault =
  | {
      readonly answer: {
        readonly status: number;
        readonly code: string;
        readonly message?: string;
      };
    }
  /** The connection breaks before anything is done, or after it was done and before the answer. */
  | { readonly reset: 'before' | 'after' }
  /** The body of the answer breaks off behind so many bytes. */
  | { readonly cutBodyAfterBytes: number }
  /** No answer at all, until the client gives up or the server is closed. */
  | { readonly silence: true };

export type FaultHook = (request: LoggedRequest) => Fault | undefined;

export interface LoggedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** 0 until it was answered, and for good when the connection broke first. */
  readonly status: number;
}

export interface SeedOptions {
  readonly lastModified?: Date;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
}

export interface S3Server {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly credentials: Credentials;
  /** Every request since the start, in order of arrival. */
  readonly requests: readonly LoggedRequest[];
  createBucket(name: string): void;
  /** Puts an object there without a request, with a time of choice. */
  putObject(bucket: string, key: string, bytes: Uint8Array, options?: SeedOptions): Promise<void>;
  /** What a bucket holds, ascending by key. */
  objects(bucket: string): readonly StoredObject[];
  /** Multipart uploads begun and neither completed nor aborted. */
  unfinishedUploads(bucket: string): number;
  /** Asked about each request before it is looked at; `undefined` ends the faults. */
  setFault(hook: FaultHook | undefined): void;
  close(): Promise<void>;
}

interface State {
  readonly buckets: Map<string, Bucket>;
  readonly options: Required<Omit<S3ServerOptions, 'onEvent'>> & Pick<S3ServerOptions, 'onEvent'>;
  readonly requests: LoggedRequest[];
  fault: FaultHook | undefined;
}

/** Starts an S3 server in memory, path style, on a free port of the loopback interface. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const state: State = {
    buckets: new Map(),
    options: {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'not-a-secret-of-anybody',
      region: 'us-east-1',
      clock: () => new Date(),
      partBytesMin: 5 * 1024 * 1024,
      ...options,
    },
    requests: [],
    fault: undefined,
  };
  const server = createServer((message, response) => {
    void serve(state, message, response, false);
  });
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    void serve(state, message, response, true);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const { accessKeyId, secretAccessKey, region, clock } = state.options;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    region,
    credentials: { accessKeyId, secretAccessKey },
    requests: state.requests,
    createBucket: (name) => void addBucket(state.buckets, name, clock()),
    async putObject(bucket, key, bytes, { lastModified, metadata, storageClass } = {}) {
      const attributes = {
        metadata: metadata ?? {},
        headers: {},
        storageClass: storageClass ?? 'STANDARD',
      };
      const time = lastModified ?? clock();
      const object = await newObject(key, Buffer.from(bytes), attributes, time, undefined);
      findBucket(state, bucket).put(object);
    },
    objects: (bucket) => [...findBucket(state, bucket).objectsAfter('')],
    unfinishedUploads: (bucket) => findBucket(state, bucket).uploads.size,
    setFault: (hook) => {
      state.fault = hook;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function findBucket(state: State, name: string): Bucket {
  const bucket = state.buckets.get(name);
  if (bucket === undefined) throw s3Error('NoSuchBucket', { BucketName: name });
  return bucket;
}

async function serve(
  state: State,
  message: IncomingMessage,
  response: ServerResponse,
  waiting: boolean,
): Promise<void> {
  const requestId = randomBytes(8).toString('hex').toUpperCase();
  response.setHeader('x-amz-request-id', requestId);
  response.setHeader('x-amz-id-2', randomBytes(24).toString('base64'));
  response.on('error', () => message.destroy());
  message.on('error', () => response.destroy());
  try {
    const request = parseRequest(message);
    const logged = log(state, request, response);
    const fault = state.fault?.(logged);
    if (fault && 'silence' in fault) return;
    if (fault && 'reset' in fault && fault.reset === 'before')
      return void message.socket.resetAndDestroy();
    if (fault && 'answer' in fault) throw faultError(fault.answer);
    const continued = continuation(response, waiting);
    const reply = await carryOut(state, message, request, requestId, continued.go);
    if (fault && 'reset' in fault) return void message.socket.resetAndDestroy();
    if (!continued.went()) response.setHeader('connection', 'close');
    const cut = fault && 'cutBodyAfterBytes' in fault ? fault.cutBodyAfterBytes : undefined;
    send(request, response, reply, cut);
  } catch (error) {
    // A client that broke off gets no answer, and nothing of what it sent was kept.
    if (message.destroyed && !message.complete) return void response.destroy();
    if (waiting) response.setHeader('connection', 'close');
    sendError(message, response, requestId, error);
  }
}

function continuation(response: ServerResponse, waiting: boolean) {
  let held = waiting;
  return {
    go: (): void => {
      if (held) response.writeContinue();
      held = false;
    },
    went: (): boolean => !held,
  };
}

async function carryOut(
  state: State,
  message: IncomingMessage,
  request: S3Request,
  requestId: string,
  goOn: () => void,
): Promise<Reply> {
  const { options, buckets } = state;
  const { accessKeyId, secretAccessKey, region, clock } = options;
  const credentials = { accessKeyId, secretAccessKey };
  const auth = authenticate(request, { credentials, region, now: clock() });
  const call: Call = {
    request,
    buckets,
    region,
    bucket: () => findBucket(state, request.bucket),
    body: () => {
      goOn();
      return readBody(message, request, auth);
    },
    now: clock,
    partBytesMin: options.partBytesMin,
    changed: (change) => {
      const context = { time: clock(), region, requestId };
      options.onEvent?.(changeEvent({ bucket: request.bucket, ...change }, context));
    },
  };
  return route(request)(call);
}

function log(state: State, request: S3Request, response: ServerResponse): LoggedRequest {
  const entry = {
    method: request.method,
    bucket: request.bucket,
    key: request.key,
    query: Object.fromEntries(request.query),
    headers: request.headersBelow(''),
    status: 0,
  };
  state.requests.push(entry);
  response.on('finish', () => {
    entry.status = response.statusCode;
  });
  return entry;
}

function send(
  request: S3Request,
  response: ServerResponse,
  reply: Reply,
  cutAfterBytes: number | undefined,
): void {
  const body = typeof reply.body === 'object' ? reply.body : Buffer.from(reply.body ?? '');
  const hasLength = reply.status !== 204 && reply.status !== 304;
  const length = hasLength ? { 'content-length': `${body.length}` } : {};
  response.writeHead(reply.status, { ...length, ...reply.headers });
  if (request.method === 'HEAD') response.end();
  else if (cutAfterBytes === undefined) response.end(body);
  else response.write(body.subarray(0, cutAfterBytes), () => response.destroy());
}

function faultError(answer: { status: number; code: string; message?: string }): S3Error {
  return new S3Error(answer.code, answer.status, answer.message ?? answer.code);
}

function sendError(
  message: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  error: unknown,
): void {
  const known =
    error instanceof S3Error
      ? error
      : s3Error('InternalError', {}, error instanceof Error ? error.stack : String(error));
  const content = {
    Code: known.code,
    Message: known.message,
    Resource: message.url,
    RequestId: requestId,
    ...known.details,
  };
  const body = Buffer.from(xmlDocument('Error', content, false));
  const hasBody = message.method !== 'HEAD' && known.status !== 304;
  response.writeHead(known.status, {
    'content-type': 'application/xml',
    ...(hasBody && { 'content-length': `${body.length}` }),
  });
  response.end(hasBody ? body : undefined);
}
