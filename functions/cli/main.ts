import { systemClock } from '../system-clock.ts';
import type { CliContext } from './context.ts';
import { EXIT, errorText, Interrupted, toDrydockError } from './outcome.ts';
import { run } from './program.ts';
import { colorsOf } from './terminal.ts';

const controller = new AbortController();

/** The first signal ends the work in good order, the second one ends the process. */
function stop(): void {
  if (controller.signal.aborted) process.exit(EXIT.interrupted);
  process.stderr.write('\nStopping; press Ctrl-C again to stop at once\n');
  controller.abort(new Interrupted());
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

// Whoever reads the output may leave early ("drydock ... | head"): the work goes on without them.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// Node would end with 1, which is the code of findings.
process.on('uncaughtException', (error) => {
  process.stderr.write(errorText(toDrydockError(error), context.errorColors));
  if (process.env['DRYDOCK_DEBUG']) process.stderr.write(`${error.stack}\n`);
  process.exit(EXIT.operation);
});

const context: CliContext = {
  env: process.env,
  clock: systemClock,
  signal: controller.signal,
  stdout: process.stdout,
  stderr: process.stderr,
  colors: colorsOf(process.stdout, process.env),
  errorColors: colorsOf(process.stderr, process.env),
};
const code = await run(process.argv.slice(2), context);
// A connection that is kept alive must not keep the process; what was written must leave it.
await Promise.all([process.stdout, process.stderr].map(flushed));
process.exit(controller.signal.aborted ? EXIT.interrupted : code);

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.errored) resolve();
    else stream.write('', () => resolve());
  });
}
