import { parseBlobName } from '../blob-names.ts';
import { effectiveIn, forEachContent } from './entry-groups.ts';
import { type DecodedIndexes, type IndexListing, stateOf } from './survey.ts';

/**
 * Before epochs: the logs that must not be published, all of those that the target lacks or none.
 *
 * Kopia drops deleted entries when it compacts, and later removes what it compacted and the log of that. A
 * target that still has an older index, and never saw the log that hid it, would find the old live
 * entry effective again once a later log hides the index with the deletion: a snapshot that was
 * deleted would come back without its contents. Without the logs nothing is hidden there: all that the
 * target ever had is merged, which is correct and larger. The logs follow once the old indexes are
 * gone (reference 8.6).
 *
 * Each log is one more state that every content is looked at in; there are a few in a run.
 */
export function withheldLogs(
  source: IndexListing,
  target: IndexListing,
  decoded: DecodedIndexes,
): ReadonlySet<string> {
  if (source.view.kind !== 'v0' || target.view.kind !== 'v0') return new Set();
  const present = new Set(target.blobs.map(({ id }) => id));
  const isLog = (id: string): boolean => parseBlobName(id).kind === 'compaction-log';
  const missing = source.blobs.filter(({ id }) => !present.has(id));
  const logs = missing
    .filter(({ id }) => isLog(id))
    .sort((a, b) => a.lastModified.getTime() - b.lastModified.getTime() || (a.id < b.id ? -1 : 1));
  if (logs.length === 0) return new Set();
  const view = { kind: 'v0', logs: new Map([...source.view.logs, ...target.view.logs]) } as const;
  const merged = [...target.blobs, ...missing.filter(({ id }) => !isLog(id))];
  const states = [merged, ...logs.map((_, at) => [...merged, ...logs.slice(0, at + 1)])].map(
    (blobs) => stateOf({ view, blobs }, decoded),
  );
  const wanted = stateOf(source, decoded);
  let isRevived = false;
  forEachContent(decoded.rows, (group) => {
    if (isRevived) return;
    const winner = effectiveIn(group, wanted);
    const isWanted = (at: number): boolean =>
      at === winner || (at >= 0 && winner >= 0 && group.isSame(at, winner));
    const found = states.map((state) => effectiveIn(group, state));
    const last = found.at(-1) ?? -1;
    const isExtra = last >= 0 && !group.isDeletedAt(last) && !isWanted(last);
    isRevived =
      isExtra || found.some((at, step) => step > 0 && at !== found[step - 1] && !isWanted(at));
  });
  return new Set(isRevived ? logs.map(({ id }) => id) : []);
}
