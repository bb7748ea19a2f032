/** A small part of the real Velero root, and the ledger that real runs over it leave. */
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { bytesOf, put, removeBelow } from '../verify/answers.ts';
import { type Change, veleroWorld, type World } from '../verify/world.ts';

export const OLDER = 'frequent-20261121105415';
export const NEWER = 'frequent-20261121105615';
const KEPT = new Set([OLDER, NEWER, 'archive-native']);

/** Two backups of two applications in Kopia, and one that has a cloud snapshot alone. */
export async function smallWorld(): Promise<World> {
  const world = await veleroWorld();
  for await (const name of world.store.listDirectories('backups/')) {
    if (!KEPT.has(name.slice(0, -1))) await removeBelow(world.store, `backups/${name}`);
  }
  await removeBelow(world.store, 'kopia/media/');
  return world;
}

/** Far enough for proofs, and cheap. */
export function present(deps: Change['deps'] = {}): Change {
  return { config: { rung: 'present' }, deps };
}

export async function entriesOf(
  store: ObjectStore,
  prefix = '',
): Promise<ReadonlyMap<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  for await (const { key } of store.list(prefix)) entries.set(key, await bytesOf(store, key));
  return entries;
}

export async function stateOf(
  entries: ReadonlyMap<string, Uint8Array>,
  world: World,
): Promise<ObjectStore> {
  const state = memoryStore('state', world.clock);
  for (const [key, bytes] of entries) await put(state, key, bytes);
  return state;
}

/** Objects of a location that somebody takes away, and the way to bring them back. */
export async function takeAway(store: ObjectStore, prefix: string): Promise<() => Promise<void>> {
  const entries = await entriesOf(store, prefix);
  await removeBelow(store, prefix);
  return async () => {
    for (const [key, bytes] of entries) await put(store, key, bytes);
  };
}
