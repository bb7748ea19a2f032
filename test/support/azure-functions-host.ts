import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';

/**
 * The Functions host as far as a built bundle sees it: the real `@azure/functions` library in a
 * process of its own, over a small worker. What it leaves out: listeners and their leases.
 */
export interface Binding {
  readonly type: string;
  readonly schedule?: string;
  readonly queueName?: string;
}

export interface RegisteredFunction {
  readonly name: string;
  readonly bindings: readonly Binding[];
}

export interface LogLine {
  readonly level: string;
  readonly category: string;
  readonly message: string;
}

export type AzureOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string };

/** What a trigger hands over, in the types that the host tells it by. */
export type TypedData = { readonly json: string } | { readonly string: string };

export type ToWorker = {
  readonly id: string;
  readonly name: string;
  readonly triggerData: TypedData;
};

export type FromWorker =
  | { readonly kind: 'loaded'; readonly functions: readonly RegisteredFunction[] }
  | ({ readonly kind: 'log' } & LogLine)
  | ({ readonly id: string } & AzureOutcome);

export interface FunctionApp {
  readonly functions: readonly RegisteredFunction[];
  /** Fires a timer trigger, with the data that the host sends. */
  fireTimer(name: string, isPastDue?: boolean): Promise<AzureOutcome>;
  /** Fires a queue trigger with a message's text, which the host parses where it is JSON. */
  fireQueue(name: string, text: string): Promise<AzureOutcome>;
  readonly log: readonly LogLine[];
  /** What the app wrote to its own output. */
  output(): string;
  close(): Promise<void>;
}

const WORKER = join(import.meta.dirname, 'azure-functions-worker.ts');

/** Loads the app whose `main` is given; rejects with its output when it does not load. */
export async function startFunctionApp(
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<FunctionApp> {
  const log: LogLine[] = [];
  const pending = new Map<string, (outcome: AzureOutcome) => void>();
  let output = '';
  const child = fork(WORKER, [main], {
    cwd: dirname(main),
    env: { ...workerEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  const functions = await new Promise<readonly RegisteredFunction[]>((resolve, reject) => {
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'loaded') resolve(message.functions);
      else if (message.kind === 'log') log.push(message);
      else pending.get(message.id)?.(message);
    });
    child.on('close', (code) => {
      reject(new Error(`the app ended with exit code ${code}: ${output}`));
      const outcome = { kind: 'failed', message: `exit code ${code}`, stack: output } as const;
      for (const settle of pending.values()) settle(outcome);
    });
  });

  const fire = (name: string, triggerData: TypedData): Promise<AzureOutcome> =>
    new Promise((resolve) => {
      const id = randomUUID();
      pending.set(id, resolve);
      child.send({ id, name, triggerData } satisfies ToWorker);
    });

  return {
    functions,
    log,
    output: () => output,
    fireTimer: (name, isPastDue = false) => fire(name, { json: timerData(isPastDue) }),
    fireQueue: (name, text) => fire(name, isJson(text) ? { json: text } : { string: text }),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** As the host writes it: PascalCase, which the library turns into camelCase. */
function timerData(isPastDue: boolean): string {
  const [Last, Next] = ['2026-01-01T00:17:00+00:00', '2026-01-01T01:17:00+00:00'];
  return JSON.stringify({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: { Last, Next, LastUpdated: Last },
    IsPastDue: isPastDue,
  });
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function workerEnvironment(): Record<string, string> {
  return {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
    FUNCTIONS_WORKER_RUNTIME: 'node',
    WEBSITE_SITE_NAME: 'drydock-test',
    AWS_EC2_METADATA_DISABLED: 'true',
    TZ: ':UTC',
    PATH: dirname(process.execPath),
  };
}
