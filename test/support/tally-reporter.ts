import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { FileTally, Tally } from './tally.ts';

/**
 * Writes what ran, what failed and what was left out (with its reason) to the file that
 * `DRYDOCK_TALLY` names. Vitest's own JSON report knows no reasons of skipped tests.
 */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const path = process.env['DRYDOCK_TALLY'];
    if (path === undefined) return;
    const tally: Tally = { files: modules.map(fileTally), strayErrors: unhandled.length };
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(tally, undefined, 2));
  }
}

function fileTally(module: TestModule): FileTally {
  const tests = [...module.children.allTests()];
  const of = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
  return {
    path: relative(process.cwd(), module.moduleId),
    passed: of('passed').length,
    failed: [
      ...of('failed').map((test) => test.fullName),
      ...of('pending').map((test) => `${test.fullName} (did not end)`),
      ...(brokenOutside(module) ? ['(outside of its tests)'] : []),
    ],
    skipped: of('skipped').map((test) => ({ name: test.fullName, reason: reasonOf(test) })),
  };
}

/** An import that throws, a hook that fails, a file without tests. */
function brokenOutside(module: TestModule): boolean {
  const suites = [...module.children.allSuites()];
  return module.errors().length > 0 || suites.some((suite) => suite.errors().length > 0);
}

/** The note of `context.skip(note)`, or the words that the name carries. */
function reasonOf(test: TestCase): string | undefined {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return note ?? /\(left out: (.+?)\)/.exec(test.fullName)?.[1];
}
