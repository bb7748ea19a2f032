import { DrydockError } from '../model/errors.ts';
import { bytesBody, collect } from '../stores/checksum.ts';
import type { CallOptions, ObjectReader, ObjectStore } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';

/**
 * A record of the ledger: one JSON object, changed only by compare-and-swap. `nonce` differs in
 * every write, because S3's ETag of equal bytes is equal, and because it tells after an unclear
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
  /** From 1. What is written has this one; a later one is refused on reading. */
  readonly schemaVersion: number;
  /** Throws when the value is not of this kind; gets only values of this schema version. */
  readonly parse: (value: unknown) => T;
  /**
   * Makes a value of this schema version from an older one. Nothing is written by it, so that the
   * Drydock of before can still be brought back until the record is next changed.
   */
  readonly upgrade?: (value: unknown, schemaVersion: number) => unknown;
  /** Records are a few kB, and whatever is much larger is not ours; unless the kind says more. */
  readonly sizeBytesMax?: number;
}

export const RECORD_SIZE_BYTES_MAX = 256 * 1024;

/** For people to read; but what may become so large costs memory by each white space. */
const COMPACT_SIZE_BYTES_MIN = 64 * 1024 * 1024;

/**
 * @returns `undefined` when there is no such record.
 * @throws RECORD_NEWER when a later Drydock wrote it: refused, not guessed.
 * @throws RECORD_DAMAGED when it cannot be read; nobody may treat that as absent.
 */
export async function readRecord<T>(
  state: ObjectReader,
  key: string,
  kind: RecordKind<T>,
  options: CallOptions = {},
): Promise<Stored<T> | undefined> {
  const stored = await readBytes(state, key, kind.sizeBytesMax ?? RECORD_SIZE_BYTES_MAX, options);
  if (stored === undefined) return undefined;
  const envelope = parseEnvelope(state, key, stored.bytes);
  checkSchemaVersion(state, key, envelope.schemaVersion, kind.schemaVersion);
  if (envelope.kind !== kind.kind) throw damaged(state, key, `it is no ${kind.kind}`);
  try {
    return { value: kind.parse(upgraded(kind, envelope)), etag: stored.etag };
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
  const sizeBytesMax = kind.sizeBytesMax ?? RECORD_SIZE_BYTES_MAX;
  const indent = sizeBytesMax >= COMPACT_SIZE_BYTES_MIN ? 0 : 2;
  const bytes = Buffer.from(`${JSON.stringify(envelope, null, indent)}\n`);
  // What could be written and not be read again would block whoever comes next.
  if (bytes.length > sizeBytesMax) throw tooLarge(state, key, bytes.length, sizeBytesMax);
  return swapBytes(state, key, bytes, next.previousEtag, options);
}

/**
 * The conditional write below every record; `bytes` must differ from those of any other write.
 * @returns the new ETag; `undefined` when somebody else was first.
 */
export async function swapBytes(
  state: ObjectStore,
  key: string,
  bytes: Uint8Array,
  previousEtag: string | undefined,
  options: CallOptions = {},
): Promise<string | undefined> {
  const condition = previousEtag === undefined ? 'absent' : { etag: previousEtag };
  const write = { ...options, sizeBytes: bytes.length, condition } as const;
  try {
    return (await state.write(key, bytesBody(bytes), write)).etag;
  } catch (error) {
    // The answer of a write that landed may be lost, and then its repetition meets itself.
    if (!isStoreError(error, 'exists', 'changed', 'unreachable')) throw error;
    const info = await state.stat(key, options);
    if (info?.sizeBytes === bytes.length) {
      const now = await readWithin(state, key, bytes.length, options);
      // By now it may be another one again, of whatever size.
      const isOurs = typeof now === 'object' && Buffer.compare(now.bytes, bytes) === 0;
      if (isOurs) return now.etag;
    }
    if (isStoreError(error, 'unreachable')) throw error;
    return undefined;
  }
}

/**
 * @returns `undefined` when there is no such object.
 * @throws RECORD_DAMAGED when it is larger than `sizeBytesMax`: nothing of it was read.
 */
export async function readBytes(
  state: ObjectReader,
  key: string,
  sizeBytesMax: number,
  options: CallOptions,
): Promise<ReadBytes | undefined> {
  const found = await readWithin(state, key, sizeBytesMax, options);
  if (found === 'too large') throw damaged(state, key, 'it is too large');
  return found;
}

interface ReadBytes {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

async function readWithin(
  state: ObjectReader,
  key: string,
  sizeBytesMax: number,
  options: CallOptions,
): Promise<ReadBytes | 'too large' | undefined> {
  const content = await state.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  if (content.info.sizeBytes > sizeBytesMax) return 'too large';
  return { bytes: await collect(content.body), etag: content.info.etag };
}

/** @throws RECORD_NEWER */
export function checkSchemaVersion(
  state: ObjectReader,
  key: string,
  found: number,
  known: number,
): void {
  if (found <= known) return;
  const versions = `schema version ${found}, this Drydock knows ${known}`;
  const message = `Cannot read record "${state.url}/${key}": ${versions}`;
  throw new DrydockError('refused', 'RECORD_NEWER', message, { hint: 'Update Drydock here' });
}

export function isDamagedRecord(error: unknown): error is DrydockError {
  return error instanceof DrydockError && error.code === 'RECORD_DAMAGED';
}

function upgraded<T>(kind: RecordKind<T>, { schemaVersion, value }: Envelope): unknown {
  if (schemaVersion === kind.schemaVersion) return value;
  if (kind.upgrade !== undefined) return kind.upgrade(value, schemaVersion);
  throw new TypeError(`There is no way from schema version ${schemaVersion} to the present one`);
}

function parseEnvelope(state: ObjectReader, key: string, bytes: Uint8Array): Envelope {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    // What JSON.parse says quotes the text, which may be anything.
    throw damaged(state, key, 'it is no JSON');
  }
  if (!isEnvelope(parsed)) throw damaged(state, key, 'it has no schema version, kind and nonce');
  return parsed;
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { schemaVersion, kind, nonce } = value as Partial<Record<keyof Envelope, unknown>>;
  const isVersion = Number.isSafeInteger(schemaVersion) && Number(schemaVersion) >= 1;
  return isVersion && typeof kind === 'string' && typeof nonce === 'string';
}

/** A record that cannot be believed: refused until somebody has looked. */
export function damaged(
  state: ObjectReader,
  key: string,
  why: string,
  cause?: unknown,
): DrydockError {
  const message = `Cannot read record "${state.url}/${key}": ${why}`;
  const hint = 'Look at the object; move it away only when no Drydock is running on this target';
  return new DrydockError('refused', 'RECORD_DAMAGED', message, { hint, cause });
}

export function tooLarge(
  state: ObjectStore,
  key: string,
  sizeBytes: number,
  sizeBytesMax: number,
): DrydockError {
  const message = `Cannot write record "${state.url}/${key}": it has ${sizeBytes} bytes, at most ${sizeBytesMax} can be read again`;
  const hint = 'This is a defect; please report it with the command';
  return new DrydockError('operation', 'RECORD_TOO_LARGE', message, { hint });
}

/** Others were first again and again: no race, but a store that does not keep its conditions. */
export function ledgerBusy(state: ObjectStore, key: string): DrydockError {
  return new DrydockError('operation', 'LEDGER_BUSY', `Cannot write "${state.url}/${key}"`, {
    hint: 'Others write it all the time; run again, and check that the state honours conditional writes',
  });
}
