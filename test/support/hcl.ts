/**
 * As much of HCL as our own Terraform files use: blocks, and attributes whose values are kept as
 * text. It throws on what it does not know, so that nothing is overlooked in silence.
 * https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
 */
export interface HclBody {
  /** The text right of the `=`, white space folded. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly blocks: readonly HclBlock[];
}

export interface HclBlock extends HclBody {
  readonly type: string;
  readonly labels: readonly string[];
}

const OPENING = '([{';
const CLOSING = ')]}';

/** @throws Error with the line, when the text is not of this kind. */
export function parseHcl(text: string): HclBody {
  const reader = { text: withoutComments(text), at: 0 };
  const body = readBody(reader);
  if (reader.at < reader.text.length) throw wrong(reader, 'a bracket closes what nothing opened');
  return body;
}

interface Reader {
  readonly text: string;
  at: number;
}

function readBody(reader: Reader): HclBody {
  const attributes = new Map<string, string>();
  const blocks: HclBlock[] = [];
  for (;;) {
    take(reader, /\s*/y);
    if (reader.at === reader.text.length || reader.text[reader.at] === '}') break;
    const name = take(reader, /[A-Za-z_][\w-]*/y);
    if (name === '') throw wrong(reader, 'expected a name');
    if (take(reader, /[ \t]*=(?!=)[ \t]*/y) !== '') {
      if (attributes.has(name)) throw wrong(reader, `"${name}" is set twice`);
      attributes.set(name, readValue(reader));
    } else blocks.push(readBlock(reader, name));
  }
  return { attributes, blocks };
}

function readBlock(reader: Reader, type: string): HclBlock {
  const header = take(reader, /(?:[ \t]+"[^"\n]*")*[ \t]*\{/y);
  if (header === '') throw wrong(reader, `expected "=" or "{" after "${type}"`);
  const labels = [...header.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
  const body = readBody(reader);
  if (take(reader, /\s*\}/y) === '') throw wrong(reader, `"${type}" is not closed`);
  return { type, labels, ...body };
}

/** Up to the end of the line, or of the last line while a bracket or a string is open. */
function readValue(reader: Reader): string {
  const start = reader.at;
  const open: string[] = [];
  for (; reader.at < reader.text.length; reader.at += 1) {
    const sign = reader.text[reader.at] ?? '';
    if (sign === '\n' && open.length === 0) break;
    if (sign === '"') skipString(reader);
    else if (sign === '<' && reader.text[reader.at + 1] === '<') throw wrong(reader, 'a heredoc');
    else if (OPENING.includes(sign)) open.push(sign);
    else if (CLOSING.includes(sign)) {
      if (OPENING.indexOf(open.pop() ?? '') !== CLOSING.indexOf(sign)) break;
    }
  }
  if (open.length > 0) throw wrong(reader, `"${open.at(-1)}" is not closed`);
  return reader.text.slice(start, reader.at).trim().replace(/\s+/g, ' ');
}

function skipString(reader: Reader): void {
  const string = take(reader, /"(?:[^"\\\n]|\\.)*"/y);
  if (string === '') throw wrong(reader, 'a string is not closed');
  reader.at -= 1;
}

function take(reader: Reader, pattern: RegExp): string {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0] ?? '';
  reader.at += found.length;
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|(?:#|\/\/)[^\n]*/g, (found) =>
    found.startsWith('"') ? found : '',
  );
}

function wrong(reader: Reader, what: string): Error {
  const line = reader.text.slice(0, reader.at).split('\n').length;
  return new Error(`Cannot read HCL at line ${line}: ${what}`);
}
