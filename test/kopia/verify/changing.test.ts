import { beforeEach, describe, expect, test } from 'vitest';
import type { VerifyOptions } from '../../../shared/kopia/verification.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { blobsInMemory, type KopiaWorld, kopiaWorld } from '../../support/kopia-writer/world.ts';
import { NOW, verified } from '../verified.ts';

let world: KopiaWorld;
beforeEach(async () => {
  world = await kopiaWorld();
});

const run = (reader: ObjectReader, options: Partial<VerifyOptions> = {}) =>
  verified(reader, world.prefix, world.password, { level: 'content', ...options });

/** Calls `happen` before the read that `isTime` picks, and from then on reads what is there then. */
function changing(
  before: ObjectReader,
  isTime: (key: string) => boolean,
  happen: () => Promise<ObjectReader>,
): ObjectReader {
  let now = before;
  let hasHappened = false;
  return {
    ...before,
    list: (...args) => now.list(...args),
    stat: (...args) => now.stat(...args),
    async read(key, options) {
      if (isTime(key) && !hasHappened) {
        hasHappened = true;
        now = await happen();
      }
      return now.read(key, options);
    },
  };
}

/** Writes these contents again, as maintenance does with short packs, and removes the old packs. */
async function rewritten(...texts: readonly string[]): Promise<ObjectReader> {
  const old = [...world.blobs.keys()].filter((name) => name.startsWith('p'));
  world.timeSeconds += 3600;
  for (const text of texts) world.content(text);
  world.flush();
  for (const name of old) world.blobs.delete(name);
  return blobsInMemory(world.prefix, world.blobs);
}

describe('a maintenance that runs meanwhile raises no alarm', () => {
  test.each(['k', 'p'] as const)('when packs vanish at the first read of %s', async (kind) => {
    world.snapshot(world.tree({ a: 'one', b: 'two' }));
    const before = await world.store();
    const isTime = (key: string) => key.startsWith(`${world.prefix}${kind === 'p' ? 'p' : 'q'}`);
    const result = await run(changing(before, isTime, () => rewritten('one', 'two')));
    expect(result.findings).toEqual([]);
    expect(result.verdict.kind).toBe('verified');
    expect(result.measures).toMatchObject({ packsUnproven: 0, contents: 4 });
  });

  test('and what was proven before is not read again', async () => {
    const texts = ['one', 'two', 'three'];
    const entries = texts.map((text) => {
      const obj = world.content(text);
      world.closePacks();
      return { name: text, type: 'f' as const, mode: '0644', size: text.length, obj };
    });
    world.snapshot(world.directory('data', entries));
    const before = await world.store();
    const packs = [...world.blobs.keys()].filter((name) => name.startsWith('p'));
    const reads = new Map<string, number>();
    const isTime = (key: string) => {
      const name = key.slice(world.prefix.length);
      if (name.startsWith('p')) reads.set(name, (reads.get(name) ?? 0) + 1);
      return name === packs[2];
    };
    const rewrite = async () => {
      const [, , lost = ''] = packs;
      world.timeSeconds += 3600;
      world.content('three');
      world.flush();
      world.blobs.delete(lost);
      return blobsInMemory(world.prefix, world.blobs);
    };
    const result = await run(changing(before, isTime, rewrite));
    expect(result.findings).toEqual([]);
    expect(result.verdict.kind).toBe('verified');
    expect(packs.slice(0, 2).map((name) => reads.get(name))).toEqual([1, 1]);
    expect(reads.size).toBe(4);
  });

  test('but a pack that is gone for good does', async () => {
    world.snapshot(world.tree({ a: 'one' }));
    const before = await world.store();
    const isTime = (key: string) => key.startsWith(`${world.prefix}p`);
    const result = await run(changing(before, isTime, () => rewritten()));
    expect(result.findings).toMatchObject([{ code: 'KOPIA_PACK_MISSING', severity: 'error' }]);
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', paths: ['a'] }]);
  });

  test('and a pack that is listed and never given does too', async () => {
    world.snapshot(world.tree({ a: 'one' }));
    const store = await world.store();
    const result = await run({
      ...store,
      read: (key, options) =>
        key.startsWith(`${world.prefix}p`)
          ? Promise.reject(new StoreError('not_found', `Cannot read "${key}"`))
          : store.read(key, options),
    });
    expect(result.findings).toMatchObject([{ code: 'KOPIA_PACK_MISSING', severity: 'error' }]);
  });
});

test('a backup whose manifest is listed before the index of its files raises no alarm', async () => {
  world.snapshot(world.tree({ a: 'one' }));
  world.flush();
  const files = world.tree({ b: 'two' });
  world.closePacks();
  const early = world.index(world.take());
  world.snapshot(files);
  const store = await world.store();
  let listings = 0;
  const result = await run({
    ...store,
    async *list(prefix, options) {
      if (prefix === `${world.prefix}x`) listings += 1;
      for await (const info of store.list(prefix, options)) {
        if (listings > 2 || !info.key.endsWith(early)) yield info;
      }
    },
  });
  expect(result.findings).toEqual([]);
  expect(result.snapshots.map(({ verdict }) => verdict)).toEqual(['verified', 'verified']);
});

describe('a run in several passes', () => {
  /** Two contents whose ids lie in different halves of the space, in one pack, many times. */
  async function repository() {
    const entries = Array.from({ length: 40 }, (_, at) => `${at}`);
    world.snapshot(world.tree(Object.fromEntries(entries.map((text) => [text, text]))));
    return world.store();
  }
  const passes = { entriesInOnePass: 10 };

  test('that is cut proves no pack of which it has read a part', async () => {
    const store = await repository();
    let looks = 0;
    const counted: ObjectReader = {
      ...store,
      list(prefix, options) {
        if (prefix === `${world.prefix}p`) looks += 1;
        return store.list(prefix, options);
      },
    };
    let left = Number.POSITIVE_INFINITY;
    const deadline = {
      at: NOW,
      // Time is over when the second pass has begun to look.
      remainingMs: () => (looks < 2 ? left : 0),
    };
    const cut = await run(counted, { ...passes, deadline });
    expect(cut.unfinished).toBeDefined();
    expect(cut.verdict.kind).toBe('unchecked');
    expect(cut.state?.runs).toEqual([]);
    expect(cut.measures['packsProven']).toBe(0);
    left = 0;
    const proven = await run(store, passes);
    expect(proven.verdict.kind).toBe('verified');
    // And what former runs have proven is not forgotten.
    const state = proven.state;
    looks = 0;
    const never = await run(store, { ...passes, deadline, ...(state && { state }) });
    expect(never.unfinished).toBeDefined();
    expect(never.state).toEqual(state);
  });

  test('tells a finding once', async () => {
    const store = await repository();
    const result = await run(
      {
        ...store,
        async *list(prefix, options) {
          for await (const info of store.list(prefix, options)) {
            yield info.key.startsWith(`${world.prefix}p`)
              ? { ...info, storageClass: 'DEEP_ARCHIVE' }
              : info;
          }
        },
      },
      passes,
    );
    const identities = result.findings.map(({ code, subject }) => `${code} ${subject}`);
    expect(new Set(identities).size).toBe(identities.length);
    expect(result.verdict.kind).toBe('unchecked');
  });

  test('calls no snapshot verified that only its later passes have seen', async () => {
    await repository();
    const before = await blobsInMemory(world.prefix, world.blobs);
    let looks = 0;
    let store = before;
    const reader: ObjectReader = {
      ...before,
      stat: (...args) => store.stat(...args),
      read: (...args) => store.read(...args),
      async *list(prefix, options) {
        if (prefix === `${world.prefix}l`) looks += 1;
        if (looks === 3 && store === before) {
          world.snapshot(world.tree({ late: 'late' }));
          store = await world.store();
        }
        yield* store.list(prefix, options);
      },
    };
    const result = await run(reader, passes);
    expect(looks).toBeGreaterThan(3);
    expect(result.verdict.kind).toBe('verified');
    expect(result.snapshots).toHaveLength(1);
  });

  test('compares sizes in all of them', async () => {
    const entries = Array.from({ length: 40 }, (_, at) => {
      const text = `${at + 10}`;
      const obj = world.content(text);
      return { name: text, type: 'f' as const, mode: '0644', size: 3, obj };
    });
    world.snapshot(world.directory('data', entries));
    const result = await run(await world.store(), passes);
    expect(result.findings).toMatchObject([{ code: 'KOPIA_FILE_SIZE_DIFFERS' }]);
    expect(result.findings[0]?.message).toMatch('40 files');
    expect(result.measures['entries']).toBe(40);
  });
});

test('a deadline ends the walk through the trees', async () => {
  const tree = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${at}`, { f: `${at}` }]));
  world.snapshot(world.tree(tree));
  let left = 10;
  const deadline = { at: NOW, remainingMs: () => left-- };
  const result = await run(await world.store(), { level: 'structure', deadline });
  expect(result.unfinished).toBeDefined();
  expect(result.verdict.kind).toBe('unchecked');
  expect(result.snapshots).toMatchObject([{ verdict: 'unchecked' }]);
  expect(result.measures['directories']).toBeLessThan(20);
});
