/**
 * Installs the released tools and runs the tests against them, and those that take long by nature
 * (project `long` of vitest.config.ts), which need Node and npm alone.
 *
 *     npm run test:real [-- <arguments for vitest> ...]
 *
 * With a pattern of test names (-t) only the runner's own result counts: what it passes over is no
 * suite that must run.
 *
 * The tools of the tiers in `tier.ts` are given `DRYDOCK_TIME_GUARD_MINUTES` (45) in all; what is
 * not ready by then is left out, and said so. Everything else must install and must run.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  closing,
  type StepFailure,
  stepFailures,
  type Tally,
  TIME_GUARD,
} from '../support/tally.ts';
import { leftOutVariable, TIERS, type Tier } from './tier.ts';

const root = join(import.meta.dirname, '../..');
const installer = join(import.meta.dirname, 'tools/install.ts');
const GUARD_MINUTES = Number(process.env['DRYDOCK_TIME_GUARD_MINUTES'] ?? 45);
/** What finding out that a tool is there already may take, however late it is. */
const LOOK_MS = 20_000;

process.exitCode = await main(process.argv.slice(2));

async function main(filters: readonly string[]): Promise<number> {
  const guardEnds = performance.now() + GUARD_MINUTES * 60_000;
  const failures: StepFailure[] = [];
  if ((await install(['core', 'kopia-lz4'])) !== 0) {
    failures.push({ step: 'tools', reason: 'a tool that every run needs could not be installed' });
  }
  const leftOut: Record<string, string> = {};
  for (const tier of TIERS) {
    const code = await install([tier], Math.max(guardEnds - performance.now(), LOOK_MS));
    if (code === 'timeout') leftOut[leftOutVariable(tier)] = guardReason(tier);
    else if (code !== 0) failures.push({ step: 'tools', reason: `cannot install ${tier}` });
  }
  return await runTests(filters, leftOut, failures);
}

function guardReason(tier: Tier): string {
  return `${TIME_GUARD} the tools of "${tier}" were not built within ${GUARD_MINUTES} minutes`;
}

async function install(groups: readonly string[], limitMs?: number): Promise<number | 'timeout'> {
  const args = groups.flatMap((group) => ['--group', group]);
  return await run([installer, ...args], {}, limitMs);
}

async function runTests(
  filters: readonly string[],
  leftOut: Readonly<Record<string, string>>,
  failures: StepFailure[],
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-real-'));
  const tallyFile = process.env['DRYDOCK_TALLY'] ?? join(folder, 'tally.json');
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const env = { ...leftOut, DRYDOCK_TALLY: tallyFile };
    const code = await run(
      [vitest, 'run', '--project', 'real', '--project', 'long', ...filters],
      env,
    );
    if (filters.some((filter) => /^(-t|--testNamePattern)/.test(filter))) return Number(code);
    const tally = readTally(tallyFile);
    failures.push(...stepFailures('vitest', Number(code), tally));
    const { lines, ok } = closing(tally ? [tally] : [], failures);
    for (const line of lines) console.log(line);
    return ok ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readTally(path: string): Tally | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Tally) : undefined;
}

/**
 * Runs Node with `args`; answers its exit code. After `limitMs` it and all that it started is
 * ended; a tool that was under way is built anew by the next run.
 */
function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  limitMs?: number,
): Promise<number | 'timeout'> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    let late = false;
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
    };
    const interrupt = (signal: NodeJS.Signals): void => end(signal);
    const timer = setTimeout(
      () => {
        late = true;
        end('SIGTERM');
      },
      Math.max(0, limitMs ?? 2 ** 31 - 1),
    );
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt);
    child.on('error', reject);
    child.on('exit', (code) => {
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupt);
      resolve(late ? 'timeout' : (code ?? 1));
    });
  });
}
