/** The objects of a store, taken out to be put into another one. */
import { bytesBody, collect } from '../../../shared/stores/checksum.ts';
import type { ObjectInfo, ObjectStore } from '../../../shared/stores/store.ts';

export interface Captured {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
}

/** All objects of a store, with the stamps by which a later run knows its own copies. */
export async function capture(store: ObjectStore): Promise<readonly Captured[]> {
  const captured: Captured[] = [];
  for await (const { key } of store.list('')) {
    const { info, body } = await store.read(key);
    captured.push({ info, bytes: await collect(body) });
  }
  return captured;
}

/** Puts them as they were, so that it cannot be told that `replicate` did not write them. */
export async function fill(store: ObjectStore, objects: readonly Captured[]): Promise<void> {
  for (const { info, bytes } of objects) {
    await store.write(info.key, bytesBody(bytes), {
      sizeBytes: bytes.length,
      ...(info.source && { source: info.source }),
    });
  }
}
