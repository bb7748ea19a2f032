import { INDEX_PREFIXES, parseBlobName } from '../kopia/blob-names.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { listAll, type RouteRun } from './copy.ts';
import { type ListedIndex, MUTABLE_IDS, type MutableBlobs } from './kopia-plan.ts';

/** The index of a repository as it stood at one moment. */
export interface FrozenRepository {
  readonly indexes: readonly ListedIndex[];
  /** Keys of all index-class blobs that were listed, those behind a cut included. */
  readonly keys: ReadonlySet<string>;
  readonly mutable: MutableBlobs;
  /** When freezing began. */
  readonly begunMs: number;
  /**
   * All that was written until then, by the times in the source's listings, is part of it: without
   * end when the index stood still, else the margin at which it was cut.
   */
  readonly completeUntilMs: number;
}

const LISTINGS_MAX = 6;
const BETWEEN_LISTINGS_MS = 1500;

/**
 * One PUT and the clock's granularity take less: an index blob older than this was visible before
 * the listing began, whatever was written while it was paged (reference 8.5 P0 b).
 */
const MARGIN_MS = 15 * 60_000;

/**
 * Freezes the index: lists it until two listings in a row are the same. What is in the first of
 * them is then closed under "written before": had a blob been missed that was written before
 * another one in it, the second listing would show it (reference 8.5 P0 d; needs a store whose
 * listings are consistent, as S3 and Azure Blob are). A source that never rests is cut at the
 * margin instead, measured by the store's own times.
 * @returns `undefined` when the format blobs changed under our hands.
 */
export async function freezeRepository(
  run: RouteRun,
  prefix: string,
): Promise<FrozenRepository | undefined> {
  const begunMs = run.deps.clock.now().getTime();
  const before = await listMutable(run, prefix);
  let previous = await listIndexes(run, 'source', prefix);
  let frozen: readonly ObjectInfo[] | undefined;
  for (let listings = 2; listings <= LISTINGS_MAX && frozen === undefined; listings += 1) {
    const next = await listIndexes(run, 'source', prefix);
    if (isSameListing(previous, next)) frozen = next;
    else if (isPauseAfter(listings)) await run.deps.clock.sleep(BETWEEN_LISTINGS_MS, run.signal);
    previous = next;
  }
  const after = await listMutable(run, prefix);
  if (before.format?.etag !== after.format?.etag) return undefined;
  if (before.blobConfig?.etag !== after.blobConfig?.etag) return undefined;
  const completeUntilMs = frozen ? Number.POSITIVE_INFINITY : marginOf(previous);
  const listed = previous.filter((info) => info.lastModified.getTime() <= completeUntilMs);
  const indexes = listed.map((info) => toIndex(prefix, info));
  const poison = listed.find((info) => kindOf(prefix, info) === 'poison');
  return {
    indexes: indexes.filter(({ id }) => parseBlobName(id).kind !== 'poison'),
    keys: new Set(previous.map(({ key }) => key)),
    mutable: { ...after, ...(poison && { poison }) },
    begunMs,
    completeUntilMs,
  };
}

/**
 * Only every second pair of listings has a pause between them: a source that writes an index every
 * second stands still between two listings that follow each other at once.
 */
function isPauseAfter(listings: number): boolean {
  return listings % 2 === 0 && listings < LISTINGS_MAX;
}

/** The mutable blobs as `stat` sees them: only that shows the stamp of a copy on every store. */
export async function statMutable(
  run: RouteRun,
  side: 'source' | 'target',
  prefix: string,
): Promise<MutableBlobs> {
  const found: { -readonly [K in keyof MutableBlobs]: MutableBlobs[K] } = {};
  for (const [name, id] of Object.entries(MUTABLE_IDS)) {
    const info = await run.deps[side].stat(`${prefix}${id}`, { signal: run.signal });
    if (info !== undefined) found[name as keyof typeof MUTABLE_IDS] = info;
  }
  return found;
}

const listMutable = (run: RouteRun, prefix: string): Promise<MutableBlobs> =>
  statMutable(run, 'source', prefix);

/** Every blob of the index class that one side has, in the order of their names. */
export async function listIndexes(
  run: RouteRun,
  side: 'source' | 'target',
  prefix: string,
): Promise<ObjectInfo[]> {
  run.guard();
  const prefixes = INDEX_PREFIXES.map((letter) => `${prefix}${letter}`);
  const listed = await listAll(run.deps[side], prefixes, run.signal);
  return listed.filter((info) => kindOf(prefix, info) !== 'unknown');
}

function isSameListing(a: readonly ObjectInfo[], b: readonly ObjectInfo[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((info, at) => info.key === b[at]?.key && info.etag === b[at]?.etag);
}

/** The newest time in the listing stands for the store's clock: it is not ahead of it. */
function marginOf(listing: readonly ObjectInfo[]): number {
  const times = listing.map((info) => info.lastModified.getTime());
  return times.reduce((newest, time) => Math.max(newest, time), 0) - MARGIN_MS;
}

export function toIndex(prefix: string, info: ObjectInfo): ListedIndex {
  const lastModified = info.source?.lastModified ?? info.lastModified;
  return { id: info.key.slice(prefix.length), lastModified, info };
}

function kindOf(prefix: string, info: ObjectInfo): string {
  return parseBlobName(info.key.slice(prefix.length)).kind;
}
