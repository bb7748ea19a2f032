/**
 * Content ids as numbers. A key is the letter of an id (0 for none) and its hash. Entries lie in
 * buckets by letter and first byte of the hash; the rest of the hash is kept as big-endian words,
 * the last of which has its low byte to spare. All orders are those of the key's bytes.
 * Source: Kopia v0.23.1, repo/content/index.
 */

const LETTER_FIRST = 0x67; // g
const LETTER_LAST = 0x7a; // z

/** Contents without a letter, then those of each letter from g to z. */
export const LETTER_CLASSES = LETTER_LAST - LETTER_FIRST + 2;
export const BUCKETS = LETTER_CLASSES * 256;

/** 0 for no letter; -1 for a byte that begins no key. */
export function letterClass(letter: number): number {
  if (letter === 0) return 0;
  return letter >= LETTER_FIRST && letter <= LETTER_LAST ? letter - LETTER_FIRST + 1 : -1;
}

/** 16, 28 and 32 bytes of hash are whole words: one byte goes to the bucket, one is to spare. */
export function keyWords(digestBytes: number): number {
  return digestBytes >>> 2;
}

/** Reads the key at `at` into `words`; answers with its bucket, or -1 when the letter is none. */
export function readKey(bytes: Uint8Array, at: number, words: Uint32Array): number {
  const group = letterClass(bytes[at] ?? 0xff);
  if (group < 0) return -1;
  const last = words.length - 1;
  let from = at + 2;
  for (let word = 0; word < last; word += 1, from += 4) {
    words[word] = word32(bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]);
  }
  words[last] = word32(bytes[from], bytes[from + 1], bytes[from + 2], 0);
  return group * 256 + (bytes[at + 1] ?? 0);
}

/** The same from an id's text; -1 for whatever is no id with a hash of `digestBytes`. */
export function parseKey(id: string, digestBytes: number, words: Uint32Array): number {
  const hasLetter = id.length === digestBytes * 2 + 1;
  if (!hasLetter && id.length !== digestBytes * 2) return -1;
  const group = hasLetter ? letterClass(id.charCodeAt(0)) : 0;
  if (group < 0) return -1;
  const start = hasLetter ? 1 : 0;
  const first = hexByte(id, start);
  // A character that is no hex digit leaves a negative number, and or-ing keeps the sign.
  let bad = first;
  const last = words.length - 1;
  let from = start + 2;
  for (let word = 0; word <= last; word += 1, from += 8) {
    const a = hexByte(id, from);
    const b = hexByte(id, from + 2);
    const c = hexByte(id, from + 4);
    const d = word === last ? 0 : hexByte(id, from + 6);
    bad |= a | b | c | d;
    words[word] = word32(a, b, c, d);
  }
  return bad < 0 ? -1 : group * 256 + first;
}

/** Letter and hash of the id that is being written: one flat string instead of a chain of pieces. */
const scratch = Buffer.alloc(1 + 32 * 2);
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** The text of the key whose words begin at `base`. */
export function formatKey(
  bucket: number,
  digestBytes: number,
  words: Uint32Array,
  base: number,
): string {
  scratch[0] = LETTER_FIRST + (bucket >>> 8) - 1;
  writeByte(1, bucket & 0xff);
  for (let byte = 1; byte < digestBytes; byte += 1) {
    const word = words[base + ((byte - 1) >>> 2)] ?? 0;
    writeByte(1 + byte * 2, (word >>> (24 - ((byte - 1) & 3) * 8)) & 0xff);
  }
  return scratch.toString('latin1', bucket < 256 ? 1 : 0, 1 + digestBytes * 2);
}

function writeByte(at: number, value: number): void {
  scratch[at] = DIGITS[value >>> 4] ?? 0;
  scratch[at + 1] = DIGITS[value & 0xf] ?? 0;
}

function word32(a = 0, b = 0, c = 0, d = 0): number {
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Values of the characters 0-9 and a-f, -1 of all others: Kopia's ids are in lower case. */
const HEX_DIGITS = new Int8Array(128).fill(-1);
DIGITS.forEach((code, value) => {
  HEX_DIGITS[code] = value;
});

function hexByte(text: string, at: number): number {
  return (hexDigit(text.charCodeAt(at)) << 4) | hexDigit(text.charCodeAt(at + 1));
}

function hexDigit(code: number): number {
  return code < 128 ? (HEX_DIGITS[code] ?? -1) : -1;
}
