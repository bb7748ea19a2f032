import type { ObjectReader } from './store.ts';

/**
 * Takes the right to change away, at run time too: the answer has no other methods, so that no
 * cast brings them back (S1).
 */
export function readOnly(store: ObjectReader): ObjectReader {
  return {
    url: store.url,
    list: (prefix, options) => store.list(prefix, options),
    listDirectories: (prefix, options) => store.listDirectories(prefix, options),
    stat: (key, options) => store.stat(key, options),
    read: (key, options) => store.read(key, options),
  };
}
