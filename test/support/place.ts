import { bytesBody } from '../../shared/stores/checksum.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import type { Fixture, LoadedObject } from './fixtures.ts';

/**
 * Puts a fixture's objects into any store with their original times, as far as that store can
 * keep a time that is not its own: memory, Blob (`Kopiamtime`) and folders can.
 */
export async function placeFixture(
  store: ObjectStore,
  fixture: Fixture,
  options: { readonly below?: string; readonly only?: (object: LoadedObject) => boolean } = {},
): Promise<readonly LoadedObject[]> {
  const { below = '', only = () => true } = options;
  const chosen = fixture.objects.filter((object) => object.key.startsWith(below) && only(object));
  for (const object of chosen) {
    const bytes = await object.bytes();
    const { lastModified } = object;
    const write = { sizeBytes: bytes.length, source: { lastModified } };
    await store.write(object.key.slice(below.length), bytesBody(bytes), write);
  }
  return chosen;
}

/** Every object of a store with its bytes, for comparison. */
export async function contentsOf(store: ObjectStore): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  for await (const { key } of store.list('')) {
    const pieces: Uint8Array[] = [];
    for await (const piece of (await store.read(key)).body) pieces.push(piece);
    contents.set(key, Buffer.concat(pieces).toString('base64'));
  }
  return contents;
}
