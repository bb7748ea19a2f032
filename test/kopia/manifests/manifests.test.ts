import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadManifests } from '../../../shared/kopia/manifests/manifests.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { smallContents } from '../objects/small-contents.ts';
import {
  EARLY,
  loadFrom,
  manifest,
  tableWith,
  type WrittenManifest,
  zipped,
  zippedText,
} from './manifest-contents.ts';

async function liveData(...contents: readonly (readonly WrittenManifest[])[]): Promise<object> {
  const { all, problems } = await loadFrom(contents.map(zipped));
  expect(problems).toEqual([]);
  return Object.fromEntries([...all].map(([id, { data }]) => [id, data]));
}

describe('loadManifests()', () => {
  test('reads what an entry holds', async () => {
    const labels = { type: 'snapshot', hostname: 'h', 'tag:a': 'b' };
    const modified = '2026-11-21T09:55:29.138185779+01:00';
    const { all, ids, contents } = await loadFrom([
      zipped([manifest('b'), manifest('a', { labels, modified, data: { x: [1] } })]),
    ]);
    expect(contents).toBe(1);
    expect([...all.keys()]).toEqual(['a', 'b']);
    expect(all.get('a')).toEqual({
      id: 'a',
      labels,
      modified: new Date('2026-11-21T08:55:29.138Z'),
      modifiedNs: 1_795_251_329_138_185_779n,
      data: { x: [1] },
      contentId: ids[0],
    });
  });

  test('the later version wins, to the nanosecond and across zones', async () => {
    const versions: readonly (readonly [string, string, number])[] = [
      ['2026-11-01T02:00:00.123456789Z', '2026-11-01T02:00:00.123456790Z', 2],
      ['2026-11-01T02:00:00.9Z', '2026-11-01T02:00:00.89Z', 1],
      ['2026-11-01T02:00:00Z', '2026-11-01T01:59:59.999999999Z', 1],
      ['2026-11-01T03:00:00+02:00', '2026-11-01T02:00:00Z', 2],
    ];
    for (const [first, second, winner] of versions) {
      const one = manifest('a', { modified: first, data: 1 });
      const two = manifest('a', { modified: second, data: 2 });
      expect(await liveData([one], [two])).toEqual({ a: winner });
      expect(await liveData([two], [one])).toEqual({ a: winner });
      expect(await liveData([one, two])).toEqual({ a: winner });
    }
  });

  test('a later deletion removes, an earlier one does not', async () => {
    const live = manifest('a', { data: 1 });
    const after = manifest('a', {
      modified: '2026-11-01T02:00:00.000000001Z',
      deleted: true,
      data: null,
    });
    const before = manifest('a', { modified: '2026-11-01T01:59:59Z', deleted: true, data: null });
    expect(await liveData([live], [after])).toEqual({});
    expect(await liveData([after], [live])).toEqual({});
    expect(await liveData([live], [before])).toEqual({ a: 1 });
  });

  test('equal times: live before deleted, then the smaller content id, whatever is read first', async () => {
    const gone = manifest('a', { deleted: true, data: null });
    const [one, two] = [manifest('a', { data: 1 }), manifest('a', { data: 2 })];
    for (const names of [
      ['1', '2'],
      ['2', '1'],
    ]) {
      expect((await loadFrom([zipped([gone]), zipped([one])], names)).all.size).toBe(1);
    }
    expect((await loadFrom([zipped([one]), zipped([two])], ['1', '2'])).all.get('a')?.data).toBe(1);
    expect((await loadFrom([zipped([one]), zipped([two])], ['2', '1'])).all.get('a')?.data).toBe(2);
  });

  test('merges like the simplest model', async () => {
    const entry = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      ns: fc.integer({ min: 1, max: 999_999_999 }),
      deleted: fc.boolean(),
    });
    const written = fc.uniqueArray(entry, { selector: ({ ns }) => ns, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(written, fc.integer({ min: 1, max: 5 }), async (entries, spread) => {
        const contents = Array.from({ length: spread }, (_, n) =>
          entries
            .filter((_entry, at) => at % spread === n)
            .map(({ id, ns, deleted }) => {
              const modified = `2026-11-01T02:00:00.${String(ns).padStart(9, '0')}Z`;
              return manifest(id, { modified, deleted, data: ns });
            }),
        );
        const model: Record<string, number> = {};
        for (const { id, ns, deleted } of entries.toSorted((x, y) => x.ns - y.ns)) {
          if (deleted) delete model[id];
          else model[id] = ns;
        }
        expect(await liveData(...contents)).toEqual(model);
      }),
    );
  });

  test('deleted contents are not looked at, nor contents of other kinds', async () => {
    const contents = smallContents();
    const live = contents.put(zipped([manifest('a')]), 'm');
    const deleted = contents.put(zipped([manifest('b')]), 'm');
    const other = contents.put('no manifest', 'k');
    const { all, problems } = await loadManifests(tableWith([live, other], [deleted]), contents);
    expect([...all.keys()]).toEqual(['a']);
    expect(problems).toEqual([]);
    expect(contents.reads).toEqual([live]);
  });

  test('what cannot be read is told with content, pack and reason, and costs nothing else', async () => {
    const contents = smallContents();
    const bad: readonly (readonly [Buffer, string, RegExp])[] = [
      [Buffer.from('no gzip'), 'content-malformed', /^is no gzip stream$/],
      [zipped([manifest('x')]).subarray(0, 30), 'content-malformed', /^is no gzip stream$/],
      [zippedText('{"entries":['), 'content-malformed', /^ends within its JSON text$/],
      [zippedText('[]'), 'content-malformed', /^is no JSON object of entries$/],
      [zippedText(`{"entries":[${'['.repeat(1e5)}`), 'content-malformed', /nested too deeply/],
      [zippedText(' '.repeat(65 << 20)), 'content-malformed', /more than 67108864 bytes/],
      [zipped([null]), 'entry-malformed', /odd form/],
      [zipped([{}]), 'entry-malformed', /odd form/],
      [zipped([manifest('')]), 'entry-malformed', /odd form/],
      [zipped([manifest('a', { modified: 'never' })]), 'entry-malformed', /odd form/],
      [zipped([manifest('a', { labels: { type: 1 } })]), 'entry-malformed', /odd form/],
      [zipped([manifest('a', { labels: ['type'] })]), 'entry-malformed', /odd form/],
      [zipped([manifest('a', { deleted: 'yes' })]), 'entry-malformed', /odd form/],
    ];
    const ids = bad.map(([bytes], n) => contents.putAs(`m${String(n).padStart(32, '0')}`, bytes));
    const lost = `m${'e'.repeat(32)}`;
    const whole = contents.putAs(`m${'f'.repeat(32)}`, zipped([manifest('whole')]));
    const table = tableWith([...ids, lost, whole]);
    const { all, problems } = await loadManifests(table, contents);
    expect([...all.keys()]).toEqual(['whole']);
    expect(problems).toEqual([
      ...bad.map(([, kind, reason], n) => ({
        kind,
        contentId: ids[n],
        packBlob: 'q0',
        reason: expect.stringMatching(reason),
      })),
      {
        kind: 'content-lost',
        contentId: lost,
        packBlob: 'q0',
        reason: 'pack-missing',
        damage: 'pack-missing',
      },
    ]);
  });

  test('the good entries of a content are kept beside a bad one', async () => {
    const { all, problems } = await loadFrom([zipped([manifest('a'), {}, manifest('b')])]);
    expect([...all.keys()]).toEqual(['a', 'b']);
    expect(problems).toMatchObject([{ kind: 'entry-malformed' }]);
  });

  test('bounds what all contents together may hold', async () => {
    const filler = '1,'.repeat(2 << 20);
    const big = (id: string): Buffer =>
      zippedText(`{"entries":[${JSON.stringify(manifest(id))}],"more":[${filler}1]}`);
    const { all, problems } = await loadFrom([big('a'), big('b'), big('c')]);
    expect([...all.keys()]).toEqual(['a', 'b']);
    expect(problems).toMatchObject([{ kind: 'beyond-limits' }]);
  });

  test('bounds what little text becomes in memory, and reads the others', async () => {
    const empty = `[${'{},'.repeat(2 << 20)}{}]`;
    const entry = (id: string): string =>
      `{"id":"${id}","labels":{},"modified":"${EARLY}","data":${empty}}`;
    const bomb = zippedText(`{"entries":[${entry('a')},${entry('b')},${entry('c')}]}`);
    const { all, problems } = await loadFrom([bomb, zipped([manifest('d')])]);
    expect([...all.keys()]).toEqual(['d']);
    expect(problems).toMatchObject([{ kind: 'beyond-limits' }]);
  });

  test('a store that denies is no problem of the repository: it is thrown, and reading ends', async () => {
    const denied = new StoreError('denied', 'Cannot read it: denied');
    let reads = 0;
    const contents = {
      read: async (): Promise<Buffer> => {
        reads += 1;
        throw denied;
      },
    };
    const ids = Array.from({ length: 100 }, (_, n) => `m${String(n).padStart(32, '0')}`);
    await expect(loadManifests(tableWith(ids), contents)).rejects.toBe(denied);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reads).toBeLessThan(20);
  });

  test('"__proto__" and "constructor" as label, id or member change nothing', async () => {
    const text = `{"__proto__":{"bad":1},"entries":[{"id":"__proto__","modified":"${EARLY}","labels":{"__proto__":"x"},"__proto__":{"deleted":true},"data":{"__proto__":{"bad":1}}}]}`;
    const { all } = await loadFrom([zippedText(text)]);
    const found = all.get('__proto__');
    expect(Object.keys(found?.labels ?? {})).toEqual(['__proto__']);
    expect(found?.labels['constructor']).toBeUndefined();
    expect(({} as { bad?: number }).bad).toBeUndefined();
  });

  test('tells its progress', async () => {
    const contents = smallContents();
    const ids = ['a', 'b', 'c'].map((id) => contents.put(zipped([manifest(id)]), 'm'));
    const told: string[] = [];
    const onProgress = (done: number, all: number): void => void told.push(`${done}/${all}`);
    await loadManifests(tableWith(ids), contents, { onProgress });
    expect(told).toEqual(['1/3', '2/3', '3/3']);
  });
});
