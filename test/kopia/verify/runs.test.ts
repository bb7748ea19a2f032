import { beforeAll, describe, expect, test } from 'vitest';
import type { KopiaVerification } from '../../../shared/kopia/verification.ts';
import type { ObjectInfo, ObjectReader, ObjectStore } from '../../../shared/stores/store.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { fakeClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { type FixtureRepository, loadFixture } from '../../support/fixtures.ts';
import { NOW, verified } from '../verified.ts';

/** Twelve packs and three snapshots. */
const FIXTURE = 'kopia/plain';
let store: ObjectStore;
let repository: FixtureRepository;

beforeAll(async () => {
  const fixture = await loadFixture(FIXTURE);
  store = await fixtureInMemory(fixture, fakeClock(NOW));
  const [first] = fixture.meta.repositories;
  if (first === undefined) throw new Error(`no repository in ${FIXTURE}`);
  repository = first;
});

type Options = Omit<Parameters<typeof verified>[3], 'level'>;

const content = (reader: ObjectReader, options: Options = {}) =>
  verified(reader, repository.prefix, repository.password, { level: 'content', ...options });

const codes = ({ findings }: KopiaVerification) => findings.map(({ code }) => code);

/** A reader of the same store whose listings are changed on the way. */
function listing(change: (info: ObjectInfo) => ObjectInfo | undefined): ObjectReader {
  return {
    ...store,
    async *list(prefix, options) {
      for await (const info of store.list(prefix, options)) {
        const changed = change(info);
        if (changed !== undefined) yield changed;
      }
    },
  };
}

describe('runs in a row', () => {
  test('read what is new and one slice, until everything was read again', async () => {
    const first = await content(store, { share: { of: 3 } });
    expect(first.measures).toMatchObject({ packsRead: 12, packsNew: 12, coveragePercent: 100 });
    expect(first.verdict.kind).toBe('verified');
    let state = first.state;
    let read = 0;
    for (let day = 1; day <= 3; day++) {
      const now = new Date(NOW.getTime() + day * 1000);
      const run = await content(store, { share: { of: 3 }, now, ...(state && { state }) });
      expect(run.measures['packsNew']).toBe(0);
      read += run.measures['packsRead'] ?? 0;
      state = run.state;
    }
    expect(read).toBe(12);
    expect(state?.runs.map(({ at }) => Date.parse(at) > NOW.getTime())).not.toContain(false);
  });

  test('a state of another repository counts for nothing', async () => {
    const { state } = await content(store);
    if (state === undefined) throw new Error('no state');
    const foreign = { ...state, repositoryId: 'another' };
    const run = await content(store, { share: { of: 3 }, state: foreign });
    expect(run.measures['packsNew']).toBe(12);
  });

  test('one slice by number, with nothing remembered, leaves the rest unchecked', async () => {
    const run = await content(store, { share: { of: 3, slice: 1 } });
    expect(run.verdict.kind).toBe('unchecked');
    expect(run.measures['packsRead']).toBeLessThan(12);
    expect(run.snapshots.map(({ verdict }) => verdict)).not.toContain('verified');
  });

  test('a damaged pack stays unproven, so that the next run reads it again', async () => {
    const pack = (await Array.fromAsync(store.list(`${repository.prefix}p`)))[0];
    if (pack === undefined) throw new Error('no pack');
    const flipped: ObjectReader = {
      ...store,
      async read(key, options) {
        const answer = await store.read(key, options);
        if (key !== pack.key) return answer;
        const parts = await Array.fromAsync(answer.body);
        const bytes = Buffer.concat(parts).map((byte) => byte ^ 1);
        return {
          ...answer,
          body: (async function* () {
            yield bytes;
          })(),
        };
      },
    };
    const run = await content(flipped);
    expect(run.verdict.kind).toBe('damaged');
    const next = await content(store, { share: { of: 3 }, ...(run.state && { state: run.state }) });
    expect(next.measures['packsNew']).toBe(1);
    expect(next.verdict.kind).toBe('verified');
  });
});

describe('what is not read is unchecked', () => {
  test.each([
    ['GLACIER', false],
    ['DEEP_ARCHIVE', true],
    ['Archive', true],
    ['STANDARD_IA', false],
    ['Cool', false],
  ])('packs of the class %s', async (storageClass, allowRetrieval) => {
    const reader = listing((info) =>
      info.key.startsWith(`${repository.prefix}p`) ? { ...info, storageClass } : info,
    );
    const run = await content(reader, { allowRetrieval });
    expect(run.verdict.kind).toBe('unchecked');
    expect(codes(run)).toContain('KOPIA_CONTENT_UNCHECKED');
    expect(run.measures['packsUnproven']).toBeGreaterThan(0);
  });

  test('unless reading at a fee is allowed', async () => {
    const reader = listing((info) => ({ ...info, storageClass: 'GLACIER_IR' }));
    const run = await content(reader, { allowRetrieval: true });
    expect(run.verdict.kind).toBe('verified');
  });

  test('after the deadline; the next run goes on from there', async () => {
    const deadline = { at: NOW, remainingMs: () => 0 };
    const cut = await content(store, { deadline });
    expect(cut.unfinished?.reason).toMatch(/deadline/);
    expect(cut.verdict.kind).toBe('unchecked');
    let packsBegun = 0;
    const counted: ObjectReader = {
      ...store,
      read: (key, options) => {
        if (key.startsWith(`${repository.prefix}p`)) packsBegun += 1;
        return store.read(key, options);
      },
    };
    const later = { at: NOW, remainingMs: () => (packsBegun < 2 ? 1 : 0) };
    const half = await content(counted, { deadline: later });
    const read = half.measures['packsRead'] ?? 0;
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(12);
    const rest = await content(store, {
      share: { of: 100 },
      ...(half.state && { state: half.state }),
    });
    expect(rest.measures['packsNew']).toBe(12 - read);
    expect(rest.unfinished).toBeUndefined();
  });

  test('packs that the store refuses to give', async () => {
    const [refused] = await Array.fromAsync(store.list(`${repository.prefix}p`));
    const reader: ObjectReader = {
      ...store,
      read: (key, options) =>
        key === refused?.key
          ? Promise.reject(new StoreError('denied', 'Cannot read: denied'))
          : store.read(key, options),
    };
    const run = await content(reader);
    expect(run.verdict.kind).toBe('unchecked');
    expect(run.findings).toContainEqual(
      expect.objectContaining({ code: 'KOPIA_CONTENT_UNCHECKED', severity: 'error' }),
    );
    expect(codes(run)).not.toContain('KOPIA_PACK_MISSING');
  });
});

describe('trouble on the way is never damage', () => {
  const kinds = ['denied', 'throttled', 'unreachable'] as const;

  test.each(kinds)('listing packs: %s', async (kind) => {
    const reader: ObjectReader = {
      ...store,
      list(prefix, options) {
        if (!/\/[pq]$/.test(prefix)) return store.list(prefix, options);
        throw new StoreError(kind, 'Cannot list');
      },
    };
    await expect(content(reader)).rejects.toMatchObject({ code: kind });
  });

  test.each(kinds)('reading everything: %s', async (kind) => {
    const reader: ObjectReader = {
      ...store,
      read: () => Promise.reject(new StoreError(kind, 'Cannot read')),
    };
    await expect(content(reader)).rejects.toMatchObject({ code: kind });
  });

  test('a pack that a maintenance moves between index and listing is looked for once more', async () => {
    let listings = 0;
    const [moved] = await Array.fromAsync(store.list(`${repository.prefix}p`));
    const reader: ObjectReader = {
      ...store,
      async *list(prefix, options) {
        if (prefix === `${repository.prefix}p`) listings += 1;
        for await (const info of store.list(prefix, options)) {
          if (info.key !== moved?.key || listings > 1) yield info;
        }
      },
    };
    const run = await content(reader);
    expect(listings).toBe(2);
    expect(run.verdict.kind).toBe('verified');
  });

  test('an abort ends the run with its reason', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(content(store, { signal: abort.signal })).rejects.toThrow('enough');
  });
});

describe('an index beyond one pass', () => {
  test('is gone through in slices, with the same result', async () => {
    const whole = await content(store);
    const sliced = await content(store, { entriesInOnePass: 20 });
    expect(sliced.verdict).toEqual(whole.verdict);
    expect(sliced.snapshots).toEqual(whole.snapshots);
    for (const name of [
      'contents',
      'packs',
      'contentsSizeBytes',
      'directories',
      'coveragePercent',
    ]) {
      expect([name, sliced.measures[name]]).toEqual([name, whole.measures[name]]);
    }
    expect(sliced.state).toEqual(whole.state);
  });

  test('and finds the same damage', async () => {
    const packs = (await Array.fromAsync(store.list(repository.prefix))).filter(({ key }) =>
      /\/[pq][0-9a-f]{32}/.test(key),
    );
    for (const { key } of packs) {
      const reader = lacking(key);
      const whole = await content(reader);
      const sliced = await content(reader, { entriesInOnePass: 15 });
      expect(sliced.verdict.kind).toBe('damaged');
      const named = (run: KopiaVerification) =>
        run.findings.map(({ code, severity, message }) => `${severity} ${code} ${message}`).sort();
      expect(named(sliced)).toEqual(named(whole));
    }
  });
});

/** The same store without one object. */
function lacking(lost: string): ObjectReader {
  const absent = () => Promise.reject(new StoreError('not_found', `Cannot read "${lost}"`));
  return {
    ...listing((info) => (info.key === lost ? undefined : info)),
    stat: (key, options) => (key === lost ? Promise.resolve(undefined) : store.stat(key, options)),
    read: (key, options) => (key === lost ? absent() : store.read(key, options)),
  };
}
