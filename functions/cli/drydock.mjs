#!/usr/bin/env node
// Plain JavaScript that any Node understands, so that an old one is told so and not shown a stack.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const needed = [22, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `error NODE_TOO_OLD: Drydock needs Node.js ${needed.join('.')} or newer, this is ${process.versions.node}; in a clone run "npm run drydock --" instead\n`,
  );
  process.exit(2);
}

// By itself V8 gives 64 MiB and more to what has just been created, a quarter of all that a long
// copy needs: with 16 MiB it runs as fast. And glibc keeps what was freed in a heap per thread, of
// which two are enough. Only the command line and the environment of the process can say so, and POSIX
// lets a process replace its own.
const young = '--max-semi-space-size=8';
const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
if (process.execve !== undefined && !given.includes('--max-semi-space-size')) {
  const args = [process.execPath, young, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, args, { MALLOC_ARENA_MAX: '2', ...process.env });
}

// Node runs the sources of a clone as they are, but none below node_modules.
const sources = new URL('./main.ts', import.meta.url);
const path = fileURLToPath(sources);
const inPackage = /[\\/]node_modules[\\/]/.test(path) || !existsSync(path);
await import(inPackage ? new URL('../../dist/cli/main.mjs', import.meta.url).href : sources.href);
