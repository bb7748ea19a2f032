import type { Finding } from '../../model/finding.ts';
import { shown } from '../artefacts/json.ts';
import { BACKUPS } from '../layout.ts';

/** What findings about a backup are about; names of strangers may hold anything. */
export function backupSubject(url: string, backup: string): string {
  return `${url}/${BACKUPS}${backup.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd')}`;
}

/** Hints as commands that can be run: with the name of the backup, where it is one of Kubernetes. */
export function addressed(findings: readonly Finding[], backup: string): readonly Finding[] {
  if (!/^[a-z0-9][a-z0-9.-]{0,252}$/.test(backup)) return findings;
  return findings.map((one) => ({ ...one, hint: one.hint.replaceAll('<backup>', backup) }));
}

/** How many examples the evidence of a finding carries. */
export const EXAMPLES_MAX = 20;

/** A name of somebody else's as it is, or quoted and escaped where a terminal could mind it. */
export function plain(name: string): string {
  return /^[\x21-\x7e]{1,300}$/.test(name) ? name : shown(name);
}

/** A sentence of which a part may be somebody else's: as it is, or quoted, escaped and cut. */
export function readable(text: string): string {
  return /^[\x20-\x7e]{1,300}$/.test(text) ? text : shown(text);
}

/** The first of a list for the evidence of a finding. */
export function examplesOf(names: readonly string[]): readonly string[] {
  return names.slice(0, EXAMPLES_MAX).map(plain);
}

/** `1 object`, `2 objects`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
