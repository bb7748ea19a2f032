import { createHash } from 'node:crypto';
import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import { isStoreError } from '../../stores/store-error.ts';
import { GzipDamage, type GzipDamageKind, inflate, isFramed, TRANSFER_FRAMING } from './gzip.ts';
import { JSON_MARKS_MAX, parseJson } from './json.ts';

/** Which bytes were read: identity of the version, and what they hash to. */
export interface StoredBytes {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: Date;
  /** Of the bytes as stored, lower-case hex. */
  readonly sha256: string;
}

/** Why an artefact that is there cannot be read. */
export type ArtefactDamage =
  | Exclude<GzipDamageKind, 'too-large'>
  | 'not-json'
  | 'wrong-shape'
  | 'bad-archive';

/** An artefact that could not be had; never "denied" or "unreachable", which are thrown (S7). */
export type ArtefactProblem =
  | { readonly state: 'absent'; readonly key: string }
  | {
      readonly state: 'unreadable';
      readonly key: string;
      readonly damage: ArtefactDamage;
      /** Continues "<key>: ", without a full stop. */
      readonly reason: string;
    }
  | {
      readonly state: 'too-large';
      readonly key: string;
      /** Of the stored object. It was not read when that alone is above its limit. */
      readonly sizeBytes: number;
      readonly reason: string;
    }
  /** It is there and lies in an archive tier: somebody has to bring it back first. */
  | { readonly state: 'archived'; readonly key: string };

export type Artefact<T> =
  | { readonly state: 'read'; readonly value: T; readonly stored: StoredBytes }
  | ArtefactProblem;

export interface ArtefactLimits {
  readonly storedSizeBytesMax: number;
  readonly inflatedSizeBytesMax: number;
  readonly marksMax?: number;
}

const MIB = 1024 * 1024;

/** Lists of some 10,000 volumes fit; what is larger could fill a function's memory (S10). */
export const LIST_LIMITS: ArtefactLimits = {
  storedSizeBytesMax: 8 * MIB,
  inflatedSizeBytesMax: 32 * MIB,
};

/**
 * Reads one artefact whole and hands its JSON to `parse`, which answers with a value or with a text
 * that says what is wrong. Stored bytes above the limit are not read at all.
 * @throws StoreError other than `not_found` and `archived`.
 */
export async function readArtefact<T>(
  reader: ObjectReader,
  key: string,
  limits: ArtefactLimits,
  parse: (value: unknown) => T | string,
  options: CallOptions = {},
): Promise<Artefact<T>> {
  const opened = await open(reader, key, limits.storedSizeBytesMax, options);
  if ('state' in opened) return opened;
  const pieces: Buffer[] = [];
  try {
    const plain = key.endsWith('.gz')
      ? inflate(opened.body, limits.inflatedSizeBytesMax)
      : opened.body;
    for await (const piece of plain) pieces.push(Buffer.from(piece));
  } catch (error) {
    return damaged(key, opened.info.sizeBytes, error);
  }
  const bytes = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  if (!key.endsWith('.gz') && isFramed(bytes)) {
    return { state: 'unreadable', key, damage: 'transfer-framing', reason: TRANSFER_FRAMING };
  }
  const parsed = parseJson(bytes, limits.marksMax ?? JSON_MARKS_MAX);
  if (!parsed.ok) {
    const { isTooLarge, reason } = parsed;
    return isTooLarge
      ? { state: 'too-large', key, sizeBytes: opened.info.sizeBytes, reason }
      : { state: 'unreadable', key, damage: 'not-json', reason };
  }
  const value = parse(parsed.value);
  if (typeof value === 'string') {
    return { state: 'unreadable', key, damage: 'wrong-shape', reason: value };
  }
  return { state: 'read', value, stored: opened.stored() };
}

/**
 * Reads an artefact that nobody parses to its end: its hash counts, and that its gzip inflates.
 * @throws StoreError other than `not_found` and `archived`.
 */
export async function readUnparsed(
  reader: ObjectReader,
  key: string,
  limits: ArtefactLimits,
  options: CallOptions & { readonly isGzip: boolean },
): Promise<Artefact<undefined>> {
  const opened = await open(reader, key, limits.storedSizeBytesMax, options);
  if ('state' in opened) return opened;
  const { body, info } = opened;
  try {
    for await (const _ of options.isGzip ? inflate(body, limits.inflatedSizeBytesMax) : body);
  } catch (error) {
    return damaged(key, info.sizeBytes, error);
  }
  return { state: 'read', value: undefined, stored: opened.stored() };
}

export interface OpenedArtefact {
  readonly info: ObjectInfo;
  /** To be read once, to its end. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Once the body was read to its end. */
  stored(): StoredBytes;
}

/** Opens an artefact and hashes it on the way; does not begin with one above `sizeBytesMax`. */
export async function open(
  reader: ObjectReader,
  key: string,
  sizeBytesMax: number,
  options: CallOptions,
): Promise<OpenedArtefact | ArtefactProblem> {
  const content = await reader.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return 'absent' as const;
    if (isStoreError(error, 'archived')) return 'archived' as const;
    throw error;
  });
  if (typeof content === 'string') return { state: content, key };
  const { info, body } = content;
  if (info.sizeBytes > sizeBytesMax) {
    // Leaving a loop that has begun releases the connection.
    for await (const _ of body) break;
    const reason = `it has ${info.sizeBytes} bytes, more than ${sizeBytesMax}`;
    return { state: 'too-large', key, sizeBytes: info.sizeBytes, reason };
  }
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      hash.update(piece);
      yield piece;
    }
  };
  const { sizeBytes, etag, lastModified } = info;
  return {
    info,
    body: hashed(),
    stored: () => ({ key, sizeBytes, etag, lastModified, sha256: hash.digest('hex') }),
  };
}

/** What an error while inflating says about the artefact; errors of the store are thrown on. */
export function damaged(key: string, sizeBytes: number, error: unknown): ArtefactProblem {
  if (!(error instanceof GzipDamage)) throw error;
  const { kind, message: reason } = error;
  if (kind === 'too-large') return { state: 'too-large', key, sizeBytes, reason };
  return { state: 'unreadable', key, damage: kind, reason };
}
