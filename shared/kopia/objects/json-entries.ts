/**
 * Kopia keeps its long lists (directories, lists of chunks, manifests) in one shape: a JSON object
 * with one long array, `entries`, and a few small members. This takes it apart as the bytes arrive,
 * so that a directory of a million entries costs no more memory than a small one.
 */

/** The bytes are no such object. The message continues a sentence: "it …". */
export class MalformedEntries extends Error {
  override readonly name = 'MalformedEntries';
}

/** Brackets within brackets in one value; Kopia needs four. */
const DEPTH_MAX = 64;
/** Entries are parsed together up to about this many bytes of text: a call for each is slow. */
const BATCH_SIZE_BYTES = 64 * 1024;

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

type Place = 'start' | 'first-key' | 'key' | 'in-key' | 'colon' | 'value' | 'next' | 'end';

/**
 * Feed it all bytes in order, then call `end`. Members may come in any order; those not asked for
 * are passed over. Values are plain results of `JSON.parse`: `__proto__` is an own property.
 */
export class EntriesParser {
  readonly #valueSizeBytesMax: number;
  readonly #kept: ReadonlySet<string>;
  readonly #members = new Map<string, unknown>();
  #place: Place = 'start';
  /** Of the member whose value is being read. */
  #key = '';
  #value: ValueScan | undefined;
  /** Whether `#value` is the array of entries, read piece by piece. */
  #inEntries = false;
  #entriesSeen = false;

  /**
   * @param kept names of the members that `end` answers with.
   * @param valueSizeBytesMax of one entry, of each member that is kept, and of a name.
   */
  constructor(kept: readonly string[], valueSizeBytesMax: number) {
    this.#kept = new Set([...kept, 'entries']);
    this.#valueSizeBytesMax = valueSizeBytesMax;
  }

  /**
   * Yields the entries that `bytes` complete, in batches for the caller to keep. To be run to its end.
   * @throws MalformedEntries
   */
  *feed(bytes: Uint8Array): Generator<unknown[]> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < buffer.length) {
      if (this.#value === undefined) {
        at = this.#between(buffer, at);
        continue;
      }
      const piece = buffer.subarray(at, at + BATCH_SIZE_BYTES);
      const used = this.#value.take(piece);
      at += used;
      if (this.#inEntries) {
        const batch = this.#value.batch();
        if (batch.length > 0) yield batch;
      }
      if (this.#value.ended) this.#endValue();
    }
  }

  /**
   * The members that were asked for and are there.
   * @throws MalformedEntries when the text is not at its end.
   */
  end(): ReadonlyMap<string, unknown> {
    if (this.#place !== 'end') throw new MalformedEntries('ends within its JSON text');
    return this.#members;
  }

  /** Everything outside the values of members. Answers with where to go on. */
  #between(buffer: Buffer, start: number): number {
    let at = start;
    for (; at < buffer.length && this.#value === undefined; at += 1) {
      while (at < buffer.length && isSpace(buffer[at] ?? 0)) at += 1;
      if (at === buffer.length) break;
      const code = buffer[at] ?? 0;
      if (this.#place === 'value') {
        this.#startValue(code);
        // The first byte of a value belongs to it, the bracket of the entries does not.
        return this.#inEntries ? at + 1 : at;
      }
      this.#place = this.#after(code);
    }
    return at;
  }

  #after(code: number): Place {
    switch (this.#place) {
      case 'start':
        if (code === OPEN_BRACE) return 'first-key';
        break;
      case 'first-key':
        if (code === CLOSE_BRACE) return 'end';
        if (code === QUOTE) return this.#startKey();
        break;
      case 'key':
        if (code === QUOTE) return this.#startKey();
        break;
      case 'colon':
        if (code === COLON) return 'value';
        break;
      case 'next':
        if (code === COMMA) return 'key';
        if (code === CLOSE_BRACE) return 'end';
        break;
    }
    throw new MalformedEntries(
      this.#place === 'end' ? 'has bytes behind its JSON text' : 'is no JSON object of entries',
    );
  }

  #startKey(): Place {
    this.#value = new ValueScan('key', this.#valueSizeBytesMax);
    return 'in-key';
  }

  #startValue(code: number): void {
    this.#inEntries = this.#key === 'entries' && code === OPEN_BRACKET;
    if (this.#inEntries) {
      if (this.#entriesSeen) throw new MalformedEntries('has entries twice');
      this.#entriesSeen = true;
    }
    const kind = this.#inEntries ? 'entries' : this.#kept.has(this.#key) ? 'kept' : 'skipped';
    this.#value = new ValueScan(kind, this.#valueSizeBytesMax);
  }

  #endValue(): void {
    const value = this.#value;
    this.#value = undefined;
    if (this.#place === 'in-key') {
      this.#key = String(value?.parsed());
      this.#place = 'colon';
      return;
    }
    if (!this.#inEntries && this.#kept.has(this.#key)) {
      const parsed = value?.parsed();
      // Go writes an empty list as null.
      if (this.#key === 'entries' && parsed !== null) {
        throw new MalformedEntries('has entries that are no list');
      }
      this.#members.set(this.#key, parsed);
    }
    this.#inEntries = false;
    this.#place = 'next';
  }
}

/**
 * Finds where a value ends, aware of strings, and keeps its text. A key begins behind its opening
 * quote, the array of entries behind its bracket, any other value with its first byte.
 */
class ValueScan {
  ended = false;
  readonly #kind: 'key' | 'entries' | 'kept' | 'skipped';
  readonly #sizeBytesMax: number;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  /** Text of whole entries, up to a comma between two of them. */
  #complete: Buffer | undefined;
  #anyEntry = false;
  #depth = 0;
  #inString: boolean;
  #escaped = false;

  constructor(kind: 'key' | 'entries' | 'kept' | 'skipped', sizeBytesMax: number) {
    this.#kind = kind;
    this.#sizeBytesMax = sizeBytesMax;
    this.#inString = kind === 'key';
  }

  /** Takes what belongs to the value and answers with how many bytes that were. */
  take(piece: Buffer): number {
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let comma = -1;
    let at = 0;
    let used = -1;
    const isKey = this.#kind === 'key';
    const { length } = piece;
    // One loop without calls: every byte of every directory passes here.
    for (; at < length; at += 1) {
      const code = piece[at] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) {
          inString = false;
          if (isKey) {
            used = at + 1;
            break;
          }
        }
      } else if (code === QUOTE) inString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        depth += 1;
        if (depth > DEPTH_MAX) throw new MalformedEntries('has brackets nested too deeply');
      } else if (code === COMMA) {
        if (depth === 0) {
          comma = at;
          if (this.#kind !== 'entries') break;
        }
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        if (depth === 0) break;
        depth -= 1;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    this.ended = at < length;
    if (this.#kind === 'entries') return this.#takeEntries(piece, at, comma);
    // A key ends with its quote; any other value before the comma or bracket behind it.
    const end = used === -1 ? at : used;
    if (this.#kind !== 'skipped') this.#hold(piece.subarray(0, end));
    return end;
  }

  /** The entries completed by what was taken last. */
  batch(): unknown[] {
    const text = this.#complete;
    if (text === undefined) return [];
    this.#complete = undefined;
    const batch = parse(`[${text.toString('utf8')}]`) as unknown[];
    // Only a whole array may be empty: nothing before, between or behind commas.
    if (batch.length === 0 && (this.#anyEntry || !this.ended)) {
      throw new MalformedEntries('has a comma without an entry');
    }
    this.#anyEntry = true;
    return batch;
  }

  /** Of a key or another kept value, when it has ended. */
  parsed(): unknown {
    const text = Buffer.concat(this.#pieces).toString('utf8');
    return parse(this.#kind === 'key' ? `"${text}` : text);
  }

  #takeEntries(piece: Buffer, end: number, comma: number): number {
    const cut = this.ended ? end : comma;
    if (cut === -1) {
      this.#hold(piece);
      return piece.length;
    }
    this.#hold(piece.subarray(0, cut));
    this.#complete = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#heldBytes = 0;
    if (this.ended) {
      if (piece[end] !== CLOSE_BRACKET) throw new MalformedEntries('is no JSON object of entries');
      return end + 1;
    }
    this.#hold(piece.subarray(comma + 1));
    return piece.length;
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#sizeBytesMax + BATCH_SIZE_BYTES) {
      throw new MalformedEntries(`has a value of more than ${this.#sizeBytesMax} bytes`);
    }
    if (bytes.length > 0) this.#pieces.push(bytes);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedEntries('is no JSON');
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
