import { createHash } from 'node:crypto';
import { isVerificationState, type VerificationState } from '../../../shared/kopia/verify/share.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { bytesBody, collect } from '../../../shared/stores/checksum.ts';
import type { CallOptions, ObjectStore } from '../../../shared/stores/store.ts';
import { isStoreError } from '../../../shared/stores/store-error.ts';

/** Half a million packs, which is 10 TiB, take 6 MB. */
const STATE_SIZE_BYTES_MAX = 256 * 1024 * 1024;

/** What the last verification of a repository left, and the version of the object that says it. */
export interface StoredVerification {
  readonly key: string;
  readonly state: VerificationState | undefined;
  readonly etag: string | undefined;
}

/**
 * @param repositoryUrl with the endpoint: a replica has the id of its source and needs proofs of its own
 * @throws DrydockError `VERIFICATION_STATE_DAMAGED`: a state that cannot be read is not taken for none
 */
export async function readVerification(
  store: ObjectStore,
  repositoryUrl: string,
  options: CallOptions,
): Promise<StoredVerification> {
  const name = createHash('sha256').update(repositoryUrl).digest('hex').slice(0, 32);
  const key = `kopia-verifications/${name}.json`;
  const content = await store.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return { key, state: undefined, etag: undefined };
  const { etag, sizeBytes } = content.info;
  if (sizeBytes > STATE_SIZE_BYTES_MAX) throw damaged(store, key, 'it is too large');
  let state: unknown;
  try {
    state = JSON.parse(Buffer.from(await collect(content.body)).toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw damaged(store, key, 'it is no JSON');
  }
  if (!isVerificationState(state)) throw damaged(store, key, 'it is of another kind or version');
  return { key, state, etag };
}

/** @returns whether it was written: another run may have been first, and then its word stands. */
export async function writeVerification(
  store: ObjectStore,
  { key, etag }: StoredVerification,
  state: VerificationState,
  options: CallOptions,
): Promise<boolean> {
  const bytes = Buffer.from(`${JSON.stringify(state)}\n`);
  const condition = etag === undefined ? 'absent' : { etag };
  try {
    await store.write(key, bytesBody(bytes), { ...options, sizeBytes: bytes.length, condition });
    return true;
  } catch (error) {
    if (isStoreError(error, 'exists', 'changed')) return false;
    throw error;
  }
}

function damaged(store: ObjectStore, key: string, why: string): DrydockError {
  const message = `Cannot read the state "${store.url}/${key}": ${why}`;
  const hint = 'Use the Drydock that wrote it, or remove the object: then every pack counts as new';
  return new DrydockError('refused', 'VERIFICATION_STATE_DAMAGED', message, { hint });
}
