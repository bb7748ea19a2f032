import { readFile } from 'node:fs/promises';
import {
  parseSecretReference,
  resolveSecret,
  SECRET_FORMS,
  type SecretReference,
} from '../shared/config/secret.ts';
import { VELERO_DEFAULT_PASSWORD } from '../shared/kopia/format/open-format.ts';
import { DrydockError } from '../shared/model/errors.ts';
import type { StoreContext } from './stores.ts';

/** The variable that is looked into when nothing else names a password. */
export const PASSWORD_VARIABLE = 'DRYDOCK_KOPIA_PASSWORD';

/** A password and where it came from; only the latter may be shown (S9). */
export interface Password {
  /** What to try, in this order. */
  readonly values: readonly string[];
  /** For messages, e.g. `env:SHOP (--password)`. */
  readonly from: string;
  /** Nobody named it: it is the one that everybody knows. */
  readonly isDefault: boolean;
}

/**
 * The password of the option, else that of the location, else that of the environment, else Velero's
 * default.
 * @throws DrydockError `PASSWORD_INVALID`, `SECRET_UNRESOLVED`
 */
export async function passwordFor(
  option: string | undefined,
  configured: SecretReference | undefined,
  env: StoreContext['env'],
): Promise<Password> {
  const sources = { env, readFile: (path: string) => readFile(path, 'utf8') };
  const named = async (reference: SecretReference, origin: string): Promise<Password> => ({
    values: spellings(await resolveSecret(reference, sources)),
    from: `${shownReference(reference)} (${origin})`,
    isDefault: false,
  });
  if (option !== undefined) return named(parseOption(option), '--password');
  if (configured !== undefined) return named(configured, '"repositoryPassword" of the location');
  const value = env[PASSWORD_VARIABLE];
  if (value !== undefined && value !== '') {
    return { values: spellings(value), from: `env:${PASSWORD_VARIABLE}`, isDefault: false };
  }
  const from = "Velero's default, since none was named";
  return { values: [VELERO_DEFAULT_PASSWORD], from, isDefault: true };
}

/** Velero trims its secret before Kopia sees it; a repository made by hand may mean its blanks. */
function spellings(value: string): readonly string[] {
  const trimmed = value.trim();
  return trimmed === value || trimmed === '' ? [value] : [value, trimmed];
}

function parseOption(text: string): SecretReference {
  const reference = parseSecretReference(text);
  if (reference !== undefined) return reference;
  // It may be the password itself, so that it is not shown.
  const message = 'Cannot use --password: it is no reference to a secret';
  throw new DrydockError('usage', 'PASSWORD_INVALID', message, {
    hint: `Write ${SECRET_FORMS}: a password on the command line is seen by every user of the machine`,
  });
}

function shownReference(reference: SecretReference): string {
  return reference.scheme === 'env' ? `env:${reference.name}` : `file:${reference.path}`;
}

/** What a wrong password means here: which one was tried, and where the right one may be. */
export function wrongPassword(url: string, { from, isDefault }: Password, cause: unknown) {
  const velero =
    'Velero keeps it in the secret velero-repo-credentials of its namespace, key repository-password';
  const message = isDefault
    ? `Cannot open "${url}": no password was named, and Velero's default one does not open it`
    : `Cannot open "${url}": the password from ${from} does not open it`;
  const hint = isDefault
    ? `Name it with --password env:NAME or file:/path, or set ${PASSWORD_VARIABLE}; ${velero}`
    : `Check that secret; ${velero}`;
  return new DrydockError('operation', 'KOPIA_WRONG_PASSWORD', message, { hint, cause });
}
