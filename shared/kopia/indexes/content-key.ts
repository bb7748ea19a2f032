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
    const [a, b, c] = [hexByte(id, from), hexByte(id, from + 2), hexByte(id, from + 4)];
    const d = word === last ? 0 : hexByte(id, from + 6);
    bad |= a | b | c | d;
    words[word] = word32(a, b, c, d);
  }
  return bad < 0 ? -1 : group * 256 + first;
}

/** The text of a key. `read(word)` answers with its words. */
export function formatKey(bucket: number, digestBytes: number, read: (word: number) => number) {
  const group = bucket >>> 8;
  let text = group === 0 ? '' : String.fromCharCode(LETTER_FIRST + group - 1);
  text += (bucket & 0xff).toString(16).padStart(2, '0');
  const last = keyWords(digestBytes) - 1;
  for (let word = 0; word < last; word += 1) text += read(word).toString(16).padStart(8, '0');
  return text + (read(last) >>> 8).toString(16).padStart(6, '0');
}

function word32(a = 0, b = 0, c = 0, d = 0): number {
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function hexByte(text: string, at: number): number {
  return (hexDigit(text.charCodeAt(at)) << 4) | hexDigit(text.charCodeAt(at + 1));
}

/** -1 for everything but 0-9 and a-f: Kopia's ids are in lower case. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
