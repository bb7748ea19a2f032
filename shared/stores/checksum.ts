import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createCRC64, type IHasher } from 'hash-wasm';
import { type Checksums, PART_SIZE_BYTES, type ReplayableBody } from './store.ts';
import { StoreError } from './store-error.ts';

export type ChecksumName = keyof Checksums;

/** CRC-64/NVME in the reflected form that hash-wasm takes; Azure's CRC64 uses the same one. */
const CRC64NVME_POLYNOMIAL = '9a6c9329ac4bc9b5';

/** Instances hold WebAssembly memory of their own, so that they are worth keeping. */
const idleCrc64: IHasher[] = [];

/** Computes several checksums over the same bytes, once. Call `release` when done with it. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  /** May be called once; ends the hasher. */
  digest(): Checksums;
  /** Gives up without a digest. Harmless after `digest`. */
  release(): void;
}

export async function createHasher(names: ReadonlySet<ChecksumName>): Promise<Hasher> {
  const md5: Hash | undefined = names.has('md5') ? createHash('md5') : undefined;
  const sha256: Hash | undefined = names.has('sha256') ? createHash('sha256') : undefined;
  let crc = names.has('crc32') ? 0 : undefined;
  let crc64 = names.has('crc64nvme')
    ? (idleCrc64.pop() ?? (await createCRC64(CRC64NVME_POLYNOMIAL)))
    : undefined;
  crc64?.init();
  const release = (): void => {
    if (crc64 !== undefined) idleCrc64.push(crc64);
    crc64 = undefined;
  };
  return {
    update(chunk) {
      md5?.update(chunk);
      sha256?.update(chunk);
      if (crc !== undefined) crc = crc32(chunk, crc);
      crc64?.update(chunk);
    },
    digest() {
      const checksums: Checksums = {
        ...(md5 && { md5: md5.digest('hex') }),
        ...(sha256 && { sha256: sha256.digest('hex') }),
        ...(crc !== undefined && { crc32: crc.toString(16).padStart(8, '0') }),
        ...(crc64 && { crc64nvme: crc64.digest('hex') }),
      };
      release();
      return checksums;
    },
    release,
  };
}

/**
 * Throws `corrupt` when any checksum that both sides know differs.
 * @returns how many were compared: 0 says that nothing was proven.
 */
export function compareChecksums(url: string, expected: Checksums, actual: Checksums): number {
  let compared = 0;
  for (const name of ['crc64nvme', 'sha256', 'md5', 'crc32'] as const) {
    const [left, right] = [expected[name], actual[name]];
    if (left === undefined || right === undefined) continue;
    if (left !== right) {
      const message = `Cannot accept "${url}": its ${name} is ${right}, expected ${left}`;
      throw new StoreError('corrupt', message);
    }
    compared += 1;
  }
  return compared;
}

/**
 * What a store has to compute while it writes: its own kinds and those the caller expects.
 */
export function checksumNames(
  own: readonly ChecksumName[],
  expected: Checksums | undefined,
): ReadonlySet<ChecksumName> {
  return new Set([...own, ...(Object.keys(expected ?? {}) as ChecksumName[])]);
}

/** Counts a body against its announced length; throws `invalid` as soon as it is another one. */
export async function* exactly(
  url: string,
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  for await (const chunk of body) {
    seenBytes += chunk.byteLength;
    if (seenBytes > sizeBytes) break;
    yield chunk;
  }
  if (seenBytes !== sizeBytes) {
    const some = seenBytes > sizeBytes ? 'more' : `${seenBytes}`;
    const message = `Cannot write "${url}": the body has ${some} bytes, announced were ${sizeBytes}`;
    throw new StoreError('invalid', message, { hint: 'The source changed while it was read' });
  }
}

/** Regroups a body into parts of exactly `partSizeBytes`, but for the last; holds one part. */
export async function* inParts(
  body: AsyncIterable<Uint8Array>,
  partSizeBytes: number = PART_SIZE_BYTES,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let heldBytes = 0;
  for await (let chunk of body) {
    while (heldBytes + chunk.byteLength >= partSizeBytes) {
      const missingBytes = partSizeBytes - heldBytes;
      pieces.push(chunk.subarray(0, missingBytes));
      yield pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, partSizeBytes);
      pieces = [];
      heldBytes = 0;
      chunk = chunk.subarray(missingBytes);
    }
    if (chunk.byteLength > 0) {
      pieces.push(chunk);
      heldBytes += chunk.byteLength;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(pieces, heldBytes);
}

/** All bytes of a small body in one piece. The caller has bounded its size. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
}

/** A body that is already in memory. */
export function bytesBody(bytes: Uint8Array): ReplayableBody {
  return async function* () {
    if (bytes.byteLength > 0) yield bytes;
  };
}
