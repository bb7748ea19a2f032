/** The damaged twins themselves: what they are made from is changed, and what they claim is so. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { loadFixture } from '../support/fixtures.ts';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { openFixture } from '../support/kopia-damage/healthy.ts';
import { writeTwin } from '../support/kopia-damage/make.ts';

const damageOf = (name: string) => {
  const damage = DAMAGES.find((one) => one.name === name);
  if (damage === undefined) throw new Error(`there is no damage "${name}"`);
  return damage;
};

async function everything(store: ObjectStore): Promise<ReadonlyMap<string, string>> {
  const objects = new Map<string, string>();
  for await (const { key } of store.list('')) {
    const pieces = await Array.fromAsync((await store.read(key)).body);
    objects.set(key, Buffer.concat(pieces).toString('base64'));
  }
  return objects;
}

test('every damage has a name of its own that can be a folder', () => {
  const names = DAMAGES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
});

describe('a twin of a fixture', () => {
  const kinds = ['pack-bit-flipped', 'index-missing', 'blobcfg-foreign', 'watermark-ahead'];

  test.each(kinds)('%s is the same but for one object', async (name) => {
    const damage = damageOf(name);
    const twin = await everything((await damage.make()).store);
    const { objects } = await loadFixture(damage.from);
    const whole = new Map<string, string>();
    for (const { key, bytes } of objects) {
      whole.set(key, Buffer.from(await bytes()).toString('base64'));
    }
    const keys = new Set([...twin.keys(), ...whole.keys()]);
    expect([...keys].filter((key) => twin.get(key) !== whole.get(key))).toHaveLength(1);
  });

  test('is made anew each time, of an original that stays whole', async () => {
    const [one, again] = [
      await damageOf('pack-missing').make(),
      await damageOf('pack-empty').make(),
    ];
    expect([...(await everything(one.store))].length).toBe(13);
    expect([...(await everything(again.store))].length).toBe(14);
  });
});

test('the files that a pack costs are those that Kopia restored and whose bytes are in it', async () => {
  const { truth } = await damageOf('pack-missing').make();
  const { meta, answer } = await loadFixture('kopia/v3-default');
  const answers = meta.repositories[0]?.readers[0]?.answers ?? '';
  const restored = answer(answers, 'restored') as Record<string, { path: string; type: string }[]>;
  const healthy = await openFixture('kopia/v3-default');
  const other = healthy.names('p').filter((id) => !truth.packs.includes(id));
  const kept = healthy.filesLost(
    other.flatMap((id) => healthy.contentsOf(id).map(({ contentID }) => contentID)),
  );
  for (const [id, entries] of Object.entries(restored)) {
    // The restored folder was listed through its links, too.
    const links = entries.filter(({ type }) => type === 'link').map(({ path }) => `${path}/`);
    const leaves = entries
      .filter(({ type, path }) => type !== 'folder' && !links.some((link) => path.startsWith(link)))
      .map(({ path }) => path);
    const all = new Set([...(truth.files[id] ?? []), ...(kept[id] ?? [])]);
    expect([...all].sort()).toEqual(leaves.sort());
  }
});

test('a twin becomes a folder, object by object', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-twin-'));
  try {
    const twin = await damageOf('content-forged').make();
    await writeTwin(twin, folder);
    const objects = await everything(twin.store);
    const names = await readdir(join(folder, twin.prefix));
    expect(names.map((name) => `${twin.prefix}${name}`).sort()).toEqual([...objects.keys()].sort());
    for (const [key, bytes] of objects) {
      expect((await readFile(join(folder, key))).toString('base64')).toBe(bytes);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
