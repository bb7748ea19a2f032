import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareSight,
  FIRST_SIGHT_PURPOSE,
  type FirstSight,
  readFirstSight,
  recordFirstSight,
  type SeenObject,
  toRead,
} from '../../shared/ledger/first-sight.ts';
import { firstSightKey } from '../../shared/ledger/keys.ts';
import { checkSignature, type Signer } from '../../shared/ledger/signature.ts';
import { at, put, STORES, textOf, uniqueId } from './world.ts';

const sum = (n: number): string => n.toString(16).padStart(64, '0');
const object = (key: string, n = 1): SeenObject => ({
  key,
  sha256: sum(n),
  sizeBytes: 100 + n,
  etag: `etag-${n}`,
});
const seen = (objects: readonly SeenObject[], runId = 'run-1'): FirstSight => ({
  location: 's3://acme-backups/velero',
  backup: 'daily-1',
  seenAt: at(1),
  runId,
  objects,
});
const TWO = [object('velero-backup.json', 2), object('daily-1.tar.gz', 1)];

describe.each(Object.entries(STORES))('first sight in a %s store', (_, open) => {
  test('is recorded once and never again, whatever comes later', async () => {
    const state = await open();
    const first = await recordFirstSight({ state, uniqueId }, seen(TWO));
    expect(first.isNew).toBe(true);
    expect(first.first.objects.map(({ key }) => key)).toEqual([
      'daily-1.tar.gz',
      'velero-backup.json',
    ]);
    const forged = seen([object('daily-1.tar.gz', 9)], 'run-2');
    const later = await recordFirstSight({ state, uniqueId }, forged);
    expect(later).toEqual({ first: first.first, isNew: false });
    const { location, backup } = forged;
    expect(await readFirstSight(state, location, backup)).toEqual(first.first);
  });

  test('of ten runs at once is that of one of them, and all are told which', async () => {
    const state = await open();
    const runs = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        recordFirstSight({ state, uniqueId }, seen([object('a', n)], `run-${n}`)),
      ),
    );
    expect(runs.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(runs.map(({ first }) => first.runId)).size).toBe(1);
  });
});

describe('a first sight', () => {
  test('tells what changed, came and went since', () => {
    const first = seen([1, 2, 3, 4, 5].map((n) => object(`o${n}`, n)));
    const now = [
      object('o1', 1),
      { ...object('o2', 2), sha256: sum(99), etag: 'new' },
      { key: 'o3', sizeBytes: 103, etag: 'etag-3' },
      { key: 'o4', sizeBytes: 9, etag: 'etag-4' },
      object('o6', 6),
    ];
    expect(compareSight(first, now)).toEqual({
      unchanged: ['o1'],
      unread: ['o3'],
      changed: ['o2', 'o4'],
      added: ['o6'],
      removed: ['o5'],
    });
    // Written again with the same bytes: the ETag alone is another one.
    const again = { ...object('o1', 1), etag: 'other' };
    expect(compareSight(first, [again]).unchanged).toEqual(['o1']);
  });

  test('says what must be read, and is not compared without it', () => {
    const first = seen([object('a'), object('b', 2)]);
    const listed = [
      { key: 'a', sizeBytes: 101, etag: 'other' },
      { key: 'b', sizeBytes: 102, etag: 'etag-2' },
      { key: 'c', sizeBytes: 1, etag: 'x' },
    ];
    expect(toRead(first, listed)).toEqual(['a']);
    expect(() => compareSight(first, listed)).toThrow(TypeError);
    expect(() => compareSight(first, [object('a'), object('a')])).toThrow('named twice');
  });

  test('puts each key into one list, odd names too', () => {
    const key = fc.constantFrom('a', 'b', '__proto__', 'constructor', '\u202e', '');
    const objects = fc
      .uniqueArray(fc.tuple(key, fc.nat(2)), { selector: ([name]) => name })
      .map((all) => all.map(([name, n]) => object(name, n)));
    fc.assert(
      fc.property(objects, objects, (then, now) => {
        const lists = Object.values(compareSight(seen(then), now)).flat();
        const keys = new Set([...then, ...now].map((each) => each.key));
        expect(lists.sort()).toEqual([...keys].sort());
        const { changed, added, removed } = compareSight(seen(then), now);
        const text = (all: readonly SeenObject[]) =>
          JSON.stringify([...all].map((o) => `${o.key} ${o.sha256}`).sort());
        expect(changed.length + added.length + removed.length === 0).toBe(text(then) === text(now));
      }),
    );
  });

  test('can be signed', async () => {
    const state = await STORES.memory();
    const signer: Signer = {
      keyId: 'k',
      sign: async (bytes) => bytes,
      verify: async (bytes, signature) => Buffer.compare(bytes, signature) === 0,
    };
    const { first } = await recordFirstSight({ state, uniqueId, signer }, seen(TWO));
    const read = await readFirstSight(state, first.location, first.backup);
    const check = (value: FirstSight) => checkSignature(FIRST_SIGHT_PURPOSE, value, [signer]);
    expect(await check(read ?? seen([]))).toBe('good');
    expect(await check({ ...first, objects: [object('a')] })).toBe('wrong');
  });

  test('that is damaged, or of another backup, is neither believed nor replaced', async () => {
    const state = await STORES.memory();
    const { first } = await recordFirstSight({ state, uniqueId }, seen(TWO));
    const key = firstSightKey(first.location, 'daily-2');
    const text = await textOf(state, firstSightKey(first.location, first.backup));
    const bad = [
      text,
      text.replace(sum(1), 'short'),
      text.replaceAll('velero-backup.json', 'daily-1.tar.gz'),
      '{}',
    ];
    for (const each of bad) {
      await put(state, key, each);
      const recording = recordFirstSight({ state, uniqueId }, { ...seen(TWO), backup: 'daily-2' });
      await expect(recording).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
      expect(await textOf(state, key)).toBe(each);
    }
  });
});
