import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** One run of a program as a whole process, its start included. */
export interface Measured {
  readonly seconds: number;
  /** User and system time of the process. */
  readonly cpuSeconds: number;
  /** The most memory that was resident at once. */
  readonly peakBytes: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts the program by `posix_spawn` and waits with `wait4`, whose resource usage is that of this
 * one process. Python has both; Node has neither.
 */
const WRAPPER = `
import json, os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
into_log = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
started = time.monotonic()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=into_log)
_, status, usage = os.wait4(pid, 0)
print(json.dumps({
  "code": os.waitstatus_to_exitcode(status),
  "seconds": time.monotonic() - started,
  "cpuSeconds": usage.ru_utime + usage.ru_stime,
  "peakBytes": usage.ru_maxrss * 1024,
}))
`;

/** What runs now, so that an interrupted benchmark can end it. */
const running = new Set<ChildProcess>();

export function endMeasured(): void {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

/** Runs a command on the client's core. Throws, with its last words, when it fails. */
export async function measure(command: Command, folder: string): Promise<Measured> {
  const log = join(folder, 'last.log');
  const words = [...onCore(CLIENT_CORE), command.program, ...command.args];
  const child = spawn('python3', ['-c', WRAPPER, log, ...words], {
    env: { ...command.env },
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  try {
    const said = await outputOf(child);
    const { code, ...measured } = JSON.parse(said) as Measured & { readonly code: number };
    if (code === 0) return measured;
    const text = (await readFile(log, 'utf8')).slice(-2000);
    throw new Error(`${command.program} ended with ${code}:\n${text}`);
  } finally {
    running.delete(child);
  }
}

function outputOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`the measuring wrapper ended with ${code}`));
    });
  });
}

const SERVER_CORE = 0;
const CLIENT_CORE = 1;

const canPin = process.platform === 'linux' && availableParallelism() > 1;

/** Whether servers and clients have a core each. */
export function isPinned(): boolean {
  return pinned;
}
let pinned = false;

/** Moves this process, and so every server that it starts from now on, to the servers' core. */
export async function pinServers(): Promise<void> {
  if (!canPin) return;
  const args = ['-pc', `${SERVER_CORE}`, `${process.pid}`];
  const child = spawn('taskset', args, { stdio: 'ignore' });
  pinned = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

function onCore(core: number): readonly string[] {
  return pinned ? ['taskset', '-c', `${core}`] : [];
}
