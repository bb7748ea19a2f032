import { constants, gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { decodeS2, S2Error } from './s2.ts';

/**
 * Kopia's compressions: a header id of four bytes, big endian, then a stream. Source: Kopia
 * v0.23.1, repo/compression; LZ4, which that release dropped, from v0.22.3.
 */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x1000, 'gzip'],
  [0x1001, 'gzip-best-speed'],
  [0x1002, 'gzip-best-compression'],
  [0x1100, 'zstd'],
  [0x1101, 'zstd-fastest'],
  [0x1102, 'zstd-better-compression'],
  [0x1103, 'zstd-best-compression'],
  [0x1200, 's2-default'],
  [0x1201, 's2-better'],
  [0x1202, 's2-parallel-4'],
  [0x1203, 's2-parallel-8'],
  [0x1300, 'pgzip'],
  [0x1301, 'pgzip-best-speed'],
  [0x1302, 'pgzip-best-compression'],
  [0x1400, 'lz4'],
  [0x1500, 'deflate-default'],
  [0x1501, 'deflate-best-speed'],
  [0x1502, 'deflate-best-compression'],
]);

export const COMPRESSION_HEADER_BYTES = 4;

/** Output is allocated in steps of this size at most, whatever length the index claims. */
const STEP_BYTES_MAX = 8 << 20;
/** Deflate cannot shrink further, so that a short stream needs no large buffer. */
const DEFLATE_RATIO_MAX = 1032;
/** 32 MiB: the largest window that Kopia's releases ever wrote. A claimed one costs memory. */
const ZSTD_WINDOW_LOG_MAX = 25;
/** Kopia writes one. Each costs a decoder, so that a stream of empty ones would take for ever. */
const ZSTD_FRAMES_MAX = 1024;

export type DecompressionReason =
  | 'decompression-failed'
  | 'decompression-bomb'
  | 'compression-unsupported';

/** A stream that cannot be, or must not be, decompressed to its end. */
export class DecompressionError extends Error {
  readonly reason: DecompressionReason;

  constructor(reason: DecompressionReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecompressionError';
    this.reason = reason;
  }
}

/** Kopia's name of a compression, or its header id in hex where we know none. */
export function compressionName(headerId: number): string {
  return NAMES.get(headerId) ?? `0x${headerId.toString(16)}`;
}

/**
 * @param stream the bytes after the header.
 * @param sizeBytesMax more output is not produced.
 * @throws DecompressionError
 */
export function decompress(headerId: number, stream: Uint8Array, sizeBytesMax: number): Buffer {
  const decoder = decoderOf(headerId);
  if (decoder === undefined) {
    const message = `Cannot decompress "${compressionName(headerId)}": it is not built in`;
    throw new DecompressionError('compression-unsupported', message);
  }
  try {
    return decoder(stream, sizeBytesMax);
  } catch (error) {
    throw decompressionError(headerId, error);
  }
}

type Decoder = (stream: Uint8Array, sizeBytesMax: number) => Buffer;

function decoderOf(headerId: number): Decoder | undefined {
  switch (NAMES.get(headerId)?.split('-', 1)[0]) {
    case 'gzip':
    case 'pgzip':
      return gunzip;
    case 'zstd':
      return unzstd;
    case 's2':
      return decodeS2;
    case 'deflate':
      // Bytes after the last block are ignored, as Go's reader does.
      return (stream, sizeBytesMax) => inflateRawSync(stream, limits(stream, sizeBytesMax));
    default:
      return undefined;
  }
}

/**
 * A stream with its header in front: the form inside `Z` objects, where no index knows the id.
 * @throws DecompressionError
 */
export function decompressFramed(framed: Uint8Array, sizeBytesMax: number): Buffer {
  const headerId = compressionHeader(framed);
  if (headerId === undefined) {
    throw new DecompressionError('decompression-failed', 'Cannot decompress: there is no header');
  }
  return decompress(headerId, framed.subarray(COMPRESSION_HEADER_BYTES), sizeBytesMax);
}

/** The header id in front of a stream; `undefined` when there are not even four bytes. */
export function compressionHeader(framed: Uint8Array): number | undefined {
  if (framed.length < COMPRESSION_HEADER_BYTES) return undefined;
  return new DataView(framed.buffer, framed.byteOffset).getUint32(0);
}

/** Go's reader takes members one after the other and, unlike Node's, no zeros behind the last. */
function gunzip(stream: Uint8Array, sizeBytesMax: number): Buffer {
  const { buffer, engine } = withEngine(
    gunzipSync(stream, { ...limits(stream, sizeBytesMax), info: true }),
  );
  if (engine.bytesWritten !== stream.length) throw new Error('there are bytes behind its end');
  return buffer;
}

/** Node ends with the first frame; Kopia's reader goes on to the end of the input. */
function unzstd(stream: Uint8Array, sizeBytesMax: number): Buffer {
  const frames: Buffer[] = [];
  let sizeBytes = 0;
  for (let at = 0; at < stream.length; ) {
    const { buffer, engine } = withEngine(
      zstdDecompressSync(stream.subarray(at), {
        maxOutputLength: Math.max(1, sizeBytesMax - sizeBytes),
        chunkSize: step(sizeBytesMax - sizeBytes),
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
        info: true,
      }),
    );
    if (engine.bytesWritten < 1) throw new Error('a frame has no end');
    at += engine.bytesWritten;
    sizeBytes += buffer.length;
    frames.push(buffer);
    if (frames.length > ZSTD_FRAMES_MAX) throw new Error('it has too many frames');
  }
  const [only] = frames;
  return frames.length === 1 && only ? only : Buffer.concat(frames, sizeBytes);
}

function limits(stream: Uint8Array, sizeBytesMax: number) {
  const possibleBytes = Math.min(sizeBytesMax, stream.length * DEFLATE_RATIO_MAX);
  return { maxOutputLength: Math.max(1, sizeBytesMax), chunkSize: step(possibleBytes) };
}

/** One byte more than expected, so that the usual content comes in one piece; Node's least is 64. */
function step(sizeBytes: number): number {
  return Math.max(64, Math.min(sizeBytes + 1, STEP_BYTES_MAX));
}

interface WithEngine {
  readonly buffer: Buffer;
  /** `bytesWritten`: how much of the input was taken. */
  readonly engine: { readonly bytesWritten: number };
}

/** `info: true` changes what Node's functions give back; their types do not say so. */
function withEngine(result: unknown): WithEngine {
  return result as WithEngine;
}

function decompressionError(headerId: number, cause: unknown): DecompressionError {
  const isTooLong =
    (cause instanceof S2Error && cause.isTooLong) ||
    (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE');
  const reason = isTooLong ? 'decompression-bomb' : 'decompression-failed';
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `Cannot decompress "${compressionName(headerId)}": ${detail}`;
  return new DecompressionError(reason, message, { cause });
}
