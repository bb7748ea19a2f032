import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { GoInstallRecipe, GoModuleRecipe, PipRecipe, ToolPin } from './pins.ts';

/** The folder with one subfolder of go.mod/go.sum or requirements.txt per tool. */
const PINS_FOLDER = import.meta.dirname;

const TAIL_LINES = 25;

/** What could not be installed and why, for one tool. */
export class InstallError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'InstallError';
    this.hint = hint;
  }
}

/** Name and content of every file that decides what a recipe yields, in a fixed order. */
export function pinnedFiles(pin: ToolPin): [string, Buffer][] {
  if (pin.recipe.how === 'go-install') return [];
  const folder = join(PINS_FOLDER, pin.recipe.folder);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
  return paths.sort().map((path) => [path.slice(folder.length + 1), readFileSync(path)]);
}

/** Relative path of the executable `output` (default: the tool's first) in the tool's folder. */
export function programPath(pin: ToolPin, output?: string): string {
  const names = programNames(pin);
  const name = output ?? names[0] ?? '';
  if (!names.includes(name)) {
    throw new InstallError(
      `cannot find program "${name}" in tool "${pin.name}", which has ${names.join(', ')}`,
      'add the program to the row in test/real/tools/pins.ts',
    );
  }
  return join('bin', name);
}

/** Names of the executables that a tool consists of. */
export function programNames(pin: ToolPin): string[] {
  if (pin.recipe.how === 'go-install') return [basename(pin.recipe.package)];
  if (pin.recipe.how === 'pip') return [...pin.recipe.programs];
  return pin.recipe.programs.map((program) => program.output);
}

/** Carries out the recipe of `pin` in the empty folder `target`. */
export async function carryOut(pin: ToolPin, target: string): Promise<void> {
  await mkdir(join(target, 'bin'), { recursive: true });
  if (pin.recipe.how === 'go-module') await goModule(pin.recipe, target);
  else if (pin.recipe.how === 'go-install') await goInstall(pin.recipe, pin.version, target);
  else await pip(pin.recipe, target);
}

async function goModule(recipe: GoModuleRecipe, target: string): Promise<void> {
  const cwd = join(PINS_FOLDER, recipe.folder);
  for (const program of recipe.programs) {
    const output = join(target, 'bin', program.output);
    const flags = ['-mod=readonly', '-ldflags', recipe.ldflags ?? '-s -w'];
    await run('go', ['build', ...flags, '-o', output, program.package], { cwd, env: goEnv() });
  }
  for (const file of recipe.files ?? []) {
    const list = ['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', file.module];
    const dir = (await run('go', list, { cwd, env: goEnv() })).trim();
    const to = join(target, file.to);
    await mkdir(dirname(to), { recursive: true });
    await cp(join(dir, file.from), to, { recursive: true });
  }
}

async function goInstall(recipe: GoInstallRecipe, version: string, target: string): Promise<void> {
  const tag = version.startsWith('v') ? version : `v${version}`;
  const args = ['install', '-ldflags', recipe.ldflags ?? '-s -w', `${recipe.package}@${tag}`];
  await run('go', args, { cwd: target, env: { ...goEnv(), GOBIN: join(target, 'bin') } });
}

async function pip(recipe: PipRecipe, target: string): Promise<void> {
  const requirements = join(PINS_FOLDER, recipe.folder, 'requirements.txt');
  await run('python3', ['-m', 'venv', target], { cwd: target, env: process.env });
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements];
  await run(join(target, 'bin', 'python3'), args, { cwd: target, env: process.env });
}

/** Exactly the Go that is installed, no C compiler, no machine paths in the binaries. */
function goEnv(): NodeJS.ProcessEnv {
  const flags = { GOFLAGS: '-trimpath -buildvcs=false', GOWORK: 'off' };
  return { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0', ...flags };
}

interface RunOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const name = `${basename(command)} ${args[0] ?? ''}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let both = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    both += chunk;
  });
  child.stderr.on('data', (chunk) => {
    both += chunk;
  });
  child.on('error', () => {
    const hint = 'install Go 1.26 or newer and Python 3.11 or newer, and put both on PATH';
    reject(new InstallError(`cannot start "${command}"`, hint));
  });
  child.on('close', (code, signal) => {
    if (code === 0) return resolve(stdout);
    const tail = both.trimEnd().split('\n').slice(-TAIL_LINES).join('\n    ');
    const hint = `its last lines:\n    ${tail}`;
    reject(new InstallError(`"${name}" ended with ${signal ?? `exit code ${code}`}`, hint));
  });
  return promise;
}
