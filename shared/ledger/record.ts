import { DrydockError } from '../model/errors.ts';
import { bytesBody, collect } from '../stores/checksum.ts';
import type { CallOptions, ObjectStore } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';

/**
 * A record of the ledger: one small JSON object, changed only by compare-and-swap. `nonce` differs
 * in every write, because S3's ETag of equal bytes is equal, and because it tells after an unclear
 * answer whether the write that landed was ours.
 */
export interface Stored<T> {
  readonly value: T;
  readonly etag: string;
}

interface Envelope {
  readonly schemaVersion: number;
  readonly kind: string;
  readonly nonce: string;
  readonly value: unknown;
}

/** How a kind of record is named, versioned and read back. */
export interface RecordKind<T> {
  readonly kind: string;
  readonly schemaVersion: number;
  /** Throws when the value is not of this kind; gets only values of this schema version. */
  readonly parse: (value: unknown) => T;
}

/** Records are a few kB; whatever is larger is not ours. */
const RECORD_SIZE_BYTES_MAX = 256 * 1024;

/**
 * @returns `undefined` when there is no such record.
 * @throws RECORD_NEWER when a later Drydock wrote it: refused, not guessed.
 * @throws RECORD_DAMAGED when it cannot be read; nobody may treat that as absent.
 */
export async function readRecord<T>(
  state: ObjectStore,
  key: string,
  kind: RecordKind<T>,
  options: CallOptions = {},
): Promise<Stored<T> | undefined> {
  const envelope = await readEnvelope(state, key, options);
  if (envelope === undefined) return undefined;
  const { schemaVersion, value } = envelope.record;
  if (schemaVersion > kind.schemaVersion) {
    const versions = `schema version ${schemaVersion}, this Drydock knows ${kind.schemaVersion}`;
    const message = `Cannot read record "${state.url}/${key}": ${versions}`;
    throw new DrydockError('refused', 'RECORD_NEWER', message, { hint: 'Update Drydock here' });
  }
  if (envelope.record.kind !== kind.kind) throw damaged(state, key, `it is no ${kind.kind}`);
  try {
    return { value: kind.parse(value), etag: envelope.etag };
  } catch (error) {
    throw damaged(state, key, 'its value is not of its kind', error);
  }
}

/**
 * Writes a record if it is still what `previous` says (`undefined`: absent).
 * @returns the ETag of the new record; `undefined` when somebody else was first.
 */
export async function swapRecord<T>(
  state: ObjectStore,
  key: string,
  kind: RecordKind<T>,
  next: { readonly value: T; readonly nonce: string; readonly previousEtag: string | undefined },
  options: CallOptions = {},
): Promise<string | undefined> {
  const envelope: Envelope = {
    schemaVersion: kind.schemaVersion,
    kind: kind.kind,
    nonce: next.nonce,
    value: next.value,
  };
  const bytes = Buffer.from(`${JSON.stringify(envelope, null, 2)}\n`);
  const condition = next.previousEtag === undefined ? 'absent' : { etag: next.previousEtag };
  const write = { ...options, sizeBytes: bytes.length, condition } as const;
  try {
    return (await state.write(key, bytesBody(bytes), write)).etag;
  } catch (error) {
    // The answer of a write that landed may be lost, and then its repetition meets itself.
    if (!isStoreError(error, 'exists', 'changed', 'unreachable')) throw error;
    const now = await readEnvelope(state, key, options);
    if (now?.record.nonce === next.nonce) return now.etag;
    if (isStoreError(error, 'unreachable')) throw error;
    return undefined;
  }
}

async function readEnvelope(
  state: ObjectStore,
  key: string,
  options: CallOptions,
): Promise<{ readonly record: Envelope; readonly etag: string } | undefined> {
  const content = await state.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  if (content.info.sizeBytes > RECORD_SIZE_BYTES_MAX) throw damaged(state, key, 'it is too large');
  const text = Buffer.from(await collect(content.body)).toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw damaged(state, key, 'it is no JSON', error);
  }
  if (!isEnvelope(parsed)) throw damaged(state, key, 'it has no schema version, kind and nonce');
  return { record: parsed, etag: content.info.etag };
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { schemaVersion, kind, nonce } = value as Partial<Record<keyof Envelope, unknown>>;
  return typeof schemaVersion === 'number' && typeof kind === 'string' && typeof nonce === 'string';
}

function damaged(state: ObjectStore, key: string, why: string, cause?: unknown): DrydockError {
  const message = `Cannot read record "${state.url}/${key}": ${why}`;
  const hint = 'Look at the object; move it away only when no Drydock is running on this target';
  return new DrydockError('refused', 'RECORD_DAMAGED', message, { hint, cause });
}
