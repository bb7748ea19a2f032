import { DrydockError } from '../model/errors.ts';
import { collect } from '../stores/checksum.ts';
import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import { FORMAT_BLOB } from './blob-names.ts';

/** `kopia.repository` is some hundred bytes of JSON; versions with large locks stay far below. */
const FORMAT_SIZE_BYTES_MAX = 1024 * 1024;

/**
 * The identity of the repository below `prefix`: `uniqueID` of its format blob, which is in clear
 * (reference `kopia-repository.md` 2.1) and never changes.
 * @returns `undefined` when there is no format blob.
 * @throws NOT_A_REPOSITORY when the format blob is not one.
 */
export async function readRepositoryId(
  reader: ObjectReader,
  prefix: string,
  options: CallOptions = {},
): Promise<string | undefined> {
  const key = `${prefix}${FORMAT_BLOB}`;
  const content = await reader.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  const url = `${reader.url}/${key}`;
  if (content.info.sizeBytes > FORMAT_SIZE_BYTES_MAX) {
    throw notARepository(url, `it has ${content.info.sizeBytes} bytes`);
  }
  const text = Buffer.from(await collect(content.body)).toString('utf8');
  let id: unknown;
  try {
    id = (JSON.parse(text) as { uniqueID?: unknown } | null)?.uniqueID;
  } catch (error) {
    throw notARepository(url, 'it is no JSON', error);
  }
  if (typeof id !== 'string' || id === '') throw notARepository(url, 'it has no uniqueID');
  return id;
}

function notARepository(url: string, why: string, cause?: unknown): DrydockError {
  const hint = 'Compare the object with an older version of it; Kopia cannot open this one either';
  return new DrydockError('operation', 'NOT_A_REPOSITORY', `Cannot read "${url}": ${why}`, {
    hint,
    cause,
  });
}
