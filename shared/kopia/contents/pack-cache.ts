import type { ByteRange, CallOptions, ObjectReader } from '../../stores/store.ts';
import { readPack } from './pack-read.ts';

/** Packs are held in pieces of this size, each beginning at a multiple of it. */
export const SEGMENT_SIZE_BYTES = 2 << 20;
/** Makes one number of pack and segment; offsets of any index stay below 2 GiB. */
const SEGMENTS_PER_PACK = 1 << 11;

/** A segment that is there or on its way. */
interface Segment {
  readonly bytes: Promise<Uint8Array>;
  readonly sizeBytes: number;
  /** Of whoever asked first, until it is there: its abort must not fail the others. */
  signal: AbortSignal | undefined;
}

/** A range of a pack whose size is known; the range lies inside. */
export interface PackRange extends ByteRange {
  readonly packId: number;
  readonly key: string;
  readonly packSizeBytes: number;
}

/** Stored bytes of packs, for reads here and there. Ciphertext only. */
export interface PackCache {
  /** @throws StoreError, or the reason of `options.signal`. */
  read(range: PackRange, options?: CallOptions): Promise<Uint8Array>;
}

/**
 * Keeps the segments that were used last. Whoever asks for a segment that is on its way waits for
 * it; neighbours that are missing come by one request. Small packs are read whole.
 * @param sizeBytesMax of what is kept; reads under way and their answers come on top.
 */
export function packCache(reader: ObjectReader, sizeBytesMax: number): PackCache {
  /** The order of a Map is that of insertion: the first is the one unused for longest. */
  const segments = new Map<number, Segment>();
  let heldBytes = 0;

  function drop(id: number, segment: Segment): void {
    if (segments.get(id) !== segment) return;
    segments.delete(id);
    heldBytes -= segment.sizeBytes;
  }

  function keep(id: number, segment: Segment): void {
    segments.set(id, segment);
    heldBytes += segment.sizeBytes;
    for (const [oldest, old] of segments) {
      if (heldBytes <= sizeBytesMax || oldest === id) break;
      drop(oldest, old);
    }
  }

  function find(id: number): Segment | undefined {
    const segment = segments.get(id);
    if (segment === undefined) return undefined;
    segments.delete(id);
    segments.set(id, segment);
    return segment;
  }

  /** Asks for the segments from `first` to before `end` by one request. */
  function fetch(range: PackRange, first: number, end: number, options?: CallOptions): Segment[] {
    const start = first * SEGMENT_SIZE_BYTES;
    const stop = Math.min(end * SEGMENT_SIZE_BYTES, range.packSizeBytes);
    const asked = { offsetBytes: start, lengthBytes: stop - start };
    const allocate = (sizeBytes: number) => new ArrayBuffer(sizeBytes);
    const answer = readPack(reader, range.key, asked, allocate, options);
    return Array.from({ length: end - first }, (_, i) => {
      const from = i * SEGMENT_SIZE_BYTES;
      const to = Math.min(from + SEGMENT_SIZE_BYTES, stop - start);
      // Copied out, so that one segment that stays does not keep the memory of its neighbours.
      const bytes = answer.then(
        (all) => new Uint8Array(end - first > 1 ? all.slice(from, to) : all),
      );
      const segment: Segment = { bytes, sizeBytes: to - from, signal: options?.signal };
      const id = range.packId * SEGMENTS_PER_PACK + first + i;
      keep(id, segment);
      bytes.then(
        () => {
          segment.signal = undefined;
        },
        () => drop(id, segment),
      );
      return segment;
    });
  }

  /** The segments that hold a range, those that are missing asked for. */
  function cover(range: PackRange, options?: CallOptions): Segment[] {
    const last = Math.floor((range.offsetBytes + range.lengthBytes - 1) / SEGMENT_SIZE_BYTES);
    const covering: Segment[] = [];
    let at = Math.floor(range.offsetBytes / SEGMENT_SIZE_BYTES);
    while (at <= last) {
      const known = find(range.packId * SEGMENTS_PER_PACK + at);
      if (known !== undefined) {
        covering.push(known);
        at += 1;
        continue;
      }
      let end = at + 1;
      while (end <= last && !segments.has(range.packId * SEGMENTS_PER_PACK + end)) end += 1;
      covering.push(...fetch(range, at, end, options));
      at = end;
    }
    return covering;
  }

  return {
    async read(range, options) {
      for (;;) {
        options?.signal?.throwIfAborted();
        const covering = cover(range, options);
        try {
          const bytes = Promise.all(covering.map((segment) => segment.bytes));
          const from = range.offsetBytes % SEGMENT_SIZE_BYTES;
          return cut(await abortable(bytes, options?.signal), from, range.lengthBytes);
        } catch (error) {
          options?.signal?.throwIfAborted();
          if (!covering.some(({ signal }) => signal?.aborted)) throw error;
        }
      }
    },
  };
}

function cut(parts: readonly Uint8Array[], from: number, lengthBytes: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only.subarray(from, from + lengthBytes);
  const bytes = new Uint8Array(lengthBytes);
  let to = 0;
  for (const part of parts) {
    const piece = part.subarray(to === 0 ? from : 0).subarray(0, lengthBytes - to);
    bytes.set(piece, to);
    to += piece.length;
  }
  return bytes;
}

/** Gives up waiting, not the work: others may wait for it too. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
