import { didYouMean } from '../../../shared/config/nearest.ts';
import { findSnapshots, type Snapshot } from '../../../shared/kopia/manifests/snapshots.ts';
import { DrydockError } from '../../../shared/model/errors.ts';

/** `<snapshot>[:/path]` taken apart; `path` is empty for the snapshot's root. */
export interface SnapshotArgument {
  readonly snapshot: string;
  readonly path: string;
}

/** Takes `id:/path`, and Kopia's own `id/path`. */
export function parseSnapshotArgument(text: string): SnapshotArgument {
  const [, snapshot = '', path = ''] = /^([^:/]*)(?::?\/*)(.*)$/s.exec(text) ?? [];
  if (snapshot !== '') return { snapshot, path: path.replace(/\/+$/, '') };
  const message = `Cannot use "${text}": the snapshot is missing`;
  throw usage('SNAPSHOT_MISSING', message, 'Write <snapshot>:/path, or latest:/path with --source');
}

const LATEST = 'latest';
const SHOWN_MAX = 5;

/**
 * The snapshot of `snapshots` (ascending by time) that `wanted` names: a manifest id (what Velero
 * calls `snapshotID`), the unique beginning of one, the object id of a root, or `latest`.
 * @returns `undefined` when there is none
 * @throws DrydockError `SNAPSHOT_AMBIGUOUS`
 */
export function findSnapshot(
  snapshots: readonly Snapshot[],
  wanted: string,
  source: string | undefined,
): Snapshot | undefined {
  const candidates = snapshots.filter((snapshot) => matchesSource(snapshot, source));
  if (wanted === LATEST) return latestOf(candidates);
  const found = findSnapshots(candidates, wanted);
  // Of one and the same root any will do.
  if (found.length <= 1 || found[0]?.root.objectId === wanted) return found.at(-1);
  const message = `Cannot use the snapshot "${wanted}": ${found.length} ids begin like this`;
  throw usage('SNAPSHOT_AMBIGUOUS', message, `Write more of one of ${shownIds(found)}`);
}

function latestOf(candidates: readonly Snapshot[]): Snapshot | undefined {
  const complete = candidates.filter(({ incompleteReason }) => incompleteReason === undefined);
  const sources = [...new Set(complete.map(sourceOf))];
  if (sources.length <= 1) return complete.at(-1);
  const shown = sources.slice(0, SHOWN_MAX).map((each) => `"${each}"`);
  const more = sources.length > SHOWN_MAX ? ` and ${sources.length - SHOWN_MAX} more` : '';
  const message = `Cannot choose the latest snapshot: there are ${sources.length} sources`;
  throw usage('SNAPSHOT_AMBIGUOUS', message, `Name one with --source: ${shown.join(', ')}${more}`);
}

/** `user@host:path`, as Kopia prints it. */
export function sourceOf({ source }: Snapshot): string {
  return `${source.userName}@${source.host}:${source.path}`;
}

/** A source matches by its whole name, or by its path alone. */
export function matchesSource(snapshot: Snapshot, wanted: string | undefined): boolean {
  return wanted === undefined || sourceOf(snapshot) === wanted || snapshot.source.path === wanted;
}

/** Tells what there is instead. */
export function snapshotUnknown(
  wanted: string,
  snapshots: readonly Snapshot[],
  source: string | undefined,
  where: string,
): DrydockError {
  const what = wanted === LATEST ? 'there is no complete snapshot' : 'there is no such snapshot';
  const ofSource = source === undefined ? '' : ` of source "${source}"`;
  const message = `Cannot use the snapshot "${wanted}": ${what}${ofSource} in "${where}"`;
  if (source !== undefined && !snapshots.some((each) => matchesSource(each, source))) {
    const sources = [...new Set(snapshots.map(sourceOf))];
    const near = didYouMean(source, sources);
    const all = `Sources are ${sources.slice(0, SHOWN_MAX).join(', ') || 'none'}`;
    return usage('SNAPSHOT_UNKNOWN', message, near === undefined ? all : `${near} ${all}`);
  }
  const near = didYouMean(
    wanted,
    snapshots.map(({ id }) => id),
  );
  const parts = [
    ...(near === undefined ? [] : [near]),
    snapshots.length === 0
      ? 'The repository holds no snapshots'
      : `The newest are ${shownIds([...snapshots].reverse())}; see "drydock kopia snapshots"`,
  ];
  return usage('SNAPSHOT_UNKNOWN', message, parts.join(' '));
}

function shownIds(snapshots: readonly Snapshot[]): string {
  return snapshots
    .slice(0, SHOWN_MAX)
    .map((snapshot) => `${snapshot.id} (${sourceOf(snapshot)}, ${isoSeconds(snapshot.startTime)})`)
    .join(', ');
}

export function isoSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

function usage(code: string, message: string, hint: string): DrydockError {
  return new DrydockError('usage', code, message, { hint });
}
