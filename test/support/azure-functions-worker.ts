/**
 * The process in which an Azure function app runs: answers `@azure/functions-core` as the Node
 * worker of the Functions host does, loads the app, and invokes its functions as the worker does.
 * Started by `azure-functions-host.ts`, spoken to over the process channel. Shapes after
 * https://github.com/Azure/azure-functions-nodejs-worker (types-core).
 */
import { Module } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Binding, FromWorker, ToWorker } from './azure-functions-host.ts';
import './derived-keys.ts';

type Callback = (...args: unknown[]) => unknown;

interface Metadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
}

/** What `@azure/functions` registers with the worker and the worker calls for an invocation. */
interface ProgrammingModel {
  getInvocationModel(context: unknown): {
    getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
    invokeFunction(context: unknown, inputs: unknown[], handler: Callback): Promise<unknown>;
    getResponse(context: unknown, result: unknown): Promise<unknown>;
  };
}

const functions = new Map<string, { metadata: Metadata; callback: Callback }>();
const hooks: { readonly name: string; readonly callback: Callback }[] = [];
let model: ProgrammingModel | undefined;

class Disposable {
  dispose(): void {}
}

const functionsCore = {
  version: '3.13.0',
  hostVersion: '4.1043.0',
  Disposable,
  log: (level: string, category: string, message: string): void =>
    tell({ kind: 'log', level, category, message }),
  setProgrammingModel: (chosen: ProgrammingModel): void => {
    model = chosen;
  },
  getProgrammingModel: (): ProgrammingModel | undefined => model,
  registerFunction: (metadata: Metadata, callback: Callback): Disposable => {
    functions.set(metadata.name, { metadata, callback });
    return new Disposable();
  },
  registerHook: (name: string, callback: Callback): Disposable => {
    hooks.push({ name, callback });
    return new Disposable();
  },
};

function tell(message: FromWorker): void {
  process.send?.(message);
}

/** As the worker does it; a `require` made by `createRequire` goes through the same door. */
function answerFunctionsCore(): void {
  const original = Module.prototype.require;
  const answer = function (this: Module, id: string): unknown {
    return id === '@azure/functions-core' ? functionsCore : original.call(this, id);
  };
  Module.prototype.require = answer as typeof original;
}

async function runHooks(name: string, context: unknown): Promise<void> {
  for (const hook of hooks.filter((one) => one.name === name)) await hook.callback(context);
}

async function invoke({ id, name, triggerData }: ToWorker): Promise<void> {
  const registered = functions.get(name);
  if (model === undefined || registered === undefined) throw new Error(`no function "${name}"`);
  const { metadata, callback } = registered;
  const bindings = Object.entries(metadata.bindings);
  const trigger = bindings.find(([, { type }]) => type.endsWith('Trigger'))?.[0];
  const invocation = model.getInvocationModel({
    invocationId: id,
    metadata,
    request: { inputData: [{ name: trigger, data: triggerData }], triggerMetadata: {} },
    log: functionsCore.log,
    state: undefined,
  });
  const { context, inputs } = await invocation.getArguments();
  const shared = { invocationContext: context, inputs, hookData: {}, appHookData: {} };
  await runHooks('preInvocation', shared);
  const result = await invocation.invokeFunction(context, inputs, callback);
  await runHooks('postInvocation', { ...shared, result });
  await invocation.getResponse(context, result);
}

process.on('message', async (message: ToWorker) => {
  try {
    await invoke(message);
    tell({ kind: 'done', id: message.id });
  } catch (error) {
    const { message: text, stack = '' } = error instanceof Error ? error : new Error(String(error));
    tell({ kind: 'failed', id: message.id, message: text, stack });
  }
});

answerFunctionsCore();
await import(pathToFileURL(process.argv[2] ?? '').href);
const loaded = [...functions.values()].map(({ metadata }) => ({
  name: metadata.name,
  bindings: Object.values(metadata.bindings),
}));
tell({ kind: 'loaded', functions: loaded });
