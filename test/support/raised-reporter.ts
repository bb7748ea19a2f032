import { join } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';
import { FINDINGS } from '../../shared/model/finding.ts';
import { textWithHelpers, uncovered } from './raised.ts';
import type {} from './raised-record.ts';

const TESTS = join(import.meta.dirname, '..');
const PROJECT = 'npm';

/** Fails a complete run whose tests do not raise every code of the catalogue (`raised.ts`). */
export default class RaisedReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(
    modules: readonly TestModule[],
    _unhandled: readonly unknown[],
    reason: TestRunEndReason,
  ): Promise<void> {
    const ran = modules.filter(({ project }) => project.name === PROJECT);
    if (reason !== 'passed' || !(await this.#isComplete(ran))) return;
    const runs = ran.map((module) => ({
      file: module.moduleId,
      codes: module.meta().raised ?? [],
    }));
    const texts = new Map<string, string>();
    const textOf = (file: string): string => {
      const text = texts.get(file) ?? textWithHelpers(file, TESTS);
      texts.set(file, text);
      return text;
    };
    const problems = uncovered(Object.keys(FINDINGS), runs, textOf);
    if (problems.length === 0) return;
    const root = join(TESTS, '..');
    for (const problem of problems) console.error(problem.replaceAll(`${root}/`, ''));
    process.exitCode = 1;
  }

  /** Every file of the project ran, and no pattern left tests out. */
  async #isComplete(ran: readonly TestModule[]): Promise<boolean> {
    const vitest = this.#vitest;
    if (vitest === undefined || vitest.config.testNamePattern !== undefined) return false;
    // Another project ran: this one was not asked.
    if (ran.length === 0) return false;
    const all = await vitest.globTestSpecifications();
    const files = new Set(ran.map(({ moduleId }) => moduleId));
    return all.every(({ project, moduleId }) => project.name !== PROJECT || files.has(moduleId));
  }
}
