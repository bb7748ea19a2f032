import { DrydockError } from '../../model/errors.ts';
import { type Finding, type FindingCode, finding } from '../../model/finding.ts';
import { FORMAT_BLOB } from '../blob-names.ts';

/** What an error of `openFormat` says of the repository; the rest says nothing and is thrown on. */
const FINDING_OF: Readonly<Record<string, FindingCode>> = {
  KOPIA_WRONG_PASSWORD: 'KOPIA_UNCHECKED',
  KOPIA_UPGRADE_LOCKED: 'KOPIA_UNCHECKED',
  KOPIA_LEGACY_ENCRYPTION: 'KOPIA_UNCHECKED',
  KOPIA_FEATURE_UNKNOWN: 'KOPIA_UNCHECKED',
  KOPIA_FORMAT_NEWER: 'KOPIA_UNCHECKED',
  KOPIA_FOREIGN_BLOBCFG: 'KOPIA_UNOPENABLE',
  KOPIA_HALF_SEEDED: 'REPOSITORY_ABSENT',
  NOT_A_REPOSITORY: 'REPOSITORY_UNREADABLE',
};

/**
 * The finding behind a repository that did not open; `undefined` when the error is about the way
 * there: denied, unreachable, or nothing at this place at all.
 * @param hasFormatBlob whether there is a `kopia.repository`, whatever it holds
 */
export function unopenedFinding(
  url: string,
  error: unknown,
  hasFormatBlob: boolean,
): Finding | undefined {
  if (!(error instanceof DrydockError)) return undefined;
  if (error.code === 'NOT_A_REPOSITORY' && !hasFormatBlob) return undefined;
  const code = Object.hasOwn(FINDING_OF, error.code) ? FINDING_OF[error.code] : undefined;
  if (code === undefined) return undefined;
  return finding(code, url, error.message, {
    hint: error.hint,
    evidence: { reason: error.code, blob: FORMAT_BLOB },
  });
}
