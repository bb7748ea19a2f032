import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** What is wrong with bytes that should be gzip. */
export type GzipDamageKind =
  | 'empty'
  | 'not-gzip'
  /** The store kept the chunk framing of the upload as part of the object (Velero #9951). */
  | 'transfer-framing'
  | 'truncated'
  | 'corrupt'
  /** More bytes follow behind the last gzip member; Velero's Go reader refuses them. */
  | 'trailing-bytes'
  | 'too-large';

export class GzipDamage extends Error {
  readonly kind: GzipDamageKind;

  constructor(kind: GzipDamageKind, message: string) {
    super(message);
    this.name = 'GzipDamage';
    this.kind = kind;
  }
}

/** Enough for the longest line of chunk framing: a length, and with signatures 85 characters. */
const HEAD_SIZE_BYTES = 256;

const CHUNK_SIZE_BYTES = 128 * 1024;

/**
 * Inflates `body` piece by piece, concatenated members like one, and checks it to its last byte:
 * checksum, length, and that nothing follows. What was yielded before an error is not proven.
 * @throws GzipDamage; whatever `body` throws passes unchanged.
 */
export async function* inflate(
  body: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
): AsyncGenerator<Buffer> {
  const fed = { sizeBytes: 0 };
  const gunzip = createGunzip({ chunkSize: CHUNK_SIZE_BYTES });
  // Failures arrive by the loop below as well.
  pipeline(checked(body, fed), gunzip, () => {});
  let sizeBytes = 0;
  try {
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > sizeBytesMax) {
        throw new GzipDamage('too-large', `it inflates to more than ${sizeBytesMax} bytes`);
      }
      yield piece;
    }
  } catch (error) {
    throw damageOf(error);
  }
  const trailing = fed.sizeBytes - gunzip.bytesWritten;
  if (trailing > 0) {
    throw new GzipDamage('trailing-bytes', `${trailing} bytes follow the end of the gzip`);
  }
}

function damageOf(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') return new GzipDamage('truncated', 'its gzip ends early');
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new GzipDamage('corrupt', 'its gzip is damaged');
  }
  return error;
}

/** Passes `body` on after a look at its first bytes. */
async function* checked(
  body: AsyncIterable<Uint8Array>,
  fed: { sizeBytes: number },
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const piece of body) {
    fed.sizeBytes += piece.length;
    if (head === undefined) {
      yield piece;
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < HEAD_SIZE_BYTES) continue;
    requireGzip(head);
    yield head;
    head = undefined;
  }
  if (head === undefined) return;
  requireGzip(head);
  yield head;
}

function requireGzip(head: Uint8Array): void {
  if (head.length === 0) throw new GzipDamage('empty', 'it is empty');
  if (isFramed(head)) {
    throw new GzipDamage('transfer-framing', TRANSFER_FRAMING);
  }
  if (head[0] !== 0x1f || (head.length > 1 && head[1] !== 0x8b)) {
    throw new GzipDamage('not-gzip', 'it is no gzip');
  }
}

export const TRANSFER_FRAMING =
  'it begins with a line of transfer framing, which the store should have removed (Velero #9951)';

/**
 * Whether bytes begin with the framing of a chunked upload to S3: the length of the chunk in
 * hexadecimal, with a signature or without.
 */
export function isFramed(head: Uint8Array): boolean {
  const line = Buffer.from(head.subarray(0, HEAD_SIZE_BYTES)).toString('latin1');
  return /^[0-9a-fA-F]{1,16}(;[^\r\n]{0,200})?\r\n/.test(line);
}
