import { DrydockError } from '../../model/errors.ts';
import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { isStoreError } from '../../stores/store-error.ts';
import { FORMAT_BLOB } from '../blob-names.ts';
import { JsonFault, type JsonObject, parseJsonObject, textOf } from './json-members.ts';

/** `kopia.repository` is some hundred bytes of JSON; Kopia itself refuses more than 65,000. */
export const FORMAT_SIZE_BYTES_MAX = 1024 * 1024;

/** The part of `kopia.repository` that is in clear (reference `kopia-repository.md` 2.1). */
export interface FormatBlob {
  /** Of the blob, for messages. */
  readonly url: string;
  /** `uniqueID` as it stands there, base64. */
  readonly uniqueId: string;
  readonly members: JsonObject;
}

/**
 * @returns `undefined` when there is no format blob.
 * @throws NOT_A_REPOSITORY when the format blob is not one.
 */
export async function readFormatBlob(
  reader: ObjectReader,
  prefix: string,
  options: CallOptions = {},
): Promise<FormatBlob | undefined> {
  const key = `${prefix}${FORMAT_BLOB}`;
  const url = `${reader.url}/${key}`;
  const bytes = await readSmallBlob(reader, key, FORMAT_SIZE_BYTES_MAX, options);
  if (bytes === undefined) return undefined;
  if (bytes === 'too-large') {
    throw notARepository(url, `it has more than ${FORMAT_SIZE_BYTES_MAX} bytes`);
  }
  return asRepository(url, () => {
    const members = parseJsonObject(bytes);
    const uniqueId = textOf(members, 'uniqueID');
    if (uniqueId === undefined || uniqueId === '') throw new JsonFault('it has no uniqueID');
    return { url, uniqueId, members };
  });
}

/**
 * The identity of the repository below `prefix`: `uniqueID` of its format blob, which never changes.
 * @returns `undefined` when there is no format blob.
 * @throws NOT_A_REPOSITORY when the format blob is not one.
 */
export async function readRepositoryId(
  reader: ObjectReader,
  prefix: string,
  options: CallOptions = {},
): Promise<string | undefined> {
  return (await readFormatBlob(reader, prefix, options))?.uniqueId;
}

/** A whole blob of bounded size; `undefined` when it is proven absent. */
export async function readSmallBlob(
  reader: ObjectReader,
  key: string,
  sizeBytesMax: number,
  options: CallOptions,
): Promise<Buffer | 'too-large' | undefined> {
  const content = await reader.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of content.body) {
    sizeBytes += piece.length;
    if (sizeBytes > sizeBytesMax) return 'too-large';
    pieces.push(piece);
  }
  return Buffer.concat(pieces, sizeBytes);
}

/** Runs `parse`, and says NOT_A_REPOSITORY of the blob at `url` for each JSON fault. */
export function asRepository<T>(url: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof JsonFault) throw notARepository(url, error.message);
    throw error;
  }
}

function notARepository(url: string, why: string): DrydockError {
  const hint = 'Compare the object with an older version of it; Kopia cannot open this one either';
  return new DrydockError('operation', 'NOT_A_REPOSITORY', `Cannot read "${url}": ${why}`, {
    hint,
  });
}
