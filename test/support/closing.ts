/**
 * Prints the closing lines of a whole run and exits 1 unless all is well.
 *
 *     node test/support/closing.ts <step>=<exit code>=<tally file> ...
 */
import { existsSync, readFileSync } from 'node:fs';
import { closing, type StepFailure, stepFailures, type Tally } from './tally.ts';

const failures: StepFailure[] = [];
const tallies: Tally[] = [];
for (const argument of process.argv.slice(2)) {
  const [step = '', code = '', path = ''] = argument.split('=');
  const tally = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Tally) : undefined;
  if (tally) tallies.push(tally);
  failures.push(...stepFailures(step, Number(code), tally));
}

const { lines, ok } = closing(tallies, failures);
for (const line of lines) console.log(line);
process.exitCode = ok ? 0 : 1;
