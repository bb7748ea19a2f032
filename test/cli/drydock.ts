import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LAUNCHER_VARIABLE } from '../support/built-command.ts';
import { notePrinted } from '../support/raised-notes.ts';

export const LAUNCHER = join(import.meta.dirname, '../../functions/cli/drydock.mjs');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** Without lines of progress: a slow machine sees some, a fast one none. */
  readonly stderr: string;
}

export const PROGRESS =
  /^.+: (?:\d+ of )?\d+ objects?(?:, .+ of .+)?(?:, [\d.]+ ?\w*\/s(?:, .+ left)?)?\n/gm;

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** What is run instead of the launcher, e.g. what was built. */
  readonly launcher?: string;
  readonly nodeArgs?: readonly string[];
  /** Called with the process as soon as it runs. */
  readonly onStart?: (child: ReturnType<typeof spawn>) => void;
}

/** Variables of the machine that would change what the command finds. */
export const FOREIGN =
  /^(AWS_|AZURE_|KUBE|DRYDOCK_|XDG_|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|VITEST|TEST$)/;

/** Built from the sources before the tests began. */
const built = (): string | undefined => process.env[LAUNCHER_VARIABLE];

/** Runs the real launcher with the Node of this test, in a folder and environment of its own. */
export async function drydock(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const cwd = options.cwd ?? (await folder());
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  const env = { ...Object.fromEntries(kept), HOME: cwd, AWS_EC2_METADATA_DISABLED: 'true' };
  const command = options.node ?? process.execPath;
  const child = spawn(
    command,
    [...(options.nodeArgs ?? []), options.launcher ?? built() ?? LAUNCHER, ...args],
    {
      cwd,
      env: { ...env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  options.onStart?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      notePrinted(output.stdout);
      resolve({ code, ...output, stderr: output.stderr.replace(PROGRESS, '') });
    });
  });
}

/** A folder for one test, with `files` in it. */
export async function folder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'drydock-cli-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

export function parsed(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}
