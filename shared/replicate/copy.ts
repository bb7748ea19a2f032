import type { Deadline } from '../model/clock.ts';
import { forEachLimited } from '../model/limited.ts';
import type {
  Checksums,
  ObjectContent,
  ObjectInfo,
  ObjectReader,
  ObjectStore,
  SourceStamp,
} from '../stores/store.ts';
import { PART_SIZE_BYTES } from '../stores/store.ts';
import type { ReplicateConfig, ReplicateDeps } from './job.ts';
import type { ActionKind, Tally } from './tally.ts';

/** What every step of a run needs. */
export interface RouteRun {
  readonly deps: ReplicateDeps;
  readonly config: ReplicateConfig;
  readonly now: Date;
  readonly tally: Tally;
  readonly signal: AbortSignal;
  /** Throws when the lease is lost, the user interrupts, or the deadline is near. */
  guard(): void;
}

/** One object to be brought to the target as it was listed. */
export interface CopyItem {
  readonly kind: Extract<ActionKind, 'copy' | 'replace'>;
  readonly source: ObjectInfo;
  /** For the report: the part of the location and what it is there. */
  readonly subject: string;
  readonly what: string;
}

/** The deadline came: what is done stays, the next run goes on. */
export class OutOfTime extends Error {}

/** Enough to finish the transfers that are under way and to write the report. */
const DEADLINE_MARGIN_MS = 20_000;

export function checkDeadline(deadline: Deadline): void {
  if (deadline.remainingMs() < DEADLINE_MARGIN_MS) throw new OutOfTime('the deadline is near');
}

/** Of several transfers at once: as many parts as fit in 64 MiB (DESIGN section 9). */
const BYTES_IN_FLIGHT_MAX = 8 * PART_SIZE_BYTES;

/** Copies `items` as they come, many at once; stops at the first failure. */
export async function copyAll(
  run: RouteRun,
  items: AsyncIterable<CopyItem> | Iterable<CopyItem>,
): Promise<void> {
  const limits = { concurrency: run.config.concurrency, weightMax: BYTES_IN_FLIGHT_MAX };
  const weigh = ({ source }: CopyItem): number => Math.min(source.sizeBytes, PART_SIZE_BYTES);
  await forEachLimited(items, limits, weigh, (item) => copyOne(run, item));
}

/**
 * Copies one object: the very version that was listed, its bytes checked against the source's
 * checksum before they become visible and against the store's own on the way.
 * @throws StoreError `not_found` or `changed` when the source is no longer what was listed.
 */
export async function copyOne(run: RouteRun, item: CopyItem): Promise<void> {
  const { deps, tally } = run;
  const { key, sizeBytes } = item.source;
  run.guard();
  tally.plan(item.subject, item.what, 1, sizeBytes);
  if (!run.config.dryRun) await transfer(run, item.source);
  tally.done(item.kind, item.subject, item.what, sizeBytes);
  deps.log.log('debug', 'Copied object', { key, sizeBytes, kind: item.kind });
}

async function transfer(run: RouteRun, listed: ObjectInfo): Promise<void> {
  const { source, target } = run.deps;
  const options = { signal: run.signal, ifMatch: listed.etag };
  const first = await source.read(listed.key, options);
  const expect = cheapest(first.info.checksums ?? {}, target);
  let opened: ObjectContent | undefined = first;
  async function* body(): AsyncGenerator<Uint8Array> {
    // The first reading is open already; whoever retries the write begins a new one.
    const content = opened ?? (await source.read(listed.key, options));
    opened = undefined;
    for await (const chunk of content.body) {
      run.tally.moved(chunk.byteLength);
      yield chunk;
    }
  }
  try {
    await target.write(listed.key, body, {
      signal: run.signal,
      sizeBytes: listed.sizeBytes,
      source: stampOf(first.info),
      ...(expect && { expect }),
    });
  } finally {
    // A write that failed before it took the first byte leaves a connection open otherwise.
    if (opened !== undefined) await release(opened);
  }
  run.tally.measure(expect ? 'objectsCheckedAgainstSource' : 'objectsNotCheckedAgainstSource', 1);
}

/** A body that was never begun has nothing to clean up: it must begin before it can be left. */
async function release({ body }: ObjectContent): Promise<void> {
  try {
    for await (const _ of body) break;
  } catch {
    // Whatever broke it, it is no longer open, and the failure of the write is what counts.
  }
}

/** One checksum of the source proves as much as three: the one that the target computes anyway. */
function cheapest(known: Checksums, target: ObjectStore): Checksums | undefined {
  const own = target.capabilities.checksum;
  for (const name of [own, 'crc32', 'crc64nvme', 'md5', 'sha256'] as const) {
    const value = name && known[name];
    if (name && value) return { [name]: value };
  }
  return undefined;
}

/**
 * What the copy remembers: the ETag of the object it was made from, and the time at which the
 * bytes were first written, which a source that is a copy itself has recorded.
 */
export function stampOf(source: ObjectInfo): SourceStamp {
  return { etag: source.etag, lastModified: source.source?.lastModified ?? source.lastModified };
}

/**
 * Whether `target` is a copy of exactly this version of `source`. Times of two clouds are never
 * compared: only what the copy recorded of its source. Where listings do not show that, the caller
 * has asked `stat`.
 */
export function isCopyOf(target: ObjectInfo | undefined, source: ObjectInfo): boolean {
  if (target === undefined || target.sizeBytes !== source.sizeBytes) return false;
  if (target.source?.etag !== undefined) return target.source.etag === source.etag;
  // A folder keeps the time alone, as its modification time; see `sourceEtagKept`.
  const time = target.source?.lastModified ?? target.lastModified;
  return time.getTime() === stampOf(source).lastModified.getTime();
}

/** The target's view of `key` with its stamp, by a listing's entry where that shows it. */
export async function withStamp(
  run: RouteRun,
  target: ObjectInfo | undefined,
): Promise<ObjectInfo | undefined> {
  const { sourceStampListed, sourceEtagKept } = run.deps.target.capabilities;
  if (target === undefined || sourceStampListed || !sourceEtagKept) return target;
  return run.deps.target.stat(target.key, { signal: run.signal });
}

/** Everything below a prefix, small enough to hold: index blobs, the objects of backups. */
export async function listAll(
  reader: ObjectReader,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for (const prefix of prefixes) {
    for await (const info of reader.list(prefix, { signal })) found.push(info);
  }
  return found;
}
