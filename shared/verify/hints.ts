import { FINDINGS, type FindingCode } from '../model/finding.ts';

/**
 * The remedy of the catalogue with its `<placeholders>` filled in. Names come out of buckets:
 * one with a character that no name of the API server has stays out of a command that somebody
 * pastes into a shell.
 */
export function exactHint(
  code: FindingCode,
  names: Readonly<Record<string, string | undefined>>,
): { readonly hint: string } {
  let hint: string = FINDINGS[code].fix;
  for (const [placeholder, name] of Object.entries(names)) {
    if (name !== undefined && isPlain(name)) hint = hint.replaceAll(`<${placeholder}>`, name);
  }
  return { hint };
}

function isPlain(name: string): boolean {
  return /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/i.test(name);
}
