import { createHash, randomBytes } from 'node:crypto';
import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from './checksums.ts';
import { s3Error } from './errors.ts';

/** What a client says about an object beside its bytes. */
export interface ObjectAttributes {
  /** User metadata, names in lower case without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `content-type` and the like, answered as they came. */
  readonly headers: Readonly<Record<string, string>>;
  readonly storageClass: string;
}

export interface StoredObject extends ObjectAttributes {
  readonly key: string;
  readonly bytes: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly checksum: StoredChecksum;
}

export interface StoredPart {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly lastModified: Date;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiated: Date;
  readonly attributes: ObjectAttributes;
  /** Declared at its creation; without it the parts decide nothing and CRC64NVME is kept. */
  readonly checksum: { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined;
  readonly parts: Map<number, StoredPart>;
}

/** Conditions of a request, ETags unquoted. */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** Tiers from which an object must be restored before it can be read. */
const ARCHIVES: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

export function isArchived(object: StoredObject): boolean {
  return ARCHIVES.has(object.storageClass);
}

/** A bucket in memory. Every change of it is one synchronous step, see `put` and `remove`. */
export class Bucket {
  readonly name: string;
  readonly created: Date;
  readonly uploads = new Map<string, Upload>();
  /** Answers to completions, by upload: completing once more succeeds and changes nothing. */
  readonly completed = new Map<string, string>();
  /** Documents of the sub-resources that were put, as they came; by name, or by name and id. */
  readonly settings = new Map<string, string>();
  readonly #objects = new Map<string, StoredObject>();
  /** All keys, ascending by UTF-8 bytes. */
  readonly #keys: string[] = [];

  constructor(name: string, created: Date) {
    this.name = name;
    this.created = created;
  }

  get size(): number {
    return this.#keys.length;
  }

  find(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  get(key: string): StoredObject {
    const object = this.#objects.get(key);
    if (object === undefined) throw s3Error('NoSuchKey', { Key: key });
    return object;
  }

  /**
   * Makes an object visible if its conditions hold. Nothing waits between the look and the change,
   * which is what makes one winner of racing writers.
   */
  put(object: StoredObject, conditions: Conditions = {}): void {
    checkWrite(this.#objects.get(object.key), object.key, conditions);
    if (!this.#objects.has(object.key))
      this.#keys.splice(this.#position(object.key), 0, object.key);
    this.#objects.set(object.key, object);
  }

  /** Conditions of a write as they stand now; `put` decides. */
  checkWrite(key: string, conditions: Conditions): void {
    checkWrite(this.#objects.get(key), key, conditions);
  }

  /** @returns whether there was anything to remove. */
  remove(key: string, ifMatch?: string): boolean {
    const object = this.#objects.get(key);
    if (object === undefined) return false;
    if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== object.etag) {
      throw preconditionFailed('If-Match');
    }
    this.#objects.delete(key);
    this.#keys.splice(this.#position(key), 1);
    return true;
  }

  /** Objects whose key begins with `prefix` and is greater than `after`, ascending. */
  *objectsAfter(after: string, prefix = ''): Generator<StoredObject> {
    const keys = this.#keys;
    let at = this.#position(after);
    if (keys[at] === after) at += 1;
    for (at = Math.max(at, this.#position(prefix)); at < keys.length; at += 1) {
      const key = keys[at] ?? '';
      if (!key.startsWith(prefix)) return;
      yield this.get(key);
    }
  }

  upload(id: string | undefined, key: string): Upload {
    const upload = this.uploads.get(id ?? '');
    if (upload === undefined || upload.key !== key) throw s3Error('NoSuchUpload');
    return upload;
  }

  /** Where `key` stands, or would stand, among the keys. */
  #position(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(this.#keys[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkWrite(
  existing: StoredObject | undefined,
  key: string,
  { ifMatch, ifNoneMatch }: Conditions,
): void {
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*' || ifMatch !== undefined) throw s3Error('NotImplemented');
    if (existing !== undefined) throw preconditionFailed('If-None-Match');
  }
  if (ifMatch !== undefined) {
    if (existing === undefined) throw s3Error('NoSuchKey', { Key: key });
    if (existing.etag !== ifMatch) throw preconditionFailed('If-Match');
  }
}

export function preconditionFailed(condition: string): Error {
  return s3Error('PreconditionFailed', { Condition: condition });
}

/** Surrogates stand for code points above all others, though not as UTF-16 units. */
function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a !== b) return weight(a) - weight(b);
  }
  return left.length - right.length;
}

function weight(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export function newUploadId(): string {
  return randomBytes(24).toString('base64url');
}
