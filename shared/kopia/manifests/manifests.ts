import { gunzipSync } from 'node:zlib';
import type { CallOptions } from '../../stores/store.ts';
import { ContentDamage, type DamageReason } from '../contents/content-damage.ts';
import type { ContentReader } from '../contents/content-reader.ts';
import { isObject } from '../format/json-members.ts';
import type { ContentTable } from '../indexes/content-table.ts';
import { EntriesParser, MalformedEntries } from '../objects/json-entries.ts';
import { parseTimestamp, type Timestamp } from '../objects/timestamp.ts';

/** JSON of one content: some 50,000 snapshots. */
const TEXT_SIZE_BYTES_MAX = 64 * 1024 * 1024;
/** Of all of them once parsed: some 50,000 snapshots of Velero, by an estimate that is too high. */
const MEMORY_BYTES_MAX = 320 * 1024 * 1024;
/** What an empty object in a list takes, the costliest value for its length: 72 bytes in Node 24. */
const VALUE_MEMORY_BYTES = 72;
/** The root entry of a snapshot lists the errors below it. */
const ENTRY_SIZE_BYTES_MAX = 8 * 1024 * 1024;
const CONCURRENCY = 8;
const [COMMA, OPEN_BRACE, OPEN_BRACKET] = [0x2c, 0x7b, 0x5b];

/** A small document with labels: a snapshot, a policy, the parameters of maintenance, … */
export interface Manifest {
  /** 32 hex digits; Velero's `snapshotID`. */
  readonly id: string;
  /** Without a prototype: any name may be looked up. */
  readonly labels: Readonly<Record<string, string>>;
  readonly modified: Date;
  /** The same in nanoseconds since 1970. */
  readonly modifiedNs: bigint;
  /** As parsed from JSON, not checked. */
  readonly data: unknown;
  /** The content that holds it. */
  readonly contentId: string;
}

export interface ManifestProblem {
  readonly kind: /** The content cannot be read: Kopia opens the repository no more. */
    | 'content-lost'
    /** The content is no compressed list of manifests: Kopia opens the repository no more. */
    | 'content-malformed'
    /** One entry cannot be understood: Kopia opens the repository no more. */
    | 'entry-malformed'
    /** More than may be held in memory; Kopia may well read it. */
    | 'beyond-limits';
  readonly contentId: string;
  readonly packBlob: string;
  /** A sentence's end, as in: content "…" `reason`. */
  readonly reason: string;
  /** Of `content-lost`. */
  readonly damage?: DamageReason;
}

export interface Manifests {
  /** Live ones by id, ascending by id. */
  readonly all: ReadonlyMap<string, Manifest>;
  /** In the order of content ids. Whatever is left is read all the same. */
  readonly problems: readonly ManifestProblem[];
  /** How many contents hold manifests; a writable Kopia session compacts them from 16 on. */
  readonly contents: number;
}

export interface LoadManifestsOptions extends CallOptions {
  /** Contents read, of how many. */
  readonly onProgress?: (done: number, all: number) => void;
}

interface Revision extends Manifest {
  readonly deleted: boolean;
}

/**
 * Reads all manifests of a repository. A later version of a manifest, or its deletion, replaces the
 * earlier one, by a time to the nanosecond. What cannot be read is a problem, never an error.
 * Source: Kopia v0.23.1, repo/manifest.
 * @throws StoreErrors as they are.
 */
export async function loadManifests(
  table: ContentTable,
  contents: ContentReader,
  options: LoadManifestsOptions = {},
): Promise<Manifests> {
  const positions = [...table.positions('m')].filter((position) => !table.isDeleted(position));
  const latest = new Map<string, Revision>();
  const problems = new Map<number, ManifestProblem>();
  let memoryBytes = 0;
  let done = 0;

  async function load(position: number): Promise<void> {
    const contentId = table.idOf(position);
    const problem = (
      kind: ManifestProblem['kind'],
      reason: string,
      damage?: DamageReason,
    ): void => {
      const packBlob = table.packs.name(table.packOf(position));
      problems.set(position, { kind, contentId, packBlob, reason, ...(damage && { damage }) });
    };
    try {
      const text = unzipped(await contents.read(contentId, options));
      const ownBytes = parsedBytes(text);
      if (memoryBytes + ownBytes > MEMORY_BYTES_MAX) {
        problem('beyond-limits', 'brings the manifests above what fits in memory');
        return;
      }
      memoryBytes += ownBytes;
      for (const raw of entriesOf(text)) {
        const revision = parseRevision(raw, contentId);
        if (revision === undefined) problem('entry-malformed', 'holds a manifest of an odd form');
        else merge(latest, revision);
      }
    } catch (error) {
      if (error instanceof ContentDamage) problem('content-lost', error.reason, error.reason);
      else if (error instanceof MalformedEntries) problem('content-malformed', error.message);
      else throw error;
    } finally {
      done += 1;
      options.onProgress?.(done, positions.length);
    }
  }

  // A generator, unlike an array's own iterator, is closed for all loops when one of them throws.
  const queue = (function* () {
    yield* positions;
  })();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const position of queue) await load(position);
    }),
  );
  const live = [...latest.values()].filter(({ deleted }) => !deleted);
  return {
    all: new Map(live.sort((a, b) => compare(a.id, b.id)).map(({ deleted: _, ...m }) => [m.id, m])),
    problems: [...problems].sort(([a], [b]) => a - b).map(([, problem]) => problem),
    contents: positions.length,
  };
}

/**
 * The later one wins. Kopia leaves equal times to chance. Compaction copies entries unchanged, so
 * that it matters only for a deletion in the nanosecond of the write: then the manifest counts as
 * live, because what is checked in vain does no harm. Between twins the smaller content id wins, so
 * that the order of reading changes nothing.
 */
function merge(latest: Map<string, Revision>, revision: Revision): void {
  const known = latest.get(revision.id);
  if (known === undefined || isNewer(revision, known)) latest.set(revision.id, revision);
}

function isNewer(one: Revision, other: Revision): boolean {
  if (one.modifiedNs !== other.modifiedNs) return one.modifiedNs > other.modifiedNs;
  if (one.deleted !== other.deleted) return !one.deleted;
  return one.contentId < other.contentId;
}

/** The bytes are a gzip stream, whatever compression the content itself has. */
function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: TEXT_SIZE_BYTES_MAX });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const limit = `decompresses to more than ${TEXT_SIZE_BYTES_MAX} bytes`;
    throw new MalformedEntries(tooLarge ? limit : 'is no gzip stream');
  }
}

/** An estimate, rather too high: what JSON takes hangs on its values more than on its length. */
function parsedBytes(text: Buffer): number {
  let values = 0;
  for (const code of text) {
    if (code === COMMA || code === OPEN_BRACE || code === OPEN_BRACKET) values += 1;
  }
  return text.length + values * VALUE_MEMORY_BYTES;
}

function* entriesOf(text: Buffer): Generator<unknown> {
  const parser = new EntriesParser([], ENTRY_SIZE_BYTES_MAX);
  for (const batch of parser.feed(text)) yield* batch;
  parser.end();
}

/** `undefined` when Kopia could not decode it either. */
function parseRevision(raw: unknown, contentId: string): Revision | undefined {
  if (!isObject(raw)) return undefined;
  const { id, labels, modified, deleted = false, data } = raw;
  const time: Timestamp | undefined = parseTimestamp(modified);
  const named = labelsOf(labels ?? {});
  if (typeof id !== 'string' || id === '' || typeof deleted !== 'boolean') return undefined;
  if (time === undefined || named === undefined) return undefined;
  return {
    id,
    labels: named,
    modified: time.date,
    modifiedNs: time.ns,
    deleted,
    data,
    contentId,
  };
}

function labelsOf(raw: unknown): Record<string, string> | undefined {
  if (!isObject(raw)) return undefined;
  const labels: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value !== 'string') return undefined;
    labels[name] = value;
  }
  return labels;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
