import { createHash } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import { checksumNames, collect, compareChecksums, createHasher, exactly } from './checksum.ts';
import { checkKey, compareKeys } from './keys.ts';
import type {
  Checksums,
  ObjectInfo,
  ObjectStore,
  StoreCapabilities,
  WriteOptions,
} from './store.ts';
import { StoreError } from './store-error.ts';

interface Entry {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
}

export const MEMORY_CAPABILITIES: StoreCapabilities = {
  conditionalWrite: true,
  conditionalDelete: true,
  sourceEtagKept: true,
  sourceTimeListed: true,
  sourceStampListed: true,
  checksum: 'md5',
  pullFromUrl: false,
};

/**
 * A store in this process, with the semantics of the port and nothing else: for tests, and for the
 * state of a plan that must leave nothing behind. It is gone when the process ends.
 */
export function memoryStore(name: string, clock: Clock): ObjectStore {
  const entries = new Map<string, Entry>();
  const url = `memory://${name}`;
  let versions = 0;

  const found = (key: string): Entry => {
    const entry = entries.get(key);
    if (entry === undefined) {
      throw new StoreError('not_found', `Cannot read "${url}/${key}": there is no such object`);
    }
    return entry;
  };
  const checkVersion = (verb: string, key: string, etag: string): void => {
    if (entries.get(key)?.info.etag !== etag) {
      throw new StoreError(
        'changed',
        `Cannot ${verb} "${url}/${key}": it is not version "${etag}"`,
      );
    }
  };
  const checkCondition = (key: string, condition: WriteOptions['condition']): void => {
    if (condition === 'absent' && entries.has(key)) {
      throw new StoreError('exists', `Cannot create "${url}/${key}": it exists already`);
    }
    if (typeof condition === 'object') checkVersion('replace', key, condition.etag);
  };

  return {
    url,
    capabilities: MEMORY_CAPABILITIES,

    async *list(prefix, options = {}) {
      const after = options.startAfter;
      const keys = [...entries.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
      for (const key of keys) {
        options.signal?.throwIfAborted();
        if (after !== undefined && compareKeys(key, after) <= 0) continue;
        const entry = entries.get(key);
        if (entry !== undefined) yield withoutChecksums(entry.info);
      }
    },

    async *listDirectories(prefix, options = {}) {
      options.signal?.throwIfAborted();
      const names = new Set<string>();
      for (const key of entries.keys()) {
        const end = key.startsWith(prefix) ? key.indexOf('/', prefix.length) : -1;
        if (end >= 0) names.add(key.slice(prefix.length, end + 1));
      }
      yield* [...names].sort(compareKeys);
    },

    async stat(key, options = {}) {
      options.signal?.throwIfAborted();
      return entries.get(key)?.info;
    },

    async read(key, options = {}) {
      options.signal?.throwIfAborted();
      const { info, bytes } = found(key);
      if (options.ifMatch !== undefined) checkVersion('read', key, options.ifMatch);
      const { offsetBytes, lengthBytes } = options.range ?? {
        offsetBytes: 0,
        lengthBytes: bytes.length,
      };
      if (options.range && (lengthBytes < 1 || offsetBytes + lengthBytes > bytes.length)) {
        const range = `${lengthBytes} bytes at ${offsetBytes}`;
        const message = `Cannot read ${range} of "${url}/${key}": it has ${bytes.length} bytes`;
        throw new StoreError('range', message);
      }
      const part = bytes.subarray(offsetBytes, offsetBytes + lengthBytes);
      return { info, body: pieces(part, options.signal) };
    },

    async write(key, body, options) {
      checkKey(url, key);
      options.signal?.throwIfAborted();
      checkCondition(key, options.condition);
      const hasher = await createHasher(checksumNames(['md5'], options.expect));
      const bytes = await collect(exactly(`${url}/${key}`, body(), options.sizeBytes));
      hasher.update(bytes);
      const computed = hasher.digest();
      compareChecksums(`${url}/${key}`, options.expect ?? {}, computed);
      // From here to the end nothing waits, so that of racing writers exactly one sees its condition.
      options.signal?.throwIfAborted();
      checkCondition(key, options.condition);
      versions += 1;
      const checksums: Checksums = computed.md5 === undefined ? {} : { md5: computed.md5 };
      const info: ObjectInfo = {
        key,
        sizeBytes: bytes.length,
        etag: `${createHash('md5').update(bytes).digest('hex')}-${versions}`,
        lastModified: options.source?.lastModified ?? clock.now(),
        checksums,
        ...(options.source && { source: options.source }),
      };
      entries.set(key, { info, bytes: Uint8Array.from(bytes) });
      return info;
    },

    async remove(key, options = {}) {
      options.signal?.throwIfAborted();
      if (options.ifMatch !== undefined) {
        if (!entries.has(key)) return;
        checkVersion('remove', key, options.ifMatch);
      }
      entries.delete(key);
    },

    async removeMany(keys, options = {}) {
      options.signal?.throwIfAborted();
      for (const key of keys) entries.delete(key);
      return [];
    },
  };
}

function withoutChecksums(info: ObjectInfo): ObjectInfo {
  const { checksums: _, ...listed } = info;
  return listed;
}

const PIECE_SIZE_BYTES = 256 * 1024;

async function* pieces(bytes: Uint8Array, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_SIZE_BYTES) {
    signal?.throwIfAborted();
    yield bytes.subarray(start, start + PIECE_SIZE_BYTES);
  }
}
