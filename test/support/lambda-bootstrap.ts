/**
 * The process in which a Lambda function runs: fetches events from the Runtime API, calls the
 * handler, posts what it answered. Started by `lambda-runtime.ts` with Lambda's environment.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import './derived-keys.ts';

type Handler = (event: unknown, context: unknown) => unknown;

const env = (name: string): string => process.env[name] ?? '';
const api = `http://${env('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime`;

async function loadHandler(): Promise<Handler> {
  const [module = '', name = ''] = env('_HANDLER').split(/\.(?=[^./]+$)/);
  const path = ['.js', '.mjs', '.cjs']
    .map((extension) => join(env('LAMBDA_TASK_ROOT'), module + extension))
    .find(existsSync);
  if (path === undefined)
    throw named('Runtime.ImportModuleError', `Cannot find module '${module}'`);
  const loaded = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const handler = loaded[name];
  if (typeof handler === 'function') return handler as Handler;
  throw named('Runtime.HandlerNotFound', `${env('_HANDLER')} is undefined or not exported`);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** As AWS's own runtime client writes it. */
function wireError(error: unknown): string {
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return JSON.stringify({ errorType: name, errorMessage: message, trace: stack.split('\n') });
}

async function post(path: string, body: string): Promise<void> {
  await (await fetch(`${api}/${path}`, { method: 'POST', body })).arrayBuffer();
}

async function serve(handler: Handler): Promise<void> {
  for (;;) {
    const next = await fetch(`${api}/invocation/next`);
    const header = (name: string): string => next.headers.get(`lambda-runtime-${name}`) ?? '';
    const id = header('aws-request-id');
    const deadline = Number(header('deadline-ms'));
    const context = {
      awsRequestId: id,
      functionName: env('AWS_LAMBDA_FUNCTION_NAME'),
      invokedFunctionArn: header('invoked-function-arn'),
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    const [path, body] = await answer(handler, await next.json(), context);
    await post(`invocation/${id}/${path}`, body);
  }
}

async function answer(
  handler: Handler,
  event: unknown,
  context: unknown,
): Promise<['response' | 'error', string]> {
  try {
    return ['response', JSON.stringify((await handler(event, context)) ?? null)];
  } catch (error) {
    console.error(error);
    return ['error', wireError(error)];
  }
}

const handler = await loadHandler().catch(async (error: unknown) => {
  await post('init/error', wireError(error));
  process.exit(1);
});
await serve(handler);
