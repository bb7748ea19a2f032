import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';

/**
 * Lambda on loopback: the documented Runtime API, and the built bundle in a process of its own with
 * Lambda's environment. What it leaves out: freezing, memory limits, asynchronous retries.
 */
export interface LambdaOptions {
  /** What the zip would unpack to. */
  readonly taskRoot: string;
  /** As in serverless.yml, e.g. `index.handler`. */
  readonly handler: string;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  /** Another program that speaks to the Runtime API, e.g. AWS's own client. */
  readonly runtime?: readonly [string, ...string[]];
}

export interface LambdaError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

export type LambdaOutcome =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: LambdaError }
  | { readonly kind: 'init error'; readonly error: LambdaError }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'exit'; readonly code: number | null };

export interface Lambda {
  /**
   * Invokes once, in the process of the call before unless that one ended.
   * @param toldMs what the function is told of its time, where that is less than it has
   */
  invoke(event: unknown, timeoutMs?: number, toldMs?: number): Promise<LambdaOutcome>;
  /** Everything that the function wrote, in order. */
  logs(): string;
  close(): Promise<void>;
}

interface Invocation {
  readonly id: string;
  readonly toldMs: number;
  readonly event: string;
  readonly settle: (outcome: LambdaOutcome) => void;
}

const BOOTSTRAP = join(import.meta.dirname, 'lambda-bootstrap.ts');
const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:drydock-test';

export async function startLambda(options: LambdaOptions): Promise<Lambda> {
  let current: Invocation | undefined;
  let waiting: ServerResponse | undefined;
  let child: ChildProcess | undefined;
  let log = '';

  /** Hands the event over once both sides are there. */
  const meet = (): void => {
    if (current === undefined || waiting === undefined) return;
    waiting.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': current.id,
      'lambda-runtime-deadline-ms': String(Date.now() + current.toldMs),
      'lambda-runtime-invoked-function-arn': FUNCTION_ARN,
      'lambda-runtime-trace-id': 'Root=1-00000000-000000000000000000000000;Sampled=0',
    });
    waiting.end(current.event);
    waiting = undefined;
  };

  const server = createServer(async (request, response) => {
    const path = request.url?.replace('/2018-06-01/runtime/', '') ?? '';
    if (path === 'invocation/next') {
      waiting = response;
      response.on('close', () => {
        if (waiting === response) waiting = undefined;
      });
      return meet();
    }
    const body = JSON.parse(await readBody(request));
    response.writeHead(202).end('{"status":"OK"}');
    if (path === 'init/error') current?.settle({ kind: 'init error', error: body });
    if (path === `invocation/${current?.id}/response`)
      current?.settle({ kind: 'result', value: body });
    if (path === `invocation/${current?.id}/error`) current?.settle({ kind: 'error', error: body });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const start = (): void => {
    const [program, ...args] = options.runtime ?? [process.execPath, BOOTSTRAP];
    const started = spawn(program, args, {
      cwd: options.taskRoot,
      env: { ...lambdaEnvironment(options, port), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (data: Buffer) => {
        log += data.toString();
      });
    }
    started.on('close', (code) => {
      if (child !== started) return;
      child = undefined;
      current?.settle({ kind: 'exit', code });
    });
    child = started;
  };

  const stop = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined) return;
    const closed = once(running, 'close');
    running.kill('SIGKILL');
    await closed;
  };

  return {
    invoke: async (event, timeoutMs = options.timeoutMs, toldMs = timeoutMs) => {
      if (current !== undefined) throw new Error('one invocation at a time');
      if (child === undefined) start();
      const outcome = await new Promise<LambdaOutcome>((resolve) => {
        const timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs);
        const settle = (settled: LambdaOutcome): void => {
          clearTimeout(timer);
          resolve(settled);
        };
        current = { id: randomUUID(), toldMs, event: JSON.stringify(event), settle };
        meet();
      });
      current = undefined;
      if (outcome.kind === 'timeout' || outcome.kind === 'init error') await stop();
      return outcome;
    },
    logs: () => log,
    close: async () => {
      await stop();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What Lambda itself sets; nothing of the machine that runs the test. */
function lambdaEnvironment(options: LambdaOptions, port: number): Record<string, string> {
  return {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    _HANDLER: options.handler,
    LAMBDA_TASK_ROOT: options.taskRoot,
    AWS_LAMBDA_FUNCTION_NAME: 'drydock-test',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/drydock-test',
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/01/[$LATEST]0',
    AWS_REGION: 'eu-central-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    TZ: ':UTC',
    PATH: dirname(process.execPath),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += piece;
  return text;
}
