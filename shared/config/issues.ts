import type { z } from 'zod';
import type { ConfigDocument } from './document.ts';
import { didYouMean } from './nearest.ts';
import type { ConfigProblem } from './problem.ts';
import { type Path, problemAt, shownPath, shownText } from './problem-at.ts';
import { exampleAt, keysAt } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** What the schema has against the document, in the words of somebody who edits it. */
export function problemsOf(issue: Issue, document: ConfigDocument): readonly ConfigProblem[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(document, issue.path, key));
    case 'invalid_union':
      return ofUnion(issue.path, issue.errors, document);
    case 'invalid_key':
      return issue.issues.map(({ message }) =>
        problemAt(document, issue.path, `this name ${message}`),
      );
    case 'invalid_type':
      return [wrongType(document, issue.path, issue.expected)];
    case 'invalid_value':
      return [wrongValue(document, issue.path, issue.values)];
    case 'custom': {
      const hint: unknown = issue.params?.['hint'];
      const told = typeof hint === 'string' ? hint : undefined;
      return [problemAt(document, issue.path, issue.message, told)];
    }
    case 'too_small':
      return [problemAt(document, issue.path, outOfRange(issue.origin, 'least', issue.minimum))];
    case 'too_big':
      return [problemAt(document, issue.path, outOfRange(issue.origin, 'most', issue.maximum))];
    default:
      return [problemAt(document, issue.path, lowerFirst(issue.message))];
  }
}

function unknownKey(document: ConfigDocument, path: Path, key: string): ConfigProblem {
  const known = keysAt(path);
  const near = didYouMean(key, known);
  const all = `Valid keys are ${known.join(', ')}`;
  const hint = near === undefined ? all : `${near} ${all}`;
  const problem = problemAt(document, [...path, key], `unknown key "${shownText(key)}"`, hint);
  return { ...problem, path: shownPath(path) };
}

/** Of the variants of a union the one counts that fits the kind of value that was written. */
function ofUnion(
  path: Path,
  variants: readonly (readonly Issue[])[],
  document: ConfigDocument,
): readonly ConfigProblem[] {
  const meant = variants.find(
    (issues) => !issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0),
  );
  if (meant === undefined) {
    const found = kindOf(valueAt(document.value, path));
    return [problemAt(document, path, `needs a URL or a map with "url", found ${found}`)];
  }
  return meant.flatMap((issue) => {
    const placed = { ...issue, path: [...path, ...issue.path] };
    return problemsOf(placed, document);
  });
}

function outOfRange(origin: string, end: 'least' | 'most', bound: number | bigint): string {
  if (origin === 'array')
    return `must have at ${end} ${bound} ${bound === 1 ? 'entry' : 'entries'}`;
  if (origin === 'string') return `must have at ${end} ${bound} characters`;
  return `must be at ${end} ${bound}`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
};

function wrongType(document: ConfigDocument, path: Path, expected: string): ConfigProblem {
  const needed = KINDS[expected] ?? expected;
  const value = valueAt(document.value, path);
  const last = String(path.at(-1) ?? '');
  if (value === undefined) {
    const message = `"${last}" is missing; it must be ${needed}`;
    const problem = problemAt(document, path, message, `Add "${last}:" here`);
    return { ...problem, path: shownPath(path.slice(0, -1)) };
  }
  const example = exampleAt(path);
  // YAML takes 111122223333 for a number and true for a truth value: quotes make them strings.
  const hint = example === undefined ? undefined : `Write it like ${JSON.stringify(example)}`;
  return problemAt(document, path, `must be ${needed}, found ${kindOf(value)}`, hint);
}

function wrongValue(document: ConfigDocument, path: Path, values: readonly unknown[]) {
  const value = valueAt(document.value, path);
  const last = String(path.at(-1) ?? '');
  const needed = values.map((each) => JSON.stringify(each)).join(' or ');
  if (value === undefined) {
    const message = `"${last}" is missing; it must be ${needed}`;
    const problem = problemAt(document, path, message, `Add "${last}: ${values[0]}" here`);
    return { ...problem, path: shownPath(path.slice(0, -1)) };
  }
  const found = typeof value === 'string' ? `"${shownText(value)}"` : kindOf(value);
  const hint = typeof value === 'string' ? didYouMean(value, values.filter(isString)) : undefined;
  return problemAt(document, path, `must be ${needed}, found ${found}`, hint);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction';
  return typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    if (!Object.hasOwn(current, step)) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
