import { expect, test } from 'vitest';
import type { ObjectInfo } from '../../shared/stores/store.ts';
import { bytesOf, codesOf, findingOf, put, rowOf } from './answers.ts';
import { veleroWorld } from './world.ts';

test('a damaged pack costs the snapshots that need it, and no others of the repository', async () => {
  const world = await veleroWorld();
  await world.run();
  let youngest: ObjectInfo | undefined;
  for await (const info of world.store.list('kopia/shop/p')) {
    if (youngest === undefined || info.lastModified >= youngest.lastModified) youngest = info;
  }
  const key = youngest?.key ?? '';
  const bytes = await bytesOf(world.store, key);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  await put(world.store, key, bytes);
  // What nothing knows of is found when its turn comes: at the latest within the days allowed.
  let report = await world.run();
  for (let day = 0; day < 7 && !codesOf(report).includes('KOPIA_CONTENT_DAMAGED'); day += 1) {
    world.clock.advance(24 * 3_600_000);
    report = await world.run();
  }
  expect(findingOf(report, 'KOPIA_CONTENT_DAMAGED').severity).toBe('error');
  const row = rowOf(report, 'shop');
  expect(row.newest).toMatchObject({ point: 'frequent-20261121105615', rung: 'reported' });
  expect(row.proven).toMatchObject({ point: 'frequent-20261121105415', rung: 'intact' });
  expect(row.why[0]).toContain('is damaged');
});
