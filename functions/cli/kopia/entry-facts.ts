import type { TreeEntry } from '../../../shared/kopia/objects/tree-entry.ts';
import { shownPath } from './names.ts';
import type { Located } from './tree.ts';

/** An entry as JSON output shows it, in `ls` as in `restore --dry-run`. */
export function entryFacts({ names, entry }: Located): Record<string, unknown> {
  return {
    path: names.join('/'),
    type: entry.type,
    mode: octal(entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.sizeBytes,
    modifiedAt: isoNs(entry.modifiedNs),
    objectId: entry.objectId,
  };
}

/** One line about an entry: `ls`'s long form. */
export function longLine({ names, entry }: Located): string {
  const sizeBytes = String(entry.sizeBytes).padStart(12);
  const modified = isoNs(entry.modifiedNs).slice(0, 19);
  const end = entry.type === 'directory' ? '/' : '';
  return `${modeText(entry)} ${sizeBytes} ${modified}Z ${entry.objectId.padEnd(34)} ${shownPath(names)}${end}`;
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

const LETTERS = 'rwxrwxrwx';
const TYPES = { file: '-', directory: 'd', symlink: 'l', unknown: '?' } as const;

/** `drwxr-sr-t`, as `ls -l` writes it. */
export function modeText({ type, mode }: Pick<TreeEntry, 'type' | 'mode'>): string {
  const letters = [...LETTERS].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-'));
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  }
  return TYPES[type] + letters.join('');
}

/** RFC 3339 with as many digits as the time has. */
export function isoNs(ns: bigint): string {
  const second = 1_000_000_000n;
  const rest = ((ns % second) + second) % second;
  const whole = new Date(Number((ns - rest) / 1_000_000n)).toISOString().slice(0, -5);
  if (rest === 0n) return `${whole}Z`;
  return `${whole}.${String(rest).padStart(9, '0').replace(/0+$/, '')}Z`;
}
