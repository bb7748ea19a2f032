import { KubernetesError } from './kubernetes-error.ts';
import type { Attempt } from './transport.ts';

/** Bytes that belong together, kept as they came, up to a limit. */
class Pieces {
  readonly #attempt: Attempt;
  readonly #what: string;
  readonly #sizeBytesMax: number;
  #pieces: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(attempt: Attempt, what: string, sizeBytesMax: number) {
    this.#attempt = attempt;
    this.#what = what;
    this.#sizeBytesMax = sizeBytesMax;
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#sizeBytes += piece.length;
    if (this.#sizeBytes > this.#sizeBytesMax) {
      const { action, source } = this.#attempt;
      const over = `${this.#what} is over ${this.#sizeBytesMax} bytes`;
      throw new KubernetesError('too_large', `Cannot ${action} (${source}): ${over}`);
    }
    this.#pieces.push(piece);
  }

  take(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#sizeBytes = 0;
    return whole;
  }

  get isEmpty(): boolean {
    return this.#sizeBytes === 0;
  }
}

/** A whole body. Throws `too_large` before it holds more than `sizeBytesMax`. */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
  attempt: Attempt,
): Promise<Buffer> {
  const pieces = new Pieces(attempt, 'the answer', sizeBytesMax);
  for await (const chunk of body) pieces.add(chunk);
  return pieces.take();
}

/** The lines of a stream that never ends, one JSON document each; empty ones are left out. */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
  attempt: Attempt,
): AsyncGenerator<Buffer, void, void> {
  const line = new Pieces(attempt, 'an event', sizeBytesMax);
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      line.add(chunk.subarray(from, end));
      from = end + 1;
      if (!line.isEmpty) yield line.take();
    }
    line.add(chunk.subarray(from));
  }
  // What is left was cut off: the event comes again when the watch is resumed before it.
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const isBlank = (byte: number): boolean => byte <= 0x20;

/** Longer names of fields are of no interest here. */
const KEY_LENGTH_MAX = 16;

export interface ListLimits {
  readonly objectSizeBytesMax: number;
  /** Of all that is not an item. */
  readonly envelopeSizeBytesMax: number;
}

/** The JSON of an element of `items`, and at last of the list itself with `items` empty. */
export interface ListPart {
  readonly kind: 'item' | 'envelope';
  readonly json: Buffer;
}

/**
 * Cuts the JSON of a list into its parts while it arrives, so that a page of any size takes the
 * memory of one object. Nothing is checked but brackets and strings: the caller parses the parts.
 */
export async function* cutList(
  body: AsyncIterable<Uint8Array>,
  limits: ListLimits,
  attempt: Attempt,
): AsyncGenerator<ListPart, void, void> {
  const envelope = new Pieces(attempt, 'a list without its items', limits.envelopeSizeBytesMax);
  const item = new Pieces(attempt, 'an object', limits.objectSizeBytesMax);
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** The last string directly in the list: before a bracket that is the name of a field. */
  let key = '';
  /** Between the brackets of `items`; an element itself is deeper than 2. */
  let inItems = false;
  for await (const chunk of body) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        if (inString && depth === 1 && key.length < KEY_LENGTH_MAX) {
          key += String.fromCharCode(byte);
        }
        continue;
      }
      if (inItems && depth === 2) {
        if (byte === OPEN_OBJECT) from = at;
        else if (byte === CLOSE_ARRAY) {
          inItems = false;
          from = at;
        } else if (byte !== COMMA && !isBlank(byte)) throw malformed(attempt);
      }
      if (byte === QUOTE) {
        inString = true;
        if (depth === 1) key = '';
      } else if (byte === OPEN_OBJECT) depth += 1;
      else if (byte === OPEN_ARRAY) {
        depth += 1;
        if (depth === 2 && key === 'items') {
          envelope.add(chunk.subarray(from, at + 1));
          from = at + 1;
          inItems = true;
        }
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth -= 1;
        if (inItems && depth === 2) {
          item.add(chunk.subarray(from, at + 1));
          from = at + 1;
          yield { kind: 'item', json: item.take() };
        }
      }
    }
    if (!inItems) envelope.add(chunk.subarray(from));
    else if (depth > 2) item.add(chunk.subarray(from));
  }
  yield { kind: 'envelope', json: envelope.take() };
}

function malformed({ action, source }: Attempt): KubernetesError {
  const message = `Cannot ${action} (${source}): the answer is no list of objects`;
  return new KubernetesError('unreachable', message);
}

/**
 * JSON that cannot pollute: a field named `__proto__` is left out. Throws `SyntaxError`.
 * `JSON.parse` alone makes it an ordinary field, which turns dangerous when fields are copied.
 */
export function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  // Written with an escape it is the same name: any backslash-u is enough for a closer look.
  if (!text.includes('__proto__') && !text.includes('\\u')) return JSON.parse(text) as unknown;
  return JSON.parse(text, (key, value: unknown) =>
    key === '__proto__' ? undefined : value,
  ) as unknown;
}
