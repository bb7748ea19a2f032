import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { importsOf } from './house.ts';

/** What one test file made the product raise. */
export interface RaisedIn {
  /** Absolute. */
  readonly file: string;
  readonly codes: readonly string[];
}

/** Codes that only `npm run test:real` can raise, with the reason. */
export const REAL_ONLY: ReadonlyMap<string, string> = new Map();

/**
 * What is wrong with how the tests of a complete run cover `codes`: the product must have raised
 * each of them while a test file ran that also names it, so that neither an assertion without a
 * fixture nor a fixture without an assertion counts.
 * @param textOf the text of a test file and of the helpers that it imports.
 */
export function uncovered(
  codes: readonly string[],
  runs: readonly RaisedIn[],
  textOf: (file: string) => string,
  realOnly = REAL_ONLY,
): readonly string[] {
  return codes.flatMap((code) => {
    const raising = runs.filter((run) => run.codes.includes(code));
    if (realOnly.has(code)) {
      const here = raising[0]?.file;
      return here === undefined ? [] : [`${code}: is raised by ${here}; take it from REAL_ONLY`];
    }
    if (raising.length === 0) return [`${code}: no test has a fixture that raises it`];
    const named = new RegExp(`\\b${code}\\b`);
    if (raising.some(({ file }) => named.test(textOf(file)))) return [];
    const files = raising.map(({ file }) => file).join(', ');
    return [`${code}: is raised by ${files}, but named there in no assertion`];
  });
}

/** Lines that assert nothing, and those that assert that something is not there. */
const NO_ASSERTION = /^(?:\s*(?:\/\/|\/?\*).*|.*\.not\..*)$/gm;

/** The text of `file` and of all that it imports below `folder`, without `NO_ASSERTION`. */
export function textWithHelpers(file: string, folder: string): string {
  const seen = new Map<string, string>();
  const open = [file];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    const text = readFileSync(path, 'utf8');
    seen.set(path, text.replace(NO_ASSERTION, ''));
    const own = importsOf(text).filter((name) => name.startsWith('.') && name.endsWith('.ts'));
    const targets = own.map((name) => join(dirname(path), name));
    open.push(...targets.filter((target) => !relative(folder, target).startsWith('..')));
  }
  return [...seen.values()].join('\n');
}
