import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { ConfigError, type ConfigProblem } from './problem.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML file as plain values that remember where they stand. */
export interface ConfigDocument {
  readonly value: unknown;
  /** Of the key that ends `path`, or of the nearest thing above it that is there. */
  positionOf(path: readonly PropertyKey[]): Position;
}

const SIZE_CHARS_MAX = 1024 * 1024;
const ALIASES_MAX = 100;
const ERRORS_MAX = 10;

/** @throws ConfigError `CONFIG_SYNTAX` */
export function parseYaml(text: string, file: string): ConfigDocument {
  try {
    return parseChecked(text, file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const problem = { line: 1, column: 1, path: '', message: 'it is nested too deeply' };
    throw new ConfigError('CONFIG_SYNTAX', file, [problem]);
  }
}

function parseChecked(text: string, file: string): ConfigDocument {
  const fail = (problems: readonly ConfigProblem[]): never => {
    throw new ConfigError('CONFIG_SYNTAX', file, problems);
  };
  const problemAt = (position: Position, message: string, hint?: string): ConfigProblem => ({
    ...position,
    path: '',
    message,
    ...(hint !== undefined && { hint }),
  });
  const start = { line: 1, column: 1 };
  if (text.length > SIZE_CHARS_MAX) fail([problemAt(start, 'the file is larger than 1 MiB')]);

  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: false,
  });
  const errors = document.errors.map(({ code, message, pos }) => {
    // The parser runs out of stack in the middle and reports it as an error of the text.
    if (message.includes('call stack')) throw new RangeError(message);
    return problemAt(at(pos[0]), plain(code, message), hintOf(code));
  });
  // Behind the first error of a line the parser is guessing.
  const firsts = errors.filter(
    ({ line }, index) => errors.findIndex((other) => other.line === line) === index,
  );
  if (firsts.length > 0) fail(firsts.slice(0, ERRORS_MAX));
  const pollution = keyNamed(document, '__proto__');
  if (pollution !== undefined) {
    fail([problemAt(at(pollution), 'a key must not be "__proto__"', 'Remove it')]);
  }
  const positionOf = (path: readonly PropertyKey[]): Position => at(offsetOf(document, path));
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX }), positionOf };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const unknown = /unresolved/i.test(error.message);
    const position = at(firstAlias(document));
    const message = unknown
      ? 'an alias ("*name") has no anchor ("&name") before it'
      : 'its aliases ("*name") unfold to too much';
    return fail([problemAt(position, message, 'Write the values out')]);
  }
}

/** Messages of the parser, without what they quote: that could be a secret. */
function plain(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key stands twice in one map';
  if (code === 'MULTIPLE_DOCS') return 'it holds several documents, separated by "---"';
  if (code === 'TAB_AS_INDENT') return 'a tab is used for indentation';
  const first = message.split(/[\n:]/)[0] ?? message;
  return `no valid YAML: ${first.replace(/(["'`]).*\1/g, '…').slice(0, 160)}`;
}

function hintOf(code: string): string | undefined {
  if (code === 'DUPLICATE_KEY') return 'Remove one of the two';
  if (code === 'MULTIPLE_DOCS') return 'Keep one document in the file';
  if (code === 'TAB_AS_INDENT') return 'Indent by spaces';
  return undefined;
}

function keyNamed(document: Document, name: string): number | undefined {
  let found: number | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== name) return undefined;
      found = key.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

function firstAlias(document: Document): number {
  let found = 0;
  visit(document, {
    Alias(_, alias) {
      found = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const steps = path.slice(0, length);
    const parent = length === 1 ? document.contents : document.getIn(steps.slice(0, -1), true);
    const last = steps.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === last);
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(steps, true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
