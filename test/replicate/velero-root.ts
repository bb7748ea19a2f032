import { expect } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { BACKUP_METADATA, parseBackupKey } from '../../shared/velero/layout.ts';
import { referencedNamespaces } from '../../shared/velero/volume-references.ts';
import { systemClock } from '../support/clock.ts';
import { Killed, killedAfter } from '../support/faults.ts';
import { loadFixture } from '../support/fixtures.ts';
import { contentsOf, placeFixture } from '../support/place.ts';
import { runRoute } from '../support/replicate.ts';

export const memory = (name: string): ObjectStore => memoryStore(name, systemClock);

/** The root that a real Velero wrote, or the part of it that `only` chooses. */
export async function production(only?: (key: string) => boolean): Promise<ObjectStore> {
  const source = memory('source');
  const chosen = only && { only: ({ key }: { key: string }) => only(key.slice('prod/'.length)) };
  await placeFixture(source, await loadFixture('velero/v1.18.2'), { below: 'prod/', ...chosen });
  return source;
}

/** Names of the backups that a Velero server would see. */
export const visibleBackups = async (store: ObjectStore): Promise<string[]> => {
  const keys = await Array.fromAsync(store.list('backups/'));
  return keys.flatMap(({ key }) => {
    const name = parseBackupKey(key);
    return name?.file === BACKUP_METADATA ? [name.backup] : [];
  });
};

/** S2 as far as names and lists show it: a visible backup finds its artefacts and its data. */
async function checkVisible(source: ObjectStore, target: ObjectStore): Promise<void> {
  const present = new Map((await Array.fromAsync(target.list(''))).map((o) => [o.key, o]));
  for (const backup of await visibleBackups(target)) {
    for await (const { key, sizeBytes } of source.list(`backups/${backup}/`)) {
      expect(present.get(key)?.sizeBytes, key).toBe(sizeBytes);
    }
    for (const namespace of (await referencedNamespaces(source, backup)) ?? []) {
      const prefix = `kopia/${namespace}/`;
      for await (const { key } of source.list(prefix)) {
        const { kind } = parseBlobName(key.slice(prefix.length));
        if (['pack', 'index', 'format'].includes(kind)) {
          expect([...present.keys()], `${backup} needs ${key}`).toContain(key);
        }
      }
    }
  }
}

/** A run killed after every `step`th write shows only whole backups, and the next one finishes. */
export async function checkKills(step: number): Promise<void> {
  const source = await production();
  const complete = memory('complete');
  await runRoute(source, complete);
  const expected = await contentsOf(complete);
  let kills = 0;
  for (let changes = 0; changes <= expected.size; changes += step) {
    const [target, state] = [memory('target'), memory('state')];
    const recorder = killedAfter(target, changes);
    const outcome = await runRoute(source, recorder.store, { state }).catch((error) => error);
    if (outcome instanceof Killed) kills += 1;
    await checkVisible(source, target);
    await runRoute(source, target, { state });
    expect(await contentsOf(target)).toEqual(expected);
  }
  expect(kills).toBe(Math.ceil(expected.size / step));
}
