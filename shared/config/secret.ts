import { DrydockError } from '../model/errors.ts';

/** Where a secret is kept. Configuration holds references alone, never a value (S9). */
export type SecretReference =
  | { readonly scheme: 'env'; readonly name: string }
  | { readonly scheme: 'file'; readonly path: string };

export const SECRET_FORMS = 'env:NAME or file:/path';

/** What `resolveSecret` looks into; passed in, since nothing here reaches outside by itself. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => Promise<string>;
}

/** `undefined` when `text` is no reference. It may then be the secret itself: never show it. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const name = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text)?.[1];
  if (name !== undefined) return { scheme: 'env', name };
  const path = /^file:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  return path === undefined ? undefined : { scheme: 'file', path };
}

/**
 * The value behind a reference; a line end at the end of a file does not count.
 * @throws DrydockError `SECRET_UNRESOLVED`
 */
export async function resolveSecret(
  reference: SecretReference,
  sources: SecretSources,
): Promise<string> {
  if (reference.scheme === 'env') {
    const value = sources.env[reference.name];
    if (value !== undefined && value !== '') return value;
    throw unresolved(
      `env:${reference.name}`,
      'the environment variable is not set',
      `Set ${reference.name} in the environment of this process`,
    );
  }
  const shown = `file:${reference.path}`;
  let value: string;
  try {
    value = (await sources.readFile(reference.path)).replace(/\r?\n$/, '');
  } catch (cause) {
    const hint = 'Check that the file exists and that this process may read it';
    throw unresolved(shown, 'the file cannot be read', hint, cause);
  }
  if (value === '') throw unresolved(shown, 'the file is empty', 'Write the secret into it');
  return value;
}

function unresolved(shown: string, reason: string, hint: string, cause?: unknown): DrydockError {
  const message = `Cannot resolve the secret "${shown}": ${reason}`;
  return new DrydockError('usage', 'SECRET_UNRESOLVED', message, { hint, cause });
}
