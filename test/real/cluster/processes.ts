import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server that runs as a plain process beside the tests, with its output in a file. */
export interface Service {
  readonly name: string;
  readonly logFile: string;
  /** Resolves once the process is gone: SIGTERM first, SIGKILL after `graceMs`. */
  stop(): Promise<void>;
  /** The exit code, or the signal's name, as soon as the process has ended. */
  exited(): number | string | undefined;
}

/** What to start: the program by absolute path, and the folder its log goes to. */
export interface ServiceOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFolder: string;
  /** Working folder; decides relative paths and where core files would land. */
  readonly cwd: string;
  /** The whole environment of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Time from SIGTERM to SIGKILL; the API server drains for about 6 seconds. */
  readonly graceMs?: number;
}

/** Process groups that were started and not yet stopped; they must not outlive this process. */
const groups = new Set<number>();
process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  });
}

function killAll(): void {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
}

/** Starts a process of its own group's leader, so that its children end with it. */
export function startService(options: ServiceOptions): Service {
  const logFile = `${options.logFolder}/${options.name}.log`;
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = spawn(options.program, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) groups.add(child.pid);
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  let failure: string | undefined;
  child.on('error', (error) => {
    failure = error.message;
  });
  return {
    name: options.name,
    logFile,
    stop: () => stopChild(child, options.graceMs ?? 15_000).finally(() => log.end()),
    exited: () => failure ?? child.exitCode ?? child.signalCode ?? undefined,
  };
}

async function stopChild(child: ChildProcess, graceMs: number): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    // Not to the group: a server ends its own children when it is ready to.
    child.kill('SIGTERM');
    const timer = new AbortController();
    const late = sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([gone, late.then(() => signalGroup(pid, 'SIGKILL'))]);
    await gone;
    timer.abort();
  }
  signalGroup(pid, 'SIGKILL');
  groups.delete(pid);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group ended between the check and the signal: what was wanted.
  }
}

/** Polls until `ready` holds; throws with the tail of the log when it does not in time. */
export async function waitUntilReady(
  service: Service,
  ready: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const attempts = Math.ceil(timeoutMs / 200);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const end = service.exited();
    if (end !== undefined) break;
    if (await ready().catch(() => false)) return;
    await sleep(200);
  }
  const log = await readFile(service.logFile, 'utf8').catch(() => '');
  const state = service.exited() === undefined ? 'not ready' : `ended with ${service.exited()}`;
  throw new Error(`${service.name} is ${state} after ${timeoutMs} ms\n${log.slice(-4000)}`);
}

/** Reserves `count` different free loopback ports (freed again before this returns). */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    ports.push(address.port);
  }
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
  return ports;
}

/** One of {@link freePorts}. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

/** Work that is repeated until it is stopped. */
export interface Loop {
  /** Waits for the turn under way; throws what a turn threw, which also ended the loop. */
  stop(): Promise<void>;
}

/** Repeats `turn` with a pause in between, from now on. */
export function startLoop(turn: () => Promise<void>, pauseMs: number): Loop {
  let running = true;
  const turns = (async () => {
    while (running) {
      await turn();
      await sleep(pauseMs);
    }
  })();
  // Kept for stop(): until then nobody awaits it.
  turns.catch(() => undefined);
  return {
    stop: () => {
      running = false;
      return turns;
    },
  };
}

/** Stops services and loops in the reverse order of their start; all, whatever fails. */
export async function stopAll(services: readonly { stop(): Promise<void> }[]): Promise<void> {
  const errors: unknown[] = [];
  for (const service of [...services].reverse()) {
    await service.stop().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw new AggregateError(errors, 'some services did not stop');
}
