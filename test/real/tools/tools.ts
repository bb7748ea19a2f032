import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOOLS, type ToolGroup, type ToolPin } from './pins.ts';
import { carryOut, InstallError, pinnedFiles, programNames, programPath } from './recipes.ts';

/**
 * Layout of the cache: `<tool>-<hash of its pins>/` holds one folder per attempt
 * (`build-<pid>-<random>`) and, once an attempt has ended well, `done.json`, which names that
 * folder. Nothing is moved after it was built, because virtual environments contain their path.
 */
interface DoneMarker {
  folder: string;
  version: string;
  seconds: number;
}

const DONE_FILE = 'done.json';
const POLL_MS = 500;

/** After that both build, which is safe: a process id may have been given to someone else. */
const LONGEST_WAIT_MS = 20 * 60_000;

export interface InstallOutcome {
  tool: string;
  version: string;
  state: 'installed' | 'present';
  /** Wall time of this call, or of the original installation when it was already there. */
  seconds: number;
}

/** Where tools are kept: `DRYDOCK_TOOLS_DIR`, by default a cache in the user's home. */
export function toolsRoot(): string {
  return process.env['DRYDOCK_TOOLS_DIR'] || join(homedir(), '.cache', 'drydock-tools');
}

/** The row of a tool. Throws `InstallError` when there is no such tool. */
export function toolPin(name: string): ToolPin {
  const pin = TOOLS.find((tool) => tool.name === name);
  if (pin) return pin;
  const names = TOOLS.map((tool) => tool.name).join(', ');
  throw new InstallError(`cannot find tool "${name}"`, `use one of ${names}`);
}

/** The pinned version of a tool, as its own releases write it. */
export function toolVersion(name: string): string {
  return toolPin(name).version;
}

/**
 * The folder that holds an installed tool: `bin/`, and whatever its row's `files` copied.
 * Throws `InstallError`, naming the command to run, when it is not installed.
 */
export function toolFolder(name: string): string {
  const pin = toolPin(name);
  const home = cacheFolder(pin);
  const done = readMarker(home);
  if (done) return join(home, done.folder);
  throw new InstallError(
    `cannot use ${pin.name} ${pin.version}, it is not installed`,
    `run node test/real/tools/install.ts --group ${pin.group}`,
  );
}

/**
 * Absolute path of an executable of a tool, by default its first.
 * Throws `InstallError`, naming the command to run, when it is not installed.
 */
export function toolPath(name: string, output?: string): string {
  const relative = programPath(toolPin(name), output);
  return join(toolFolder(name), relative);
}

/** Installs what is missing of the groups. Throws `InstallError` at the first failure. */
export async function ensureTools(groups: readonly ToolGroup[]): Promise<InstallOutcome[]> {
  const outcomes: InstallOutcome[] = [];
  for (const pin of TOOLS.filter((tool) => groups.includes(tool.group))) {
    outcomes.push(await installTool(pin));
  }
  return outcomes;
}

/**
 * Installs one tool unless it is there. Killed half-way it leaves an attempt that the next call
 * removes; when two processes install the same tool, the second waits for the first.
 */
export async function installTool(pin: ToolPin): Promise<InstallOutcome> {
  const home = cacheFolder(pin);
  await mkdir(home, { recursive: true });
  const present = readMarker(home) ?? (await waitForOthers(home));
  if (present) return outcome(pin, 'present', present.seconds);

  const folder = `build-${process.pid}-${randomBytes(4).toString('hex')}`;
  const target = join(home, folder);
  const started = performance.now();
  try {
    await carryOut(pin, target);
    checkPrograms(pin, target);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw named(pin, error);
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  await publish(home, { folder, version: pin.version, seconds });
  return outcome(pin, 'installed', seconds);
}

function cacheFolder(pin: ToolPin): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([pin, process.platform, process.arch]));
  for (const [name, content] of pinnedFiles(pin)) {
    hash.update(`\0${name}\0${content.length}\0`).update(content);
  }
  return join(toolsRoot(), `${pin.name}-${hash.digest('hex').slice(0, 16)}`);
}

function readMarker(home: string): DoneMarker | undefined {
  const path = join(home, DONE_FILE);
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')) as DoneMarker;
}

/** The first to link its marker wins; a later one removes its own attempt. */
async function publish(home: string, marker: DoneMarker): Promise<void> {
  const draft = join(home, `${marker.folder}.json`);
  await writeFile(draft, JSON.stringify(marker));
  try {
    await link(draft, join(home, DONE_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await rm(join(home, marker.folder), { recursive: true, force: true });
  } finally {
    await rm(draft, { force: true });
  }
}

async function waitForOthers(home: string): Promise<DoneMarker | undefined> {
  const patience = performance.now() + LONGEST_WAIT_MS;
  while (performance.now() < patience && (await attemptUnderWay(home))) await sleep(POLL_MS);
  return readMarker(home);
}

/** Whether a living process builds in `home`; removes what dead ones left there. */
async function attemptUnderWay(home: string): Promise<boolean> {
  for (const entry of await readdir(home)) {
    const pid = /^build-(\d+)-/.exec(entry)?.[1];
    if (pid === undefined) continue;
    if (readMarker(home)) return false;
    if (isAlive(Number(pid)) && Number(pid) !== process.pid) return true;
    await rm(join(home, entry), { recursive: true, force: true });
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function checkPrograms(pin: ToolPin, target: string): void {
  for (const name of programNames(pin)) {
    const path = join(target, programPath(pin, name));
    if (existsSync(path)) continue;
    throw new InstallError(
      `the recipe ended well but "bin/${name}" is absent`,
      'correct the row in test/real/tools/pins.ts',
    );
  }
}

function outcome(pin: ToolPin, state: InstallOutcome['state'], seconds: number): InstallOutcome {
  return { tool: pin.name, version: pin.version, state, seconds };
}

function named(pin: ToolPin, error: unknown): InstallError {
  const reason = error instanceof Error ? error.message : String(error);
  const hint = error instanceof InstallError ? error.hint : 'run it again';
  return new InstallError(`cannot install ${pin.name} ${pin.version}: ${reason}`, hint);
}
