import { finding } from '../model/finding.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { type CopyItem, copyAll, listAll, type RouteRun } from './copy.ts';
import { mergeListings } from './merge.ts';

/**
 * The parts of a restic repository in the order in which each needs only what came before it:
 * indexes name packs, snapshots name what the indexes hold, and nothing opens without `config`.
 * Source: restic, doc/design.rst. Its locks belong to processes at the source and stay there.
 */
const PARTS: readonly { readonly below: string; readonly what: string }[] = [
  { below: 'data/', what: 'data' },
  { below: 'index/', what: 'indexes' },
  { below: 'keys/', what: 'keys' },
  { below: 'snapshots/', what: 'snapshots' },
  { below: 'config', what: 'configuration' },
];

/**
 * Copies one restic repository as opaque objects; their names are hashes, so size tells change. The
 * parts are listed in the opposite order, so that each list is as old as those of what it needs, or
 * older; packs alone are too many to hold and are listed while they are copied.
 */
export async function replicateRestic(run: RouteRun, prefix: string): Promise<void> {
  const subject = prefix.replace(/\/$/, '');
  const message = `Copied restic repository "${subject}" unread`;
  run.tally.findings.push(finding('RESTIC_OPAQUE', `${run.deps.source.url}/${subject}`, message));
  const listings = new Map<string, readonly ObjectInfo[]>();
  for (const { below } of PARTS.slice(1).reverse()) {
    listings.set(below, await listAll(run.deps.source, [`${prefix}${below}`], run.signal));
  }
  for (const { below, what } of PARTS) {
    await copyAll(run, missing(run, `${prefix}${below}`, listings.get(below), subject, what));
  }
}

async function* missing(
  run: RouteRun,
  prefix: string,
  listed: readonly ObjectInfo[] | undefined,
  subject: string,
  what: string,
): AsyncGenerator<CopyItem> {
  const options = { signal: run.signal };
  const source = listed ? eachOf(listed) : run.deps.source.list(prefix, options);
  const target = run.deps.target.list(prefix, options);
  for await (const pair of mergeListings(source, target)) {
    if (pair.source === undefined) continue;
    if (pair.source.sizeBytes === pair.target?.sizeBytes) run.tally.measure('objectsUnchanged', 1);
    else {
      const kind = pair.target === undefined ? 'copy' : 'replace';
      yield { kind, source: pair.source, subject, what };
    }
  }
}

async function* eachOf(listed: readonly ObjectInfo[]): AsyncGenerator<ObjectInfo> {
  yield* listed;
}
