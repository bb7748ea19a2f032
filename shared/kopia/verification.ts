import type { Deadline } from '../model/clock.ts';
import type { Finding } from '../model/finding.ts';
import type { Progress } from '../model/progress.ts';
import type { Verdict } from '../model/report.ts';
import type { ObjectReader } from '../stores/store.ts';
import { FORMAT_BLOB } from './blob-names.ts';
import type { ContentChecker } from './contents/content-checker.ts';
import { type CryptoSpec, createRepositoryCrypto } from './crypto/repository-crypto.ts';
import { openFormat } from './format/open-format.ts';
import type { RepositoryFormat } from './format/repository-format.ts';
import { verifyOpened } from './verify/run.ts';
import type { Share, VerificationState } from './verify/share.ts';
import { unopenedFinding } from './verify/unopened.ts';

/**
 * How much is proven, each level a superset of the one before. `structure`: every byte that a
 * restore needs is where the index says it is, as far as listings and trees show. `content`: the
 * bytes decrypt, inflate and hash to their ids.
 */
export type VerifyLevel = 'structure' | 'content';

export interface VerifyOptions {
  readonly level: VerifyLevel;
  readonly now: Date;
  /**
   * Content level: beside the packs that are new since `state`, read one slice of `of`, cut by the
   * hash of the pack's name. Without `slice` the one whose proof is oldest. Absent: every pack.
   */
  readonly share?: Share;
  /** What the last run answered; absent on the first. */
  readonly state?: VerificationState;
  /** Read packs of storage classes that charge for reading. */
  readonly allowRetrieval?: boolean;
  /** Starts what decrypts and hashes contents; this very thread does it when absent. */
  readonly startChecker?: (spec: CryptoSpec) => Promise<ContentChecker>;
  /** More contents are gone through in slices of the content-id space, each a pass over the index. */
  readonly entriesInOnePass?: number;
  readonly progress?: Progress;
  readonly deadline?: Deadline;
  readonly signal?: AbortSignal;
}

/** What is known of one snapshot after the run. */
export interface SnapshotVerdict {
  /** Manifest id: what Velero's status calls `snapshotID`. */
  readonly id: string;
  /** `user@host:path`, as Kopia prints it. */
  readonly source: string;
  readonly startTime: Date;
  readonly verdict: Verdict['kind'];
  /** A checkpoint or a cancelled upload holds a part of its source only: it is no recovery point. */
  readonly isIncomplete: boolean;
  /** Files that cannot be restored whole; at least so many when directories are lost. */
  readonly filesLost: number;
  /** Some of their paths, below the snapshot's root. */
  readonly paths: readonly string[];
}

export interface KopiaVerification {
  readonly verdict: Verdict;
  /** Of the repository and of everything in it; each names what it costs in its evidence. */
  readonly findings: readonly Finding[];
  readonly snapshots: readonly SnapshotVerdict[];
  /** Numbers with their unit last in the name. */
  readonly measures: Readonly<Record<string, number>>;
  /** For the next run; `undefined` when nothing was opened. */
  readonly state: VerificationState | undefined;
  /** Present when the deadline came first. */
  readonly unfinished?: { readonly reason: string };
}

/**
 * Verifies the repository below `prefix`. One damage never ends the rest of the check. What cannot
 * be opened with this password or in this format is `unchecked`, with the reason.
 * @throws StoreError when the store cannot be read; DrydockError `NOT_A_REPOSITORY` when there is
 *   nothing at this place; the reason of `options.signal`
 */
export async function verifyRepository(
  reader: ObjectReader,
  prefix: string,
  password: string,
  options: VerifyOptions,
): Promise<KopiaVerification> {
  const url = repositoryUrl(reader, prefix);
  let format: RepositoryFormat;
  try {
    format = await openFormat(reader, prefix, password, options);
  } catch (error) {
    const hasFormatBlob = (await reader.stat(`${prefix}${FORMAT_BLOB}`, options)) !== undefined;
    const found = unopenedFinding(url, error, hasFormatBlob);
    if (found === undefined) throw error;
    return unopened(url, found);
  }
  const crypto = await createRepositoryCrypto(format.cryptoSpec);
  return verifyOpened({ reader, format, crypto, url, options });
}

/** With a trailing slash, so that the names of blobs can follow. */
function repositoryUrl(reader: ObjectReader, prefix: string): string {
  return `${reader.url.replace(/\/$/, '')}/${prefix}`;
}

function unopened(url: string, found: Finding): KopiaVerification {
  const verdict: Verdict =
    found.code === 'KOPIA_UNCHECKED'
      ? { kind: 'unchecked', subject: url, reason: found.message }
      : { kind: 'damaged', subject: url, findings: [found] };
  return { verdict, findings: [found], snapshots: [], measures: {}, state: undefined };
}
