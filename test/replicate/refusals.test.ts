import { describe, expect, test } from 'vitest';
import type { DrydockError } from '../../shared/model/errors.ts';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { fakeClock, systemClock } from '../support/clock.ts';
import { killedAfter } from '../support/faults.ts';
import { loadFixture } from '../support/fixtures.ts';
import { contentsOf, placeFixture } from '../support/place.ts';
import { runRoute } from '../support/replicate.ts';

const memory = (name: string): ObjectStore => memoryStore(name, systemClock);
const put = (store: ObjectStore, key: string, text = key) =>
  store.write(key, bytesBody(Buffer.from(text)), { sizeBytes: Buffer.byteLength(text) });

async function veleroLike(): Promise<ObjectStore> {
  const source = memory('source');
  await placeFixture(source, await loadFixture('kopia/velero-like'));
  return source;
}

/** The run must refuse with this code, and must not have changed the target. */
async function refuses(
  code: string,
  source: ObjectStore,
  target: ObjectStore,
  options: Parameters<typeof runRoute>[2] = {},
): Promise<DrydockError> {
  const before = await contentsOf(target);
  const error = await runRoute(source, target, options).then(
    () => undefined,
    (reason: DrydockError) => reason,
  );
  expect(error?.code).toBe(code);
  expect(error?.hint).not.toBe('');
  expect(await contentsOf(target)).toEqual(before);
  return error as DrydockError;
}

describe('replicate() refuses', () => {
  test('a target that holds another repository', async () => {
    const [source, target] = [await veleroLike(), memory('target')];
    await placeFixture(target, await loadFixture('kopia/velero-like'), {
      only: ({ key }) => key === 'kopia/crm/kopia.repository',
    });
    const foreign = await source.read('kopia/shop/kopia.repository');
    const bytes = Buffer.concat(await Array.fromAsync(foreign.body));
    await target.write('kopia/crm/kopia.repository', bytesBody(bytes), { sizeBytes: bytes.length });
    const error = await refuses('OTHER_REPOSITORY', source, target);
    expect(error.failure).toBe('refused');
    expect(error.message).toContain('kopia/crm');
  });

  test('a source that was emptied', async () => {
    const target = await veleroLike();
    expect((await refuses('SOURCE_EMPTY', memory('empty'), target)).failure).toBe('refused');
  });

  test('a source whose format blob is gone while the target has it', async () => {
    const [source, target] = [await veleroLike(), await veleroLike()];
    await source.remove('kopia/shop/kopia.repository');
    expect((await refuses('SOURCE_EMPTY', source, target)).message).toContain('kopia/shop/');
  });

  test('a source that lost all of backups/ while the target has some', async () => {
    const [source, target] = [await veleroLike(), await veleroLike()];
    await put(target, 'backups/daily/velero-backup.json');
    await refuses('SOURCE_EMPTY', source, target);
  });

  test('a place that is no Velero root, saying what it saw', async () => {
    const source = memory('source');
    await put(source, 'photos/1.jpg');
    const error = await refuses('NOTHING_FOUND', source, memory('target'));
    expect(error.failure).toBe('operation');
    expect(error.message).toContain('photos/');
  });

  test('a folder that Kopia sharded', async () => {
    const source = memory('source');
    await put(source, 'kopia/shop/.shards', '{}');
    await refuses('SHARDED_REPOSITORY', source, memory('target'));
  });

  test('a target whose lease another replicator holds, naming it', async () => {
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    let refused: DrydockError | undefined;
    const busy: ObjectStore = {
      ...source,
      async read(key, options) {
        refused ??= await refuses('LEASE_HELD', source, target, {
          state,
          config: { owner: { name: 'second', host: 'there', processId: 2 } },
        });
        return source.read(key, options);
      },
    };
    await runRoute(busy, target, { state });
    expect(refused?.message).toContain('tester');
    expect(refused?.failure).toBe('refused');
    expect((await Array.fromAsync(state.list('leases/'))).length).toBe(0);
  });
});

describe('replicate() and the lease', () => {
  test('takes over at once from a process of this machine that is gone', async () => {
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    await runRoute(source, killedAfter(target, 3).store, {
      state: { ...state, remove: () => Promise.reject(new Error('killed')) },
    }).catch(() => undefined);
    expect((await Array.fromAsync(state.list('leases/'))).length).toBe(1);
    await refuses('LEASE_HELD', source, target, { state });
    await runRoute(source, target, { state, deps: { isRunning: () => false } });
    expect((await Array.fromAsync(state.list('leases/'))).length).toBe(0);
  });

  test('takes over from a machine that is gone when its lease has ended', async () => {
    const clock = fakeClock();
    const [source, target, state] = [await veleroLike(), memory('target'), memoryStore('s', clock)];
    await runRoute(source, killedAfter(target, 3).store, {
      state: { ...state, remove: () => Promise.reject(new Error('killed')) },
      clock,
    }).catch(() => undefined);
    clock.advance(60_000);
    await refuses('LEASE_HELD', source, target, { state, clock });
    clock.advance(61_000);
    await runRoute(source, target, { state, clock });
  });

  test('stops writing when the lease is lost', async () => {
    const clock = fakeClock();
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY, async () => {
      if (recorder.log.length !== 5) return;
      // This machine sleeps past the end of its lease, and another one takes it over meanwhile.
      for await (const { key } of state.list('leases/')) {
        const text = Buffer.concat(await Array.fromAsync((await state.read(key)).body)).toString();
        await put(state, key, text.replace(/"nonce": ".*?"/, '"nonce": "theirs"'));
      }
      clock.advance(95_000);
    });
    const options = { clock, state, config: { concurrency: 1 } };
    const run = runRoute(source, recorder.store, options);
    await expect(run).rejects.toMatchObject({ code: 'LEASE_LOST', failure: 'refused' });
    expect(recorder.log.length).toBe(5);
  });
});

describe('replicate() and trouble', () => {
  test.each(['denied', 'throttled', 'unreachable'] as const)(
    'does not take a source that is %s for an empty one',
    async (code) => {
      const source = await veleroLike();
      const trouble = (): never => {
        throw new StoreError(code, `Cannot list "${source.url}"`);
      };
      for (const method of ['list', 'listDirectories', 'stat', 'read'] as const) {
        const target = memory('target');
        await runRoute(source, target);
        await source.write('backups/', bytesBody(new Uint8Array()), { sizeBytes: 0 });
        const before = await contentsOf(target);
        const faulty: ObjectStore = { ...source, [method]: trouble };
        const error = await runRoute(faulty, target).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code, failure: 'operation' });
        expect(await contentsOf(target)).toEqual(before);
      }
    },
  );

  test('replaces a pack that is shorter at the target, and says so', async () => {
    const [source, target] = [await veleroLike(), memory('target')];
    await runRoute(source, target);
    const [pack] = await Array.fromAsync(target.list('kopia/shop/p'));
    await put(target, pack?.key ?? '', 'cut short');
    const report = await runRoute(source, target);
    expect(report.findings).toMatchObject([{ code: 'INCOMPLETE_AT_TARGET', severity: 'error' }]);
    expect(report.actions).toMatchObject([{ kind: 'replace', what: 'pack blobs', objects: 1 }]);
    expect((await target.stat(pack?.key ?? ''))?.sizeBytes).toBe(pack?.sizeBytes);
  });

  test('a dry run plans the same copies and writes nothing, not even a lease', async () => {
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    const plan = await runRoute(source, target, { state, config: { dryRun: true } });
    expect((await contentsOf(target)).size + (await contentsOf(state)).size).toBe(0);
    const report = await runRoute(source, target, { state });
    expect(plan.actions).toEqual(report.actions);
    expect(plan.run.dryRun).toBe(true);
    expect(plan.verdicts).toEqual([]);
  });

  test('stops near its deadline, says so, and the next run goes on', async () => {
    const clock = fakeClock();
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY, async () => {
      if (recorder.log.length === 7) clock.advance(41_000);
    });
    const deadline = new Date(clock.now().getTime() + 60_000);
    const options = { clock, state, deadline, config: { concurrency: 1 } };
    const report = await runRoute(source, recorder.store, options);
    expect(report.unfinished?.reason).toContain('deadline');
    expect(recorder.log.length).toBe(7);
    const rest = await runRoute(source, target, { state });
    expect(rest.unfinished).toBeUndefined();
  });

  test('an interruption ends with its reason and frees the lease', async () => {
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    const interruption = new AbortController();
    const reason = new Error('interrupted');
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY, async () => {
      if (recorder.log.length === 4) interruption.abort(reason);
    });
    const deps = { signal: interruption.signal };
    await expect(runRoute(source, recorder.store, { state, deps })).rejects.toBe(reason);
    expect((await Array.fromAsync(state.list('leases/'))).length).toBe(0);
  });

  test('says "catching up" when an old route does not come to its end', async () => {
    const clock = fakeClock();
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    await runRoute(source, target, { state, clock });
    clock.advance(21 * 3_600_000);
    const deadline = new Date(clock.now().getTime() + 1000);
    const report = await runRoute(source, target, { state, clock, deadline });
    expect(report.findings.map(({ code }) => code)).toContain('CATCHING_UP');
    expect(report.verdicts).toContainEqual({
      kind: 'unchecked',
      subject: 'memory://target',
      reason: 'catching up',
    });
    const finished = await runRoute(source, target, { state, clock });
    expect(finished.findings.map(({ code }) => code)).not.toContain('CATCHING_UP');
  });

  test('says "catching up" of a route that has never come to its end', async () => {
    const clock = fakeClock();
    const [source, target, state] = [await veleroLike(), memory('target'), memory('state')];
    const stop = (): Date => new Date(clock.now().getTime() + 1000);
    const first = await runRoute(source, target, { state, clock, deadline: stop() });
    expect(first.findings).toEqual([]);
    clock.advance(21 * 3_600_000);
    const later = await runRoute(source, target, { state, clock, deadline: stop() });
    expect(later.findings).toMatchObject([{ code: 'CATCHING_UP', severity: 'error' }]);
  });

  test('leaves foreign folders, restores and unopenable repositories out and says so', async () => {
    const [source, target] = [await veleroLike(), memory('target')];
    await put(source, 'photos/1.jpg');
    await put(source, 'restores/r1/restore-r1-logs.gz');
    await source.remove('kopia/crm/kopia.repository');
    const report = await runRoute(source, target);
    const codes = report.findings.map(({ code }) => code).sort();
    expect(codes).toEqual(['FOREIGN_OBJECTS', 'REPOSITORY_ABSENT', 'RESTORES_LEFT_OUT']);
    const folders = await Array.fromAsync(target.listDirectories(''));
    expect(folders).toEqual(['kopia/']);
    expect(await Array.fromAsync(target.listDirectories('kopia/'))).toEqual(['shop/']);
  });

  test('copies a restic repository whole, its config last, without its locks', async () => {
    const [source, target] = [memory('source'), memory('target')];
    const keys = ['config', 'data/ab/abcd', 'index/1', 'keys/1', 'locks/1', 'snapshots/1'];
    for (const key of keys) await put(source, `restic/shop/${key}`);
    const recorder = killedAfter(target, Number.POSITIVE_INFINITY);
    const report = await runRoute(source, recorder.store);
    expect(recorder.log).toEqual(
      ['data/ab/abcd', 'index/1', 'keys/1', 'snapshots/1', 'config'].map(
        (key) => `put restic/shop/${key}`,
      ),
    );
    expect(report.findings.map(({ code }) => code)).toEqual(['RESTIC_OPAQUE']);
    const second = await runRoute(source, target);
    expect(second.measures['objectsCopied']).toBe(0);
  });
});
