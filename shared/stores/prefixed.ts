import type { ObjectInfo, ObjectReader, ObjectStore } from './store.ts';

/** A reader that sees only what lies below `prefix`, under keys without it. */
export function prefixedReader(store: ObjectReader, prefix: string): ObjectReader {
  const shown = (info: ObjectInfo): ObjectInfo => ({ ...info, key: info.key.slice(prefix.length) });
  return {
    url: prefix === '' ? store.url : `${store.url}/${prefix.replace(/\/$/, '')}`,
    async *list(below, options = {}) {
      const startAfter = options.startAfter;
      const inner = {
        ...options,
        ...(startAfter !== undefined && { startAfter: prefix + startAfter }),
      };
      for await (const info of store.list(prefix + below, inner)) yield shown(info);
    },
    listDirectories: (below, options) => store.listDirectories(prefix + below, options),
    async stat(key, options) {
      const info = await store.stat(prefix + key, options);
      return info && shown(info);
    },
    async read(key, options) {
      const content = await store.read(prefix + key, options);
      return { info: shown(content.info), body: content.body };
    },
  };
}

/** The store below `prefix` (empty, or ending in `/`): its keys are those behind the prefix. */
export function prefixed(store: ObjectStore, prefix: string): ObjectStore {
  return {
    ...prefixedReader(store, prefix),
    capabilities: store.capabilities,
    async write(key, body, options) {
      const info = await store.write(prefix + key, body, options);
      return { ...info, key };
    },
    remove: (key, options) => store.remove(prefix + key, options),
    async removeMany(keys, options) {
      const failures = await store.removeMany(
        keys.map((key) => prefix + key),
        options,
      );
      return failures.map(({ key, error }) => ({ key: key.slice(prefix.length), error }));
    },
  };
}
