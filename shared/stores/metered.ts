import type { Meter } from '../telemetry/meter.ts';
import type { ObjectStore } from './store.ts';

/**
 * Counts calls and payload bytes under `<name>.<operation>`. A listing counts a call and its
 * objects; the vendor's pages are not visible here.
 */
export function metered(store: ObjectStore, meter: Meter, name: string): ObjectStore {
  const count = (operation: string, value = 1): void => meter.add(`${name}.${operation}`, value);
  async function* counted(
    body: AsyncIterable<Uint8Array>,
    bytes: string,
  ): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      count(bytes, chunk.byteLength);
      yield chunk;
    }
  }
  return {
    url: store.url,
    capabilities: store.capabilities,
    async *list(prefix, options) {
      count('list');
      for await (const info of store.list(prefix, options)) {
        count('listedObjects');
        yield info;
      }
    },
    async *listDirectories(prefix, options) {
      count('list');
      yield* store.listDirectories(prefix, options);
    },
    stat(key, options) {
      count('stat');
      return store.stat(key, options);
    },
    async read(key, options) {
      count('read');
      const content = await store.read(key, options);
      return { info: content.info, body: counted(content.body, 'readBytes') };
    },
    write(key, body, options) {
      count('write');
      return store.write(key, () => counted(body(), 'writtenBytes'), options);
    },
    remove(key, options) {
      count('remove');
      return store.remove(key, options);
    },
    removeMany(keys, options) {
      count('remove', keys.length);
      return store.removeMany(keys, options);
    },
  };
}
