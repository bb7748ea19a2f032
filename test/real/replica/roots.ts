/** What of a fixture is replicated at once, and how it gets to where it is replicated from. */

import { bytesBody } from '../../../shared/stores/checksum.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { repositoryPrefix } from '../../../shared/velero/layout.ts';
import type { Fixture, FixtureRepository, LoadedObject } from '../../support/fixtures.ts';
import type { StoreKind } from './places.ts';

/** A Velero root, or a repository on its own. */
export interface Root {
  readonly layout: 'velero' | 'kopia';
  /** Its prefix in the fixture. */
  readonly below: string;
  readonly repositories: readonly FixtureRepository[];
}

const IN_VELERO_ROOT = /^(.*\/)?kopia\/([^/]+)\/$/;

export function rootsOf(fixture: Fixture): readonly Root[] {
  const { repositories } = fixture.meta;
  const match = IN_VELERO_ROOT.exec(repositories[0]?.prefix ?? '');
  if (match) return [{ layout: 'velero', below: match[1] ?? '', repositories }];
  return repositories.map((one) => ({ layout: 'kopia', below: one.prefix, repositories: [one] }));
}

/** Where a repository of `root` lies in a replica of the root. */
export function placeInRoot(root: Root, repository: FixtureRepository): string {
  if (root.layout === 'kopia') return '';
  return repositoryPrefix(IN_VELERO_ROOT.exec(repository.prefix)?.[2] ?? '');
}

/** Puts a root's objects into a store; see `placeObjects`. */
export async function placeRoot(
  store: ObjectStore,
  kind: StoreKind,
  fixture: Fixture,
  { below }: Root,
): Promise<void> {
  const objects = fixture.objects.filter(({ key }) => key.startsWith(below));
  await placeObjects(store, kind, objects, below);
}

/**
 * Puts objects into a store in the order in which they were first written. Blob is given their
 * times; S3 takes none and has its own.
 */
export async function placeObjects(
  store: ObjectStore,
  kind: StoreKind,
  objects: readonly LoadedObject[],
  below: string,
): Promise<void> {
  for (const { key, lastModified, bytes } of objects.toSorted(byTime)) {
    const content = await bytes();
    await store.write(key.slice(below.length), bytesBody(content), {
      sizeBytes: content.length,
      ...(kind === 'Blob' && { source: { lastModified } }),
    });
  }
}

const byTime = (a: LoadedObject, b: LoadedObject): number =>
  a.lastModified.getTime() - b.lastModified.getTime();
