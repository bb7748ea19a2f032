import { beforeAll, describe, expect, test } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import type { Clock } from '../../shared/model/clock.ts';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { systemClock } from '../support/clock.ts';
import { Killed, killedAfter, neverWritten } from '../support/faults.ts';
import { type Fixture, listFixtures, loadFixture } from '../support/fixtures.ts';
import { contentsOf, placeFixture } from '../support/place.ts';
import { runRoute } from '../support/replicate.ts';

const memory = (name: string): ObjectStore => memoryStore(name, systemClock);
const kopia = { config: { layout: 'kopia' } } as const;

/** What travels: everything but session markers, logs, upgrade backups and foreign objects. */
const TRAVELS = new Set([
  'pack',
  'index',
  'index-v0',
  'compaction-log',
  'compaction-cleanup',
  'poison',
  'epoch-marker',
  'epoch-compaction',
  'range-checkpoint',
  'deletion-watermark',
  'format',
  'blob-config',
  'maintenance',
  'velero-marker',
]);
const travels = (id: string): boolean => TRAVELS.has(parseBlobName(id).kind);

async function repository(name: string): Promise<{ fixture: Fixture; prefix: string }> {
  const fixture = await loadFixture(name);
  return { fixture, prefix: fixture.meta.repositories[0]?.prefix ?? '' };
}

/**
 * The invariant as far as names show it: whoever can open the target finds, for each index of a
 * session, all packs that this session had written at the source.
 */
async function checkOpenable(source: ObjectStore, target: ObjectStore): Promise<void> {
  const present = new Set((await Array.fromAsync(target.list(''))).map(({ key }) => key));
  if (!present.has('kopia.repository')) return;
  const sessions = new Set<string>();
  for (const key of present) {
    const name = parseBlobName(key);
    if (name.kind === 'index') sessions.add(name.set.id);
    if (name.kind === 'index-v0') sessions.add(key.split('-')[1] ?? '');
  }
  for await (const { key } of source.list('')) {
    const name = parseBlobName(key);
    if (name.kind === 'pack' && name.session && sessions.has(name.session)) {
      expect(present, `pack ${key} is missing although its index is visible`).toContain(key);
    }
  }
}

describe('replicate() of a Kopia repository', () => {
  for (const name of listFixtures('kopia')) {
    test(`brings over ${name}, and copies nothing the second time`, async () => {
      const { fixture } = await repository(name);
      for (const { prefix } of fixture.meta.repositories) {
        const [source, target, state] = [memory('source'), memory('target'), memory('state')];
        await placeFixture(source, fixture, { below: prefix });
        const report = await runRoute(neverWritten(source), target, { ...kopia, state });
        expect(report.findings).toEqual([]);
        const expected = new Map([...(await contentsOf(source))].filter(([key]) => travels(key)));
        expect(await contentsOf(target)).toEqual(expected);
        expect(report.measures['objectsCopied']).toBe(expected.size);
        expect(report.measures['objectsCheckedAgainstSource']).toBe(expected.size);

        const recorder = killedAfter(target, Number.POSITIVE_INFINITY);
        const second = await runRoute(source, recorder.store, { ...kopia, state });
        expect(recorder.log).toEqual([]);
        expect(second.measures['objectsCopied']).toBe(0);
        expect(second.measures['objectsUnchanged']).toBe(expected.size);
      }
    });
  }

  describe('first seeding', () => {
    test("publishes kopia.repository as the last of Kopia's blobs, then the marker", async () => {
      const { fixture, prefix } = await repository('kopia/velero-like');
      const [source, target] = [memory('source'), memory('target')];
      await placeFixture(source, fixture, { below: prefix });
      const recorder = killedAfter(target, Number.POSITIVE_INFINITY);
      await runRoute(source, recorder.store, kopia);
      expect(recorder.log.slice(-2)).toEqual(['put kopia.repository', 'put udmrepo.Repository']);
      const firstIndex = recorder.log.findIndex((change) => change.startsWith('put x'));
      const lastPack = recorder.log.findLastIndex((change) => /^put [pq]/.test(change));
      expect(firstIndex).toBeGreaterThan(lastPack);
    });
  });

  describe('a second generation, killed after every write', () => {
    for (const name of [
      'kopia/velero-like',
      'kopia/plain',
      'kopia/made-by-0.8.4',
      'kopia/upgraded-1-to-3',
    ]) {
      test(`${name} stays restorable at every prefix and is finished by the next run`, async () => {
        const { fixture, prefix } = await repository(name);
        const source = memory('source');
        await placeFixture(source, fixture, { below: prefix });
        const cut = generationCut(fixture, prefix);
        const first = memory('first');
        await placeFixture(first, fixture, {
          below: prefix,
          only: (o) => o.lastModified <= cut || /kopia\./.test(o.key),
        });
        let kills = 0;
        for (let changes = 0; ; changes += 1) {
          const [target, state] = [memory('target'), memory('state')];
          await runRoute(first, target, { ...kopia, state });
          const recorder = killedAfter(target, changes, () => checkOpenable(source, target));
          const outcome = await runRoute(source, recorder.store, { ...kopia, state }).catch(
            (error: unknown) => error,
          );
          await checkOpenable(source, target);
          if (outcome instanceof Killed) kills += 1;
          await runRoute(source, target, { ...kopia, state });
          const expected = [...(await contentsOf(source))].filter(([key]) => travels(key));
          expect(await contentsOf(target)).toEqual(new Map(expected));
          if (!(outcome instanceof Error)) break;
        }
        expect(kills).toBeGreaterThan(3);
      });
    }
  });
});

/** The time of the first index but one: what is not younger is a repository of its own. */
function generationCut(fixture: Fixture, prefix: string): Date {
  const times = fixture.objects
    .filter(({ key }) => key.startsWith(prefix) && /^(xn|n)[0-9]/.test(key.slice(prefix.length)))
    .map(({ lastModified }) => lastModified.getTime())
    .sort((a, b) => a - b);
  return new Date(times[Math.floor(times.length / 2) - 1] ?? 0);
}

describe('replicate() when the source moves', () => {
  let fixture: Fixture;
  let prefix: string;
  beforeAll(async () => {
    ({ fixture, prefix } = await repository('kopia/velero-like'));
  });

  test('plans anew when a pack vanishes between listing and copy', async () => {
    const [source, target] = [memory('source'), memory('target')];
    await placeFixture(source, fixture, { below: prefix });
    let vanished = 0;
    const moving: ObjectStore = {
      ...source,
      async read(key, options) {
        if (key.startsWith('q') && vanished === 0) {
          vanished += 1;
          await source.remove(key);
        }
        return source.read(key, options);
      },
    };
    const report = await runRoute(moving, target, kopia);
    expect(vanished).toBe(1);
    expect(report.findings).toEqual([]);
    expect(await contentsOf(target)).toEqual(
      new Map([...(await contentsOf(source))].filter(([key]) => travels(key))),
    );
  });

  test('lists again until the index stands still', async () => {
    const [source, target] = [memory('source'), memory('target')];
    const placed = await placeFixture(source, fixture, {
      below: prefix,
      only: (o) => !isLate(o.key),
    });
    expect(placed.length).toBeGreaterThan(5);
    let listings = 0;
    const moving: ObjectStore = {
      ...source,
      async *list(below, options) {
        if (below === 'x') listings += 1;
        if (below === 'x' && listings === 2) {
          await placeFixture(source, fixture, { below: prefix, only: (o) => isLate(o.key) });
        }
        yield* source.list(below, options);
      },
    };
    await runRoute(moving, target, kopia);
    expect(listings).toBe(3);
    expect((await contentsOf(target)).size).toBe(
      fixture.objects.filter(
        ({ key }) => key.startsWith(prefix) && travels(key.slice(prefix.length)),
      ).length,
    );
  });

  test('follows a source that writes an index in every pause', async () => {
    const [source, target] = [memory('source'), memory('target')];
    await placeFixture(source, fixture, { below: prefix });
    const flush = async (id: string): Promise<void> => {
      await source.write(id, bytesBody(Buffer.from(id)), { sizeBytes: id.length });
    };
    const id = (number: number): string =>
      `xn0_${String(number).padStart(32, '0')}-s0123456789abcdef147-c1`;
    let pauses = 0;
    const clock: Clock = {
      now: systemClock.now,
      sleep: async (milliseconds, signal) => {
        // The renewal of the lease is no pause.
        if (milliseconds > 5000) return systemClock.sleep(milliseconds, signal);
        pauses += 1;
        await flush(id(pauses));
      },
    };
    let isFirst = true;
    const busy: ObjectStore = {
      ...source,
      async *list(below, options) {
        yield* source.list(below, options);
        if (below === 'x' && isFirst) await flush(id(0));
        if (below === 'x') isFirst = false;
      },
    };
    await runRoute(busy, target, { ...kopia, clock });
    expect(pauses).toBe(1);
    expect(await target.stat(id(1))).toBeDefined();
  });

  test('says so when the format blob never stands still, and leaves the target closed', async () => {
    const [source, target] = [memory('source'), memory('target')];
    await placeFixture(source, fixture, { below: prefix });
    let turn = 0;
    const moving: ObjectStore = {
      ...source,
      async stat(key, options) {
        const info = await source.stat(key, options);
        turn += 1;
        return info && key === 'kopia.repository' ? { ...info, etag: `turn-${turn}` } : info;
      },
    };
    const report = await runRoute(moving, target, kopia);
    expect(report.findings.map(({ code }) => code)).toEqual(['REPOSITORY_CHANGING']);
    expect(report.verdicts).toMatchObject([{ kind: 'unchecked' }]);
    expect(await target.stat('kopia.repository')).toBeUndefined();
  });

  const isLate = (key: string): boolean => key.includes('s100b8a98ad5773a9147');
});
