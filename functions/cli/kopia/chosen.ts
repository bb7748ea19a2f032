import type { Snapshot } from '../../../shared/kopia/manifests/snapshots.ts';
import type { Repository } from '../../../shared/kopia/repository.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { openAt, repositoryUrl, type Session, shortName } from './session.ts';
import { findSnapshot, parseSnapshotArgument, snapshotUnknown } from './snapshot-choice.ts';
import type { Located } from './tree.ts';
import { entryAt } from './tree.ts';

/** The one snapshot that an argument names, and the entry within it. */
export interface Chosen extends Located {
  readonly repository: Repository;
  readonly prefix: string;
  readonly url: string;
  readonly snapshot: Snapshot;
}

/**
 * Finds `<snapshot>[:/path]` in the repositories of the session: in exactly one of them.
 * @throws DrydockError `SNAPSHOT_UNKNOWN`, `SNAPSHOT_AMBIGUOUS`, `PATH_NOT_FOUND`
 */
export async function chooseEntry(
  session: Session,
  argument: string,
  source: string | undefined,
): Promise<Chosen> {
  const { snapshot: wanted, path } = parseSnapshotArgument(argument);
  const found = await findIn(session, wanted, source);
  const { repository, snapshot } = found;
  const { signal } = session;
  const located = await entryAt(repository.contents, snapshot.root, path, { signal });
  return { ...found, ...located };
}

type Found = Pick<Chosen, 'repository' | 'prefix' | 'url' | 'snapshot'>;

async function findIn(
  session: Session,
  wanted: string,
  source: string | undefined,
): Promise<Found> {
  let found: Found | undefined;
  let failure: unknown;
  const known: Snapshot[] = [];
  for (const prefix of session.prefixes) {
    const url = repositoryUrl(session, prefix);
    let repository: Repository;
    try {
      repository = await openAt(session, prefix);
    } catch (error) {
      // With several repositories the snapshot may be in another one.
      if (session.prefixes.length === 1 || session.signal.aborted) throw error;
      failure ??= error;
      continue;
    }
    const snapshots = repository.snapshots.snapshots;
    known.push(...snapshots);
    const snapshot = findSnapshot(snapshots, wanted, source);
    if (snapshot === undefined) continue;
    if (found !== undefined) throw inSeveral(wanted, [found.prefix, prefix]);
    found = { repository, prefix, url, snapshot };
  }
  if (found !== undefined) return found;
  if (failure !== undefined) throw failure;
  throw snapshotUnknown(wanted, known, source, session.location);
}

function inSeveral(wanted: string, prefixes: readonly string[]): DrydockError {
  const names = prefixes.map(shortName);
  const message = `Cannot use the snapshot "${wanted}": it is in the repositories ${names.join(' and ')}`;
  const hint = `Name one of them with --repository ${names[0]}`;
  return new DrydockError('usage', 'SNAPSHOT_AMBIGUOUS', message, { hint });
}
