/** What it takes to write a hostile repository: a healthy one with something in it that is not. */
import type { Entry } from '../kopia-writer/trees.ts';
import { type KopiaWorld, kopiaWorld, type WorldOptions } from '../kopia-writer/world.ts';
import { type Damage, type TruthParts, truthOf } from './damage.ts';

/** A world with a snapshot that is well, so that a reader has something to save from the damage; `write` is given its id. */
export function hostile(
  name: string,
  title: string,
  write: (world: KopiaWorld, good: string) => TruthParts,
  options: WorldOptions = {},
): Damage {
  const make = async () => {
    const world = await kopiaWorld({ seed: name, ...options });
    const good = world.snapshot(world.tree({ 'good.txt': 'all is well\n' }), { path: '/srv/good' });
    const parts = write(world, good);
    const store = await world.store();
    return { store, prefix: world.prefix, password: world.password, truth: truthOf(parts) };
  };
  return { name, title, from: 'writer', make };
}

/** An id of the world's length that is the hash of nothing. */
export function forgedId(world: KopiaWorld, number: number, prefix = ''): string {
  return `${prefix}${number.toString(16).padStart(world.seals.digestBytes * 2, 'f')}`;
}

export function fileEntry(name: string, obj: string, size: number): Entry {
  return { name, type: 'f', mode: '0644', size, obj };
}

/** A snapshot of a folder with these entries; answers its manifest id. */
export function snapshotOf(world: KopiaWorld, entries: readonly Entry[]): string {
  return world.snapshot(world.directory('data', entries), { path: '/srv/bad' });
}

/** One damaged content that one file of one snapshot needs. */
export function fileLost(
  world: KopiaWorld,
  obj: string,
  size: number,
  parts: TruthParts,
): TruthParts {
  const id = snapshotOf(world, [fileEntry('bad', obj, size)]);
  return { contents: [obj], files: { [id]: ['bad'] }, ...parts };
}

/** The same where nobody can say whether the content is whole. */
export function fileUnchecked(world: KopiaWorld, obj: string, size: number): TruthParts {
  snapshotOf(world, [fileEntry('bad', obj, size)]);
  return { content: ['KOPIA_CONTENT_UNCHECKED'], note: 'Kopia cannot read it either' };
}
