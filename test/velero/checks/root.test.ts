/** One listing of a root, whatever lies in it. */
import { expect, test } from 'vitest';
import { prefixedReader } from '../../../shared/stores/prefixed.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { readRoot, rootFindings } from '../../../shared/velero/checks/root.ts';
import { openRoot, PREFIX, type VeleroObjects } from '../../support/velero-damage/objects.ts';

async function readerOf(
  change: (objects: VeleroObjects) => void = () => {},
): Promise<ObjectReader> {
  const objects = await openRoot('');
  change(objects);
  return prefixedReader(await objects.store(), PREFIX);
}

test('the real root: every backup with its files, from one listing', async () => {
  const reader = await readerOf();
  const listed: string[] = [];
  const list: ObjectReader['list'] = (prefix, options) => {
    listed.push(prefix);
    return reader.list(prefix, options);
  };
  const root = await readRoot({ ...reader, list });
  expect(listed).toEqual(['backups/']);
  expect(root).toMatchObject({
    foreignFolders: [],
    repositories: ['kopia/billing/', 'kopia/media/', 'kopia/shop/'],
    resticNamespaces: [],
    strayObjects: { count: 0, examples: [] },
  });
  expect(root.backups.size).toBe(10);
  expect(root.backups.get('lost-upload')).toHaveLength(1);
  expect(root.backups.get('media-csi')).toHaveLength(9);
});

test('an empty root has nothing, which is told', async () => {
  const root = await readRoot(prefixedReader(await readerOf(), 'elsewhere/'));
  expect([root.backups.size, root.repositories]).toEqual([0, []]);
  expect(rootFindings(root, 'u')).toMatchObject([{ code: 'ROOT_EMPTY', subject: 'u' }]);
});

test('names ascend as names do, not as keys', async () => {
  const reader = await readerOf((objects) => {
    for (const name of ['a-b', 'a', 'a.b', '__proto__']) objects.putKey(`backups/${name}/x`, 'x');
  });
  const names = [...(await readRoot(reader)).backups.keys()];
  expect(names.slice(0, 4)).toEqual(['__proto__', 'a', 'a-b', 'a.b']);
});

test('of very many foreign files some are kept, and all of Velero', async () => {
  const reader = await readerOf((objects) => {
    for (let at = 0; at < 1500; at += 1) objects.putKey(`backups/media-csi/a${at}`, 'x');
  });
  const files = (await readRoot(reader)).backups.get('media-csi') ?? [];
  expect(files).toHaveLength(1009);
});

test('a listing that is refused is no empty root', async () => {
  const reader = await readerOf();
  const refuse = (): never => {
    throw new StoreError('denied', 'Cannot list');
  };
  for (const part of ['list', 'listDirectories'] as const) {
    await expect(readRoot({ ...reader, [part]: refuse })).rejects.toMatchObject({ code: 'denied' });
  }
});
