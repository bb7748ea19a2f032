/**
 * Names of a snapshot as text that can be read, cut into lines and typed back: they are any bytes
 * that a source once had (S10). `\` is doubled, controls and what changes the reading direction
 * become `\n`, `\x1b` or `\u202e`, and a `/` within a name (a block volume's device) becomes `\x2f`.
 */
export function shownName(name: string): string {
  return name.replace(ODD, (char) => {
    if (char === '\\') return '\\\\';
    if (char === '\n') return '\\n';
    if (char === '\t') return '\\t';
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });
}

// What `printable` in ../terminal.ts replaces, and what has a meaning of its own here.
const ODD =
  /[\\/\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]/gu;

/** The path below a snapshot's root as `ls` shows it and commands take it. */
export function shownPath(names: readonly string[]): string {
  return names.map(shownName).join('/');
}

/** A name without separators that says which device a block volume was. */
export function deviceFileName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('\\', '%5C');
}
