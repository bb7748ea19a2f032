import { sep } from 'node:path';

/**
 * How keys become paths. A segment of a key is a name of its own wherever the file system can hold
 * it, so that a folder looks as the bucket does. What it cannot hold (an empty segment, `.`, `..`,
 * NUL, more than 255 bytes, a name that looks like one of ours) is percent-encoded behind a
 * reserved beginning, and cut into nested folders where it is too long for one name.
 */
const RESERVED = '.drydock~';
/** The last, or only, piece of an encoded segment. */
const ENCODED = `${RESERVED}=`;
/** A piece that the names in that folder continue. */
const CONTINUED = `${RESERVED}+`;
/** Names of our own that are no objects and never listed: what is being written, and locks. */
export const TEMPORARY = `${RESERVED}tmp-`;
export const LOCK = `${RESERVED}lock-`;

const NAME_SIZE_BYTES_MAX = 255;
const PIECE_LENGTH = 200;

/** Windows keeps some characters for itself, and drops dots and spaces at the end of a name. */
const NEVER_PLAIN = sep === '\\' ? /[<>:"|?*\\]|[. ]$/ : /(?!)/;

/** The path of a key, or of a prefix that ends in `/`, as names below the root. */
export function namesOf(key: string): string[] {
  return key.split('/').flatMap(segmentNames);
}

/** One name, or several nested ones where it is too long. */
function segmentNames(segment: string): string[] {
  if (isPlain(segment)) return [segment];
  const encoded = percentEncoded(segment);
  const names: string[] = [];
  let at = 0;
  for (; encoded.length - at > PIECE_LENGTH; at += PIECE_LENGTH) {
    names.push(CONTINUED + encoded.slice(at, at + PIECE_LENGTH));
  }
  return [...names, ENCODED + encoded.slice(at)];
}

function isPlain(segment: string): boolean {
  if (segment === '' || segment === '.' || segment === '..') return false;
  if (segment.startsWith(RESERVED) || hasControl(segment) || NEVER_PLAIN.test(segment))
    return false;
  return Buffer.byteLength(segment) <= NAME_SIZE_BYTES_MAX;
}

function hasControl(segment: string): boolean {
  return segment.includes('\0') || (sep === '\\' && [...segment].some((char) => char < ' '));
}

function percentEncoded(segment: string): string {
  return [...Buffer.from(segment)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      const hex = byte.toString(16).toUpperCase().padStart(2, '0');
      return /[\w.-]/.test(char) ? char : `%${hex}`;
    })
    .join('');
}

/** What a name in a folder stands for. */
export type NameMeaning =
  | { readonly kind: 'segment'; readonly segment: string }
  /** A folder whose names continue `begun`. */
  | { readonly kind: 'continued'; readonly begun: string }
  /** Our own, or nothing that `namesOf` would ever write: no object. */
  | { readonly kind: 'hidden' };

const HIDDEN: NameMeaning = { kind: 'hidden' };

/** @param begun what the folders above have begun, encoded; empty in an ordinary folder. */
export function meaningOf(name: string, begun = ''): NameMeaning {
  if (name.startsWith(CONTINUED)) {
    return { kind: 'continued', begun: begun + name.slice(CONTINUED.length) };
  }
  if (name.startsWith(ENCODED)) {
    const segment = percentDecoded(begun + name.slice(ENCODED.length));
    return segment === undefined ? HIDDEN : { kind: 'segment', segment };
  }
  return begun !== '' || name.startsWith(RESERVED) ? HIDDEN : { kind: 'segment', segment: name };
}

/** `undefined` for what is not exactly what encoding would have given: two names, one key. */
function percentDecoded(encoded: string): string | undefined {
  if (!/^([\w.-]|%[0-9A-F]{2})*$/.test(encoded)) return undefined;
  try {
    const segment = decodeURIComponent(encoded);
    const same = percentEncoded(segment) === encoded && !isPlain(segment);
    return same && !segment.includes('/') ? segment : undefined;
  } catch {
    return undefined;
  }
}
