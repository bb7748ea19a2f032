import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { RETRY_DEFAULTS, retrying } from '../../shared/stores/retrying.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';
import { fakeClock } from '../support/clock.ts';

const failure = (code: StoreErrorCode): StoreError => new StoreError(code, `Cannot: ${code}`);

/** A store whose calls fail as scripted, in order; every planned fault must have fired. */
function scripted(
  store: ObjectStore,
  faults: Partial<Record<keyof ObjectStore, StoreErrorCode[]>>,
) {
  const left = new Map(Object.entries(faults).map(([name, codes]) => [name, [...codes]]));
  const calls: string[] = [];
  const strike = (name: string): void => {
    calls.push(name);
    const code = left.get(name)?.shift();
    if (code !== undefined) throw failure(code);
  };
  const faulty: ObjectStore = {
    ...store,
    async stat(key, options) {
      strike('stat');
      return store.stat(key, options);
    },
    async write(key, body, options) {
      strike('write');
      return store.write(key, body, options);
    },
    async remove(key, options) {
      strike('remove');
      return store.remove(key, options);
    },
    async *list(prefix, options) {
      strike('list');
      let yielded = 0;
      for await (const info of store.list(prefix, options)) {
        yield info;
        yielded += 1;
        if (yielded === 2 && left.get('list')?.length) strike('list');
      }
    },
    async read(key, options) {
      strike('read');
      const content = await store.read(key, options);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* content.body;
      }
      async function* cut(): AsyncGenerator<Uint8Array> {
        for await (const chunk of content.body) {
          yield chunk.subarray(0, 1000);
          throw failure('unreachable');
        }
      }
      return { info: content.info, body: left.get('read')?.length ? cut() : broken() };
    },
  };
  return { faulty, calls, unfired: () => [...left.values()].flat() };
}

const put = (store: ObjectStore, key: string, bytes: Uint8Array, options = {}) =>
  store.write(key, bytesBody(bytes), { sizeBytes: bytes.length, ...options });
const policy = { ...RETRY_DEFAULTS, random: () => 0.5 };

describe('retrying()', () => {
  test('repeats what may pass by itself, with growing pauses', async () => {
    const clock = fakeClock();
    const delays: number[] = [];
    const { faulty, unfired } = scripted(memoryStore('m', clock), {
      stat: ['throttled', 'unreachable', 'throttled'],
    });
    const store = retrying(faulty, { ...policy, onRetry: (_, ms) => delays.push(ms) }, clock);
    expect(await store.stat('x')).toBeUndefined();
    expect(unfired()).toEqual([]);
    expect(delays).toEqual([75, 150, 300]);
  });

  test.each(['denied', 'not_found', 'archived', 'locked', 'bucket_not_found'] as const)(
    'does not repeat %s',
    async (code) => {
      const clock = fakeClock();
      const { faulty, calls } = scripted(memoryStore('m', clock), { stat: [code] });
      await expect(retrying(faulty, policy, clock).stat('x')).rejects.toMatchObject({ code });
      expect(calls).toEqual(['stat']);
    },
  );

  test('gives up after the last attempt with the last error', async () => {
    const clock = fakeClock();
    const faults = Array.from({ length: 10 }, () => 'throttled' as const);
    const { faulty, calls } = scripted(memoryStore('m', clock), { stat: faults });
    const call = retrying(faulty, policy, clock).stat('x');
    await expect(call).rejects.toMatchObject({ code: 'throttled' });
    expect(calls).toHaveLength(RETRY_DEFAULTS.attemptsMax);
  });

  test('goes on with a broken read behind its last byte, of the same version', async () => {
    const clock = fakeClock();
    const store = memoryStore('m', clock);
    const bytes = randomBytes(5000);
    await put(store, 'x', bytes);
    const { faulty, calls } = scripted(store, { read: [] });
    let turns = 0;
    const breaking: ObjectStore = {
      ...faulty,
      async read(key, options) {
        calls.push(`${options?.range?.offsetBytes ?? 0} ${options?.ifMatch === undefined}`);
        const content = await store.read(key, options);
        turns += 1;
        if (turns > 3) return content;
        async function* cut(): AsyncGenerator<Uint8Array> {
          for await (const chunk of content.body) {
            yield chunk.subarray(0, 1000);
            throw failure('unreachable');
          }
        }
        return { info: content.info, body: cut() };
      },
    };
    const read = await retrying(breaking, policy, clock).read('x');
    expect(Buffer.compare(await collect(read.body), bytes)).toBe(0);
    expect(calls).toEqual(['0 true', '1000 false', '2000 false', '3000 false']);
  });

  test('ends a read whose object was replaced meanwhile, never mixing two versions', async () => {
    const clock = fakeClock();
    const store = memoryStore('m', clock);
    await put(store, 'x', randomBytes(5000));
    const breaking: ObjectStore = {
      ...store,
      async read(key, options) {
        const content = await store.read(key, options);
        async function* cut(): AsyncGenerator<Uint8Array> {
          for await (const chunk of content.body) {
            yield chunk.subarray(0, 1000);
            await put(store, 'x', randomBytes(5000));
            throw failure('unreachable');
          }
        }
        return { info: content.info, body: cut() };
      },
    };
    const read = await retrying(breaking, policy, clock).read('x');
    await expect(collect(read.body)).rejects.toMatchObject({ code: 'changed' });
  });

  test('goes on with a broken listing behind its last key', async () => {
    const clock = fakeClock();
    const store = memoryStore('m', clock);
    for (const key of ['a', 'b', 'c', 'd']) await put(store, key, Buffer.from(key));
    const { faulty, unfired } = scripted(store, { list: ['unreachable', 'throttled'] });
    const keys = await Array.fromAsync(retrying(faulty, policy, clock).list(''));
    expect(keys.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
    expect(unfired()).toEqual([]);
  });

  test('repeats a plain write, but no conditional one whose outcome is unknown', async () => {
    const clock = fakeClock();
    const bytes = Buffer.from('x');
    const plain = scripted(memoryStore('m', clock), { write: ['unreachable'] });
    await put(retrying(plain.faulty, policy, clock), 'x', bytes);
    expect(plain.calls).toEqual(['write', 'write']);
    const conditional = scripted(memoryStore('m', clock), { write: ['unreachable'] });
    const call = put(retrying(conditional.faulty, policy, clock), 'x', bytes, {
      condition: 'absent',
    });
    await expect(call).rejects.toMatchObject({ code: 'unreachable' });
    expect(conditional.calls).toEqual(['write']);
    const throttled = scripted(memoryStore('m', clock), { write: ['throttled'] });
    await put(retrying(throttled.faulty, policy, clock), 'x', bytes, { condition: 'absent' });
    expect(throttled.calls).toEqual(['write', 'write']);
  });

  test('stops waiting when the call is aborted', async () => {
    const clock = fakeClock();
    const reason = new Error('stop');
    const abort = new AbortController();
    const { faulty } = scripted(memoryStore('m', clock), { stat: ['throttled', 'throttled'] });
    const store = retrying(faulty, { ...policy, onRetry: () => abort.abort(reason) }, clock);
    await expect(store.stat('x', { signal: abort.signal })).rejects.toBe(reason);
  });
});
