import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { compareKeys } from '../../shared/stores/keys.ts';
import { type ContractKit, LARGE_SIZE_BYTES, text } from './kit.ts';

/** Listings, conditions, absence and removal. */
export function orderCases(kit: ContractKit): void {
  const { check, place, put, get, keys, fails } = kit;

  describe('list()', () => {
    check('yields what begins with the prefix, ascending by UTF-8 bytes', async () => {
      const prefix = place();
      const names = ['b', 'a/2', 'a/1', 'a-', 'a', 'A', 'ä', 'a/10', 'zz', '~', 'é', 'B/x'];
      const own = names.filter((value) => value !== 'a').map((value) => prefix + value);
      for (const key of own) await put(key, text('x'));
      expect(await keys(prefix)).toEqual([...own].sort(compareKeys));
      expect(await keys(`${prefix}a`)).toEqual(
        own.filter((key) => key.startsWith(`${prefix}a`)).sort(compareKeys),
      );
      expect(await keys(`${prefix}nothing`)).toEqual([]);
    });

    check('keeps the order across page borders', async () => {
      const prefix = place();
      const expected: string[] = [];
      for (let at = 0; at < 1100; at += 1) expected.push(`${prefix}${(at * 7919) % 1100}`);
      const waiting = [...expected];
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
            await put(key, text('x'));
          }
        }),
      );
      expected.sort(compareKeys);
      expect(await keys(prefix)).toEqual(expected);
      const from = expected[1050] as string;
      expect(await keys(prefix, from)).toEqual(expected.slice(1051));
      expect(await keys(prefix, `${prefix}~`)).toEqual([]);
      expect(await kit.store.removeMany(expected)).toEqual([]);
      expect(await keys(prefix)).toEqual([]);
    });

    check('tells size, ETag and time of each object as stat() does', async () => {
      const key = `${place()}one`;
      await put(key, text('12345'));
      const [listed] = await Array.fromAsync(kit.store.list(key));
      const stat = await kit.store.stat(key);
      expect(listed).toMatchObject({ key, sizeBytes: 5, etag: stat?.etag });
      const difference =
        (stat?.lastModified.getTime() ?? 0) - (listed?.lastModified.getTime() ?? 0);
      expect(Math.abs(difference)).toBeLessThan(1000);
    });

    check('lists directories without what is in them', async () => {
      const prefix = place();
      for (const key of ['b/1', 'b/2/3', 'a/1', 'file', 'c.d/x'])
        await put(prefix + key, text('x'));
      const names = await Array.fromAsync(kit.store.listDirectories(prefix));
      expect(names).toEqual(['a/', 'b/', 'c.d/']);
      expect(await Array.fromAsync(kit.store.listDirectories(`${prefix}b/`))).toEqual(['2/']);
      expect(await Array.fromAsync(kit.store.listDirectories(`${prefix}none/`))).toEqual([]);
    });
  });

  describe('conditions', () => {
    check("write() with 'absent' creates once", async () => {
      const key = `${place()}once`;
      await put(key, text('first'), { condition: 'absent' });
      await fails('exists', () => put(key, text('second'), { condition: 'absent' }));
      expect(Buffer.from(await get(key)).toString()).toBe('first');
    });

    check("write() with 'absent' creates a large object once", async () => {
      const key = `${place()}once`;
      await put(key, randomBytes(LARGE_SIZE_BYTES), { condition: 'absent' });
      await fails('exists', () => put(key, randomBytes(LARGE_SIZE_BYTES), { condition: 'absent' }));
    });

    check('write() with an ETag replaces that version alone', async () => {
      const key = `${place()}swap`;
      const first = await put(key, text('first'));
      const second = await put(key, text('second'), { condition: { etag: first.etag } });
      await fails('changed', () => put(key, text('third'), { condition: { etag: first.etag } }));
      await put(key, text('third'), { condition: { etag: second.etag } });
      expect(Buffer.from(await get(key)).toString()).toBe('third');
    });

    check('write() with the ETag of an object that is gone is refused', async () => {
      const key = `${place()}gone`;
      const { etag } = await put(key, text('first'));
      await kit.store.remove(key);
      await fails('changed', () => put(key, text('second'), { condition: { etag } }));
      expect(await kit.store.stat(key)).toBeUndefined();
    });

    check('20 racing creators have one winner', async () => {
      const key = `${place()}race`;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, at) => put(key, text(`${at}`), { condition: 'absent' })),
      );
      const winners = outcomes.flatMap((outcome, at) =>
        outcome.status === 'fulfilled' ? [at] : [],
      );
      expect(winners).toHaveLength(1);
      expect(Buffer.from(await get(key)).toString()).toBe(`${winners[0]}`);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          expect(['exists', 'changed']).toContain(outcome.reason.code);
      }
    });

    check('20 racing replacers of one version have one winner', async () => {
      const key = `${place()}race`;
      const { etag } = await put(key, text('start'));
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, at) => put(key, text(`${at}`), { condition: { etag } })),
      );
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('changed');
      }
    });

    check('remove() with an ETag removes that version alone', async () => {
      const key = `${place()}removed`;
      const first = await put(key, text('first'));
      const second = await put(key, text('second'));
      await fails('changed', () => kit.store.remove(key, { ifMatch: first.etag }));
      expect(await kit.store.stat(key)).toBeDefined();
      await kit.store.remove(key, { ifMatch: second.etag });
      expect(await kit.store.stat(key)).toBeUndefined();
    });
  });

  describe('absence and removal', () => {
    check('stat() of what is absent is undefined, read() is not_found', async () => {
      const key = `${place()}absent`;
      expect(await kit.store.stat(key)).toBeUndefined();
      await fails('not_found', () => kit.store.read(key));
      const range = { offsetBytes: 0, lengthBytes: 1 };
      await fails('not_found', () => kit.store.read(key, { range }));
    });

    check('remove() and removeMany() of what is absent succeed', async () => {
      const prefix = place();
      await put(`${prefix}here`, text('x'));
      await kit.store.remove(`${prefix}absent`);
      expect(await kit.store.removeMany([`${prefix}absent`, `${prefix}here`])).toEqual([]);
      expect(await keys(prefix)).toEqual([]);
      expect(await kit.store.removeMany([])).toEqual([]);
    });
  });
}
