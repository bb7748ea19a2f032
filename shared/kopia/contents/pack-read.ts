import type { ByteRange, CallOptions, ObjectReader } from '../../stores/store.ts';
import { StoreError } from '../../stores/store-error.ts';

/**
 * Reads a range of a pack blob into memory. Memory is taken only after the store has found the
 * range to be inside the object, so that a length that an index made up costs nothing.
 * @param allocate gives at least as many bytes as it is asked for.
 * @returns what `allocate` gave, filled from its beginning.
 * @throws StoreError
 */
export async function readPack(
  reader: ObjectReader,
  key: string,
  range: ByteRange,
  allocate: (sizeBytes: number) => ArrayBuffer,
  options?: CallOptions,
): Promise<ArrayBuffer> {
  const { body } = await reader.read(key, { ...options, range });
  const target = new Uint8Array(allocate(range.lengthBytes));
  let filledBytes = 0;
  for await (const piece of body) {
    if (filledBytes + piece.length > range.lengthBytes) throw otherLength(reader, key, range);
    target.set(piece, filledBytes);
    filledBytes += piece.length;
  }
  if (filledBytes < range.lengthBytes) throw otherLength(reader, key, range);
  return target.buffer;
}

/** Stores promise exactly the bytes asked for; a wrong answer must not pass for a damaged pack. */
function otherLength(reader: ObjectReader, key: string, range: ByteRange): StoreError {
  const asked = `${range.lengthBytes} bytes at ${range.offsetBytes}`;
  return new StoreError('corrupt', `Cannot read ${asked} of "${reader.url}/${key}": got others`);
}
