import type { CallOptions } from '../../stores/store.ts';
import { DecompressionError, decompressFramed } from '../contents/compression.ts';
import type { ContentReader } from '../contents/content-reader.ts';
import { isObject } from '../format/json-members.ts';
import { EntriesParser, MalformedEntries } from './json-entries.ts';
import { ObjectDamage } from './object-damage.ts';
import { formatObjectId, type ObjectId, parseObjectId } from './object-id.ts';

/** Kopia needs three levels for a file of many terabytes in its smallest chunks. */
const DEPTH_MAX = 10;
/** Chunks of one object, the lists of them included: 6 TB in chunks of 128 KiB. */
const CHUNKS_MAX = 50_000_000;
/** Of one chunk in a list; it has two numbers and an id. */
const CHUNK_ENTRY_SIZE_BYTES_MAX = 4096;
/** No splitter of Kopia's makes larger chunks; bounds a `Z` object that is not part of a list. */
const CHUNK_SIZE_BYTES_MAX = 64 * 1024 * 1024;

export interface ReadObjectOptions extends CallOptions {
  /**
   * Chunks asked for before they are needed, so that a store's delay is not paid for each of a
   * file's chunks in turn. They are held; 0 by default.
   */
  readonly readAhead?: number;
}

export interface ObjectContent {
  readonly contentId: string;
  /** `indirect`: part of a list of chunks, which had to be read; `data`: part of the bytes. */
  readonly kind: 'data' | 'indirect';
  /** Of the content, as the list of chunks says; absent for `Z` chunks, and for an object, or a list, of one content. */
  readonly lengthBytes?: number;
}

/**
 * The bytes of a file, link or directory, in chunks as stored. Checks what Kopia checks (each chunk's
 * length) and that chunks leave no gap, which Kopia does not.
 * Source: Kopia v0.23.1, repo/object/object_reader.go, indirect.go.
 * @throws ObjectDamage, ContentDamage; StoreErrors as they are. What was yielded before is right.
 */
export async function* readObject(
  contents: ContentReader,
  objectId: string,
  options: ReadObjectOptions = {},
): AsyncGenerator<Buffer> {
  const { readAhead = 0 } = options;
  const waiting: Promise<Buffer>[] = [];
  for await (const chunk of chunksOf(contents, objectId, options)) {
    if (chunk.kind === 'indirect') continue;
    const reading = readChunk(contents, objectId, chunk, options);
    // It fails when its turn comes; if that never comes, nobody wants to know.
    reading.catch(() => undefined);
    waiting.push(reading);
    const first = waiting.length > readAhead ? waiting.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const reading of waiting) yield await reading;
}

/**
 * Every content that an object needs, each as often as it occurs. Reads lists of chunks, never
 * data; each content of a list is yielded before it is read, so that a lost one is known by its id.
 * @throws ObjectDamage, ContentDamage (of a list); StoreErrors as they are.
 */
export async function* objectContents(
  contents: ContentReader,
  objectId: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectContent> {
  for await (const { id, kind, lengthBytes } of chunksOf(contents, objectId, options)) {
    // The length of a `Z` chunk is that of its bytes, not of the content that holds them.
    const known = lengthBytes !== undefined && !id.compressed;
    yield { contentId: id.contentId, kind, ...(known && { lengthBytes }) };
  }
}

interface Chunk {
  /** Without indirections. */
  readonly id: ObjectId;
  readonly kind: 'data' | 'indirect';
  /** As the list says; absent for an object that is one content. */
  readonly lengthBytes: number | undefined;
}

/** What all levels of one object share. */
interface Walk {
  readonly contents: ContentReader;
  readonly objectId: string;
  readonly options: CallOptions;
  chunks: number;
}

function chunksOf(
  contents: ContentReader,
  objectId: string,
  options: CallOptions,
): AsyncGenerator<Chunk> {
  const id = parseObjectId(objectId);
  if (id === undefined) {
    throw new ObjectDamage(objectId, 'object-id-malformed', 'that is no object id');
  }
  return leaves({ contents, objectId, options, chunks: 0 }, id, undefined, 0);
}

/** Depth first: what a list names lies within the list's own place among its siblings. */
async function* leaves(
  walk: Walk,
  id: ObjectId,
  lengthBytes: number | undefined,
  depth: number,
): AsyncGenerator<Chunk> {
  walk.chunks += 1;
  if (walk.chunks > CHUNKS_MAX) throw damaged(walk, 'beyond-limits', 'it has too many chunks');
  if (id.indirections === 0) {
    yield { id, kind: 'data', lengthBytes };
    return;
  }
  // A list that names itself, which no honest hash allows, ends here too.
  if (depth >= DEPTH_MAX) throw damaged(walk, 'beyond-limits', 'its lists of chunks are too deep');
  const list = { ...id, indirections: id.indirections - 1 };
  let endBytes: number | undefined;
  for await (const step of listSteps(walk, list, depth + 1)) {
    if (step.kind === 'part') {
      yield { ...step.part, kind: 'indirect' };
      continue;
    }
    if (step.startBytes !== (endBytes ?? 0)) {
      const detail = `a chunk begins at ${step.startBytes}, the one before ends at ${endBytes ?? 0}`;
      throw damaged(walk, 'chunks-not-contiguous', detail);
    }
    endBytes = step.startBytes + step.lengthBytes;
    yield* leaves(walk, step.id, step.lengthBytes, depth + 1);
  }
  // Kopia stops with a panic at a list without chunks.
  if (endBytes === undefined) throw malformed(walk, list, 'is empty');
  if (lengthBytes !== undefined && endBytes !== lengthBytes) {
    const detail = `a list of chunks has ${endBytes} bytes in all, expected ${lengthBytes}`;
    throw damaged(walk, 'length-mismatch', detail);
  }
}

type ListStep = { readonly kind: 'part'; readonly part: Chunk } | ChunkEntry;

/** The contents of a list, each before it is read, and the chunks that it turns out to hold. */
async function* listSteps(walk: Walk, list: ObjectId, depth: number): AsyncGenerator<ListStep> {
  const parser = new EntriesParser(['stream'], CHUNK_ENTRY_SIZE_BYTES_MAX);
  try {
    for await (const part of leaves(walk, list, undefined, depth)) {
      yield { kind: 'part', part };
      if (part.kind === 'indirect') continue;
      const bytes = await readChunk(walk.contents, walk.objectId, part, walk.options);
      for (const batch of parser.feed(bytes)) {
        for (const entry of batch) yield chunkEntry(walk, list, entry);
      }
    }
    if (parser.end().get('stream') !== 'kopia:indirect') {
      throw new MalformedEntries('is not marked as one');
    }
  } catch (error) {
    throw error instanceof MalformedEntries ? malformed(walk, list, error.message) : error;
  }
}

interface ChunkEntry {
  readonly kind: 'chunk';
  readonly id: ObjectId;
  readonly startBytes: number;
  readonly lengthBytes: number;
}

/** `{"s":start,"l":length,"o":objectId}`, numbers left out when 0. */
function chunkEntry(walk: Walk, list: ObjectId, value: unknown): ChunkEntry {
  if (!isObject(value)) throw malformed(walk, list, 'has an odd chunk');
  const { s = 0, l = 0, o } = value;
  const id = typeof o === 'string' ? parseObjectId(o) : undefined;
  if (!isLength(s) || !isLength(l) || id === undefined) {
    throw malformed(walk, list, 'has a chunk without a start, a length or an object id');
  }
  return { kind: 'chunk', id, startBytes: s, lengthBytes: l };
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

async function readChunk(
  contents: ContentReader,
  objectId: string,
  { id, lengthBytes }: Chunk,
  options: CallOptions,
): Promise<Buffer> {
  const stored = await contents.read(id.contentId, options);
  const bytes = id.compressed
    ? decompressed(objectId, stored, lengthBytes ?? CHUNK_SIZE_BYTES_MAX)
    : stored;
  if (lengthBytes !== undefined && bytes.length !== lengthBytes) {
    const detail = `chunk "${formatObjectId(id)}" has ${bytes.length} bytes, expected ${lengthBytes}`;
    throw new ObjectDamage(objectId, 'length-mismatch', detail);
  }
  return bytes;
}

/** `Z`: the content's bytes are themselves a header id and a stream. */
function decompressed(objectId: string, stored: Buffer, sizeBytesMax: number): Buffer {
  try {
    return decompressFramed(stored, sizeBytesMax);
  } catch (error) {
    if (!(error instanceof DecompressionError)) throw error;
    throw new ObjectDamage(objectId, 'decompression-failed', error.message);
  }
}

function malformed(walk: Walk, list: ObjectId, what: string): ObjectDamage {
  return damaged(walk, 'malformed', `its list of chunks "${formatObjectId(list)}" ${what}`);
}

function damaged(walk: Walk, reason: ObjectDamage['reason'], detail: string): ObjectDamage {
  return new ObjectDamage(walk.objectId, reason, detail);
}
