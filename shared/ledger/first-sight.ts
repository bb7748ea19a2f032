import type { CallOptions, ObjectReader, ObjectStore } from '../stores/store.ts';
import { isSha256Hex } from './canonical.ts';
import { firstSightKey } from './keys.ts';
import { damaged, type RecordKind, readRecord, swapRecord } from './record.ts';
import { isSignature, type Signature, type Signer, signValue } from './signature.ts';

/** One object of a backup as it was first seen. */
export interface SeenObject {
  /** Within the location. */
  readonly key: string;
  /** Hex, of the whole object. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

/** What a complete backup consisted of when a run first saw it. Never changed afterwards. */
export interface FirstSight {
  /** As `locationIdentity` writes it. */
  readonly location: string;
  readonly backup: string;
  /** RFC 3339. */
  readonly seenAt: string;
  readonly runId: string;
  /** Ascending by key. */
  readonly objects: readonly SeenObject[];
  /** Of everything else in it. */
  readonly signature?: Signature;
}

/** What a signature of such a record is for. */
export const FIRST_SIGHT_PURPOSE = 'first-sight';

export const FIRST_SIGHT: RecordKind<FirstSight> = {
  kind: 'first-sight',
  schemaVersion: 1,
  // A backup has some ten objects; one with 100,000 takes 30 MB.
  sizeBytesMax: 32 * 1024 * 1024,
  parse(value) {
    const seen = value as FirstSight;
    const texts: readonly unknown[] = [seen.location, seen.backup, seen.seenAt, seen.runId];
    const areTexts = texts.every((text) => typeof text === 'string');
    if (!areTexts || !Number.isFinite(Date.parse(seen.seenAt)) || !isSignature(seen.signature)) {
      throw new TypeError('First sight lacks its backup or its time');
    }
    if (!Array.isArray(seen.objects) || !seen.objects.every(isSeenObject)) {
      throw new TypeError('First sight lacks the sums of its objects');
    }
    checkDistinct(seen.objects);
    return seen;
  },
};

function isSeenObject(value: unknown): value is SeenObject {
  const seen = value as Partial<Record<keyof SeenObject, unknown>> | null;
  return (
    typeof seen === 'object' &&
    seen !== null &&
    typeof seen.key === 'string' &&
    isSha256Hex(seen.sha256) &&
    Number.isSafeInteger(seen.sizeBytes) &&
    typeof seen.etag === 'string'
  );
}

function checkDistinct(objects: readonly { readonly key: string }[]): void {
  if (new Set(objects.map(({ key }) => key)).size === objects.length) return;
  throw new TypeError('An object is named twice');
}

export interface FirstSightDeps {
  readonly state: ObjectStore;
  readonly uniqueId: () => string;
  readonly signer?: Signer;
}

/**
 * Records what a backup consists of, once. Where it is known already nothing is written, whatever
 * the difference: what stands there is what the caller compares with.
 * @returns the first sight that counts, and whether it is this one
 * @throws RECORD_DAMAGED, RECORD_NEWER: a record that cannot be read is not replaced
 */
export async function recordFirstSight(
  { state, uniqueId, signer }: FirstSightDeps,
  seen: Omit<FirstSight, 'signature'>,
  options: CallOptions = {},
): Promise<{ readonly first: FirstSight; readonly isNew: boolean }> {
  const { location, backup } = seen;
  const known = await readFirstSight(state, location, backup, options);
  if (known !== undefined) return { first: known, isNew: false };
  checkDistinct(seen.objects);
  const sorted = {
    ...seen,
    objects: [...seen.objects].sort((left, right) => (left.key < right.key ? -1 : 1)),
  };
  const signature = signer && (await signValue(FIRST_SIGHT_PURPOSE, sorted, signer));
  const value: FirstSight = { ...sorted, ...(signature && { signature }) };
  const key = firstSightKey(location, backup);
  const next = { value, nonce: uniqueId(), previousEtag: undefined };
  if ((await swapRecord(state, key, FIRST_SIGHT, next, options)) !== undefined) {
    return { first: value, isNew: true };
  }
  const winner = await readFirstSight(state, location, backup, options);
  if (winner === undefined) throw damaged(state, key, 'it vanished as soon as it was written');
  return { first: winner, isNew: false };
}

export async function readFirstSight(
  state: ObjectReader,
  location: string,
  backup: string,
  options: CallOptions = {},
): Promise<FirstSight | undefined> {
  const key = firstSightKey(location, backup);
  const stored = await readRecord(state, key, FIRST_SIGHT, options);
  if (stored === undefined) return undefined;
  const { value } = stored;
  if (value.location !== location || value.backup !== backup) {
    throw damaged(state, key, 'it is that of another backup');
  }
  return value;
}

/** An object as it is now; without `sha256` it was listed and not read. */
export type ObjectNow = Omit<SeenObject, 'sha256'> & Partial<Pick<SeenObject, 'sha256'>>;

/** Keys of a backup against its first sight, ascending; each key is in one list. */
export interface SightComparison {
  /** Read again, and the same bytes. */
  readonly unchanged: readonly string[];
  /** The same size and ETag, but not read: believed to be the same, not proven. */
  readonly unread: readonly string[];
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/**
 * Compares a backup with its first sight. An object that was not read is `changed` only where its
 * size says so; with another ETag and the same size it has to be read: `toRead` says which.
 * @throws TypeError for a key given twice, and for one of `toRead` that was not read
 */
export function compareSight(first: FirstSight, objects: readonly ObjectNow[]): SightComparison {
  checkDistinct(objects);
  const then = new Map(first.objects.map((seen) => [seen.key, seen]));
  const lists: Record<keyof SightComparison, string[]> = {
    unchanged: [],
    unread: [],
    changed: [],
    added: [],
    removed: [],
  };
  for (const object of objects) {
    const seen = then.get(object.key);
    lists[seen === undefined ? 'added' : changeOf(seen, object)].push(object.key);
    then.delete(object.key);
  }
  lists.removed.push(...then.keys());
  for (const list of Object.values(lists)) list.sort();
  return lists;
}

function changeOf(seen: SeenObject, now: ObjectNow): 'unchanged' | 'unread' | 'changed' {
  if (now.sizeBytes !== seen.sizeBytes) return 'changed';
  if (now.sha256 !== undefined) return now.sha256 === seen.sha256 ? 'unchanged' : 'changed';
  if (now.etag === seen.etag) return 'unread';
  throw new TypeError('An object with another ETag must be read to be compared');
}

/** Which of the listed objects must be read to know: the same size under another ETag. */
export function toRead(first: FirstSight, listed: readonly ObjectNow[]): readonly string[] {
  const then = new Map(first.objects.map((seen) => [seen.key, seen]));
  return listed.flatMap(({ key, etag, sizeBytes }) => {
    const seen = then.get(key);
    return seen !== undefined && seen.etag !== etag && seen.sizeBytes === sizeBytes ? [key] : [];
  });
}
