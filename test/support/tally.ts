/** What one test file did. A name is the full name of a test. */
export interface FileTally {
  readonly path: string;
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly reason?: string | undefined }[];
}

/** What one run of the test runner did. */
export interface Tally {
  readonly files: readonly FileTally[];
  /** Errors that belong to no test: a rejection that nobody awaited. */
  readonly strayErrors: number;
}

/** A step around the test runs: installing, a type check, a run that left no tally. */
export interface StepFailure {
  readonly step: string;
  readonly reason: string;
}

export interface Closing {
  /** Ends with `N passed, N failed, N skipped`. */
  readonly lines: readonly string[];
  readonly ok: boolean;
}

/** How the reason of a suite begins that ran out of the time set for its tools. */
export const TIME_GUARD = 'time guard:';

/**
 * The closing lines of a whole run: reasons of what was left out, failures, and the counts alone
 * on the last line. Not ok when anything failed, when a test was left out without a reason, when a
 * file in which every test was left out did not fall to the time guard, or when nothing ran.
 */
export function closing(tallies: readonly Tally[], steps: readonly StepFailure[] = []): Closing {
  const files = tallies.flatMap((tally) => tally.files);
  const failures = [
    ...steps.map(({ step, reason }) => `${step}: ${reason}`),
    ...files.flatMap((file) => file.failed.map((name) => `${file.path}: ${name}`)),
    ...files.flatMap(missing),
    ...tallies.flatMap(({ strayErrors }) => Array(strayErrors).fill('an error outside of tests')),
    ...(files.length === 0 ? ['no test file was run'] : []),
  ];
  const passed = files.reduce((sum, file) => sum + file.passed, 0);
  const skipped = files.reduce((sum, file) => sum + file.skipped.length, 0);
  const lines = [
    ...reasons(files),
    ...failures.map((failure) => `failed: ${failure}`),
    `${passed} passed, ${failures.length} failed, ${skipped} skipped`,
  ];
  return { lines, ok: failures.length === 0 };
}

/**
 * What a step adds to the failures of its tests: nothing when they explain its exit code, so that
 * one failed test is one failure.
 */
export function stepFailures(step: string, code: number, tally: Tally | undefined): StepFailure[] {
  if (tally === undefined) return [{ step, reason: `exit code ${code}, before its tests ended` }];
  const explained = !closing([tally]).ok;
  return code === 0 || explained ? [] : [{ step, reason: `exit code ${code}, its tests passed` }];
}

/** Rules that a file broke by leaving tests out. */
function missing(file: FileTally): string[] {
  const unexplained = file.skipped
    .filter(({ reason }) => reason === undefined)
    .map(({ name }) => `${file.path}: left out without a reason: ${name}`);
  const guarded = file.skipped.some(({ reason }) => reason?.startsWith(TIME_GUARD));
  if (file.passed + file.failed.length > 0 || guarded) return unexplained;
  return [...unexplained, `${file.path}: a suite that must run did not run`];
}

/** One line for each reason of a file, with the number of tests that it keeps out. */
function reasons(files: readonly FileTally[]): string[] {
  return files.flatMap((file) => {
    const counts = new Map<string, number>();
    for (const { reason = 'no reason given' } of file.skipped) {
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => `skipped: ${count} in ${file.path}: ${reason}`);
  });
}
