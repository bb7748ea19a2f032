import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { type ContractKit, LARGE_SIZE_BYTES, text } from './kit.ts';

/** What goes wrong keeps its name and leaves nothing behind. */
export function faultCases(kit: ContractKit): void {
  const { check, place, put, get, keys, fails, other } = kit;

  describe('what goes wrong', () => {
    check('a body of another length leaves nothing visible', async () => {
      const prefix = place();
      for (const sizeBytes of [4, 6]) {
        await fails('invalid', () => put(`${prefix}small`, text('12345'), { sizeBytes }));
      }
      const large = randomBytes(LARGE_SIZE_BYTES);
      await fails('invalid', () => put(`${prefix}large`, large, { sizeBytes: large.length + 1 }));
      expect(await keys(prefix)).toEqual([]);
    });

    check('a body that fails leaves nothing visible and no upload behind', async () => {
      const prefix = place();
      async function* body(): AsyncGenerator<Uint8Array> {
        yield randomBytes(12 * 1024 * 1024);
        throw new Error('the source broke');
      }
      const call = kit.store.write(`${prefix}broken`, body, { sizeBytes: LARGE_SIZE_BYTES });
      await expect(call).rejects.toThrow('the source broke');
      expect(await keys(prefix)).toEqual([]);
      if (kit.subject.unfinishedUploads) expect(await kit.subject.unfinishedUploads()).toBe(0);
    });

    check('an aborted write leaves nothing visible and no upload behind', async () => {
      const prefix = place();
      const abort = new AbortController();
      const reason = new Error('stop now');
      async function* body(): AsyncGenerator<Uint8Array> {
        yield randomBytes(12 * 1024 * 1024);
        abort.abort(reason);
        yield randomBytes(LARGE_SIZE_BYTES - 12 * 1024 * 1024);
      }
      const options = { sizeBytes: LARGE_SIZE_BYTES, signal: abort.signal };
      await expect(kit.store.write(`${prefix}aborted`, body, options)).rejects.toBe(reason);
      expect(await keys(prefix)).toEqual([]);
      if (kit.subject.unfinishedUploads) expect(await kit.subject.unfinishedUploads()).toBe(0);
    });

    check('every call stops at an aborted signal with its reason', async () => {
      const key = `${place()}object`;
      await put(key, text('x'));
      const reason = new Error('stop now');
      const signal = AbortSignal.abort(reason);
      await expect(Array.fromAsync(kit.store.list(key, { signal }))).rejects.toBe(reason);
      await expect(kit.store.stat(key, { signal })).rejects.toBe(reason);
      await expect(kit.store.read(key, { signal })).rejects.toBe(reason);
      await expect(put(key, text('y'), { signal })).rejects.toBe(reason);
      await expect(kit.store.remove(key, { signal })).rejects.toBe(reason);
      await expect(kit.store.removeMany([key], { signal })).rejects.toBe(reason);
      expect(Buffer.from(await get(key)).toString()).toBe('x');
    });

    check('a read that is left early can be followed by others', async () => {
      const key = `${place()}large`;
      await put(key, randomBytes(LARGE_SIZE_BYTES));
      for (let turn = 0; turn < 60; turn += 1) {
        for await (const chunk of (await kit.store.read(key)).body) {
          expect(chunk.byteLength).toBeGreaterThan(0);
          break;
        }
      }
      expect((await kit.store.stat(key))?.sizeBytes).toBe(LARGE_SIZE_BYTES);
    });

    check('denied is denied for every call, never absent', async () => {
      const key = `${place()}object`;
      await put(key, text('x'));
      await eachCall(kit, other('denied'), key, (call) => fails('denied', call));
    });

    check('an absent bucket is bucket_not_found for every call that says so', async () => {
      const absent = other('bucketAbsent');
      await fails('bucket_not_found', () => Array.fromAsync(absent.list('')));
      await fails('bucket_not_found', () => absent.read('key'));
      await fails('bucket_not_found', () => put('key', text('x'), {}, absent));
    });

    check('an endpoint that is down is unreachable for every call', async () => {
      await eachCall(kit, other('unreachable'), 'key', async (call) => {
        expect((await fails('unreachable', call)).retryable).toBe(true);
      });
    });

    check('a store that asks for a slower pace is throttled for every call', async () => {
      await eachCall(kit, other('throttled'), 'key', async (call) => {
        expect((await fails('throttled', call)).retryable).toBe(true);
      });
    });

    check('an archived object is archived when read', async () => {
      const key = `${place()}object`;
      await put(key, text('x'));
      await fails('archived', () => other('archived').read(key));
    });
  });
}

async function eachCall(
  kit: ContractKit,
  on: ObjectStore,
  key: string,
  verify: (call: () => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  await verify(() => Array.fromAsync(on.list('')));
  await verify(() => Array.fromAsync(on.listDirectories('')));
  await verify(() => on.stat(key));
  await verify(() => on.read(key));
  await verify(() => kit.put(key, text('y'), {}, on));
  await verify(() => on.remove(key));
}
