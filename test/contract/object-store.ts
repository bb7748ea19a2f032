import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { compareKeys } from '../../shared/stores/keys.ts';
import type { ObjectInfo, ObjectStore, WriteOptions } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

/** One implementation under test, with what the suite needs to bring about what users suffer. */
export interface ContractSubject {
  /** An empty place of its own for each call. */
  readonly store: ObjectStore;
  /** The same place as seen by an identity that may do nothing. */
  readonly denied?: ObjectStore;
  /** The same kind of store on a bucket that does not exist. */
  readonly bucketAbsent?: ObjectStore;
  /** The same kind of store where nobody listens. */
  readonly unreachable?: ObjectStore;
  /** The same place behind something that answers every request by "slow down". */
  readonly throttled?: ObjectStore;
  /** The same place, where every object answers as if it lay in an archive tier. */
  readonly archived?: ObjectStore;
  /** Uploads begun and not completed, as far as the vendor shows them. */
  readonly unfinishedUploads?: () => Promise<number>;
  readonly close?: () => Promise<void>;
}

/** A case that a subject cannot show, and why. Counted as skipped, by name. */
export interface ContractException {
  readonly test: string;
  readonly reason: string;
}

const text = (value: string): Uint8Array => Buffer.from(value);
const LARGE_SIZE_BYTES = 20 * 1024 * 1024 + 123;

/**
 * What `shared/stores/store.ts` promises, as tests. Runs on every store and again on every wrapper.
 */
export function objectStoreContract(
  name: string,
  open: () => Promise<ContractSubject>,
  exceptions: readonly ContractException[] = [],
): void {
  const skipped = new Map(exceptions.map((exception) => [exception.test, exception.reason]));
  const seen = new Set<string>();
  const check = (title: string, body: () => Promise<void>): void => {
    seen.add(title);
    const reason = skipped.get(title);
    if (reason === undefined) test(title, body);
    else test.skip(`${title} (left out: ${reason})`, body);
  };

  describe(`object store contract: ${name}`, () => {
    let subject: ContractSubject;
    let store: ObjectStore;
    let places = 0;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(async () => {
      await subject?.close?.();
    });

    /** A prefix that no other case uses. */
    const place = (): string => {
      places += 1;
      return `case-${places}/`;
    };
    const put = (
      key: string,
      bytes: Uint8Array,
      options: Partial<WriteOptions> = {},
      on: ObjectStore = store,
    ): Promise<ObjectInfo> =>
      on.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength, ...options });
    const get = async (key: string, on: ObjectStore = store): Promise<Uint8Array> =>
      collect((await on.read(key)).body);
    const keys = async (prefix: string, startAfter?: string): Promise<string[]> => {
      const found: string[] = [];
      const options = startAfter === undefined ? {} : { startAfter };
      for await (const info of store.list(prefix, options)) found.push(info.key);
      return found;
    };
    const fails = async (
      code: StoreErrorCode,
      call: () => Promise<unknown>,
    ): Promise<StoreError> => {
      const error = await call().then(
        (value) => new Error(`resolved with ${JSON.stringify(value)}`),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(StoreError);
      const storeError = error as StoreError;
      expect(`${storeError.code}: ${storeError.message}`).toMatch(new RegExp(`^${code}: `));
      expect(storeError.message).not.toMatch(/\.$/);
      expect(storeError.hint).not.toBe('');
      return storeError;
    };
    const other = (kind: keyof ContractSubject): ObjectStore => {
      const found = subject[kind];
      if (found === undefined) throw new Error(`The subject "${name}" brings no store "${kind}"`);
      return found as ObjectStore;
    };

    describe('write() and read()', () => {
      check('give back the bytes, their size and one ETag', async () => {
        const key = `${place()}hello.txt`;
        const written = await put(key, text('hello'));
        expect(written).toMatchObject({ key, sizeBytes: 5 });
        const { info, body } = await store.read(key);
        expect(Buffer.from(await collect(body)).toString()).toBe('hello');
        expect(info).toMatchObject({ key, sizeBytes: 5, etag: written.etag });
        const stat = await store.stat(key);
        expect(stat).toMatchObject({ key, sizeBytes: 5, etag: written.etag });
        expect(stat?.etag).not.toMatch(/"/);
        expect(stat?.lastModified).toBeInstanceOf(Date);
      });

      check('hold an object of 0 bytes', async () => {
        const key = `${place()}empty`;
        await put(key, new Uint8Array());
        expect((await store.stat(key))?.sizeBytes).toBe(0);
        expect(await get(key)).toHaveLength(0);
        expect(await keys(key)).toEqual([key]);
      });

      check('hold an object of several parts, streamed in odd pieces', async () => {
        const key = `${place()}large`;
        const bytes = randomBytes(LARGE_SIZE_BYTES);
        async function* body(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += 1_234_567)
            yield bytes.subarray(at, at + 1_234_567);
        }
        const md5 = createHash('md5').update(bytes).digest('hex');
        const written = await store.write(key, body, { sizeBytes: bytes.length, expect: { md5 } });
        expect(written.sizeBytes).toBe(bytes.length);
        expect(
          createHash('md5')
            .update(await get(key))
            .digest('hex'),
        ).toBe(md5);
        const stat = await store.stat(key);
        expect(stat?.etag).toBe(written.etag);
        const checksum = store.capabilities.checksum;
        if (checksum !== undefined)
          expect(stat?.checksums?.[checksum]).toMatch(/^[0-9a-f]{16,64}$/);
      });

      check('replace an object whole', async () => {
        const key = `${place()}object`;
        const first = await put(key, text('first, and longer'));
        const second = await put(key, text('second'));
        expect(second.etag).not.toBe(first.etag);
        expect(Buffer.from(await get(key)).toString()).toBe('second');
      });

      check('read exactly the range asked for', async () => {
        const key = `${place()}range`;
        await put(key, text('0123456789'));
        const read = async (offsetBytes: number, lengthBytes: number): Promise<string> => {
          const { info, body } = await store.read(key, { range: { offsetBytes, lengthBytes } });
          expect(info.sizeBytes).toBe(10);
          return Buffer.from(await collect(body)).toString();
        };
        expect(await read(0, 1)).toBe('0');
        expect(await read(3, 4)).toBe('3456');
        expect(await read(9, 1)).toBe('9');
        expect(await read(0, 10)).toBe('0123456789');
      });

      check('refuse a range that is not wholly inside, never reading short', async () => {
        const key = `${place()}range`;
        await put(key, text('0123456789'));
        for (const [offsetBytes, lengthBytes] of [
          [10, 1],
          [8, 3],
          [0, 11],
          [100, 5],
        ] as const) {
          await fails('range', async () =>
            collect((await store.read(key, { range: { offsetBytes, lengthBytes } })).body),
          );
        }
      });

      check('read a version by its ETag and refuse another one', async () => {
        const key = `${place()}versioned`;
        const first = await put(key, text('first'));
        expect((await store.read(key, { ifMatch: first.etag })).info.etag).toBe(first.etag);
        await put(key, text('second'));
        await fails('changed', () => store.read(key, { ifMatch: first.etag }));
      });

      check('call the body again from its first byte for each write', async () => {
        const prefix = place();
        let calls = 0;
        const body = () => {
          calls += 1;
          return bytesBody(text('again'))();
        };
        await store.write(`${prefix}a`, body, { sizeBytes: 5 });
        await store.write(`${prefix}b`, body, { sizeBytes: 5 });
        expect(calls).toBe(2);
        expect(Buffer.from(await get(`${prefix}b`)).toString()).toBe('again');
      });

      check('keep every legal odd character in keys', async () => {
        const prefix = place();
        const odd = ODD_NAMES.map((value) => `${prefix}${value}`).sort(compareKeys);
        for (const key of odd) await put(key, text(key));
        expect(await keys(prefix)).toEqual(odd);
        for (const key of odd) expect(Buffer.from(await get(key)).toString()).toBe(key);
        expect(await store.removeMany(odd)).toEqual([]);
        expect(await keys(prefix)).toEqual([]);
      });
    });

    describe('content checks', () => {
      check('accept bytes that are what was expected', async () => {
        const bytes = randomBytes(1000);
        const md5 = createHash('md5').update(bytes).digest('hex');
        await put(`${place()}right`, bytes, { expect: { md5, crc32: crc32Of(bytes) } });
      });

      check('refuse other bytes before anything is visible, small and large', async () => {
        const prefix = place();
        const wrong = { md5: createHash('md5').update('other').digest('hex') };
        await put(`${prefix}old`, text('old'));
        await fails('corrupt', () => put(`${prefix}small`, text('small'), { expect: wrong }));
        await fails('corrupt', () => put(`${prefix}old`, text('new'), { expect: wrong }));
        await fails('corrupt', () =>
          put(`${prefix}large`, randomBytes(LARGE_SIZE_BYTES), {
            expect: { crc64nvme: '0'.repeat(16) },
          }),
        );
        expect(await keys(prefix)).toEqual([`${prefix}old`]);
        expect(Buffer.from(await get(`${prefix}old`)).toString()).toBe('old');
      });

      check('vouch in stat() for the checksum that the store declares', async () => {
        const bytes = randomBytes(5000);
        const key = `${place()}sum`;
        await put(key, bytes);
        const declared = store.capabilities.checksum;
        const checksums = (await store.stat(key))?.checksums ?? {};
        if (declared !== undefined) expect(checksums[declared]).toMatch(/^[0-9a-f]{16,64}$/);
        if (checksums.md5)
          expect(checksums.md5).toBe(createHash('md5').update(bytes).digest('hex'));
        if (checksums.crc32) expect(checksums.crc32).toBe(crc32Of(bytes));
      });
    });

    describe('source stamp', () => {
      check('carries the time of the source, and its ETag where declared', async () => {
        const key = `${place()}copy`;
        const source = { etag: 'abc-"7"', lastModified: new Date('2025-03-04T05:06:07.890Z') };
        await put(key, text('copy'), { source });
        const { sourceEtagKept, sourceTimeListed, sourceStampListed } = store.capabilities;
        const stat = await store.stat(key);
        const [listed] = await Array.fromAsync(store.list(key));
        if (sourceEtagKept) expect(stat?.source).toEqual(source);
        if (sourceEtagKept) expect((await store.read(key)).info.source).toEqual(source);
        if (sourceTimeListed) expect(stat?.lastModified).toEqual(source.lastModified);
        if (sourceTimeListed) expect(listed?.lastModified).toEqual(source.lastModified);
        if (sourceStampListed) expect(listed?.source).toEqual(source);
        expect(sourceEtagKept || sourceTimeListed).toBe(true);
      });

      check('is absent from an object that is no copy', async () => {
        const key = `${place()}original`;
        await put(key, text('original'));
        expect((await store.stat(key))?.source).toBeUndefined();
      });

      check('stays with a large object', async () => {
        const key = `${place()}large`;
        const source = { etag: 'large', lastModified: new Date('2025-03-04T05:06:07Z') };
        await put(key, randomBytes(LARGE_SIZE_BYTES), { source });
        const stat = await store.stat(key);
        if (store.capabilities.sourceEtagKept) expect(stat?.source).toEqual(source);
        if (store.capabilities.sourceTimeListed)
          expect(stat?.lastModified).toEqual(source.lastModified);
      });
    });

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
        expect(await store.removeMany(expected)).toEqual([]);
        expect(await keys(prefix)).toEqual([]);
      });

      check('tells size, ETag and time of each object as stat() does', async () => {
        const key = `${place()}one`;
        await put(key, text('12345'));
        const [listed] = await Array.fromAsync(store.list(key));
        const stat = await store.stat(key);
        expect(listed).toMatchObject({ key, sizeBytes: 5, etag: stat?.etag });
        const difference =
          (stat?.lastModified.getTime() ?? 0) - (listed?.lastModified.getTime() ?? 0);
        expect(Math.abs(difference)).toBeLessThan(1000);
      });

      check('lists directories without what is in them', async () => {
        const prefix = place();
        for (const key of ['b/1', 'b/2/3', 'a/1', 'file', 'c.d/x'])
          await put(prefix + key, text('x'));
        const names = await Array.fromAsync(store.listDirectories(prefix));
        expect(names).toEqual(['a/', 'b/', 'c.d/']);
        expect(await Array.fromAsync(store.listDirectories(`${prefix}b/`))).toEqual(['2/']);
        expect(await Array.fromAsync(store.listDirectories(`${prefix}none/`))).toEqual([]);
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
        await fails('exists', () =>
          put(key, randomBytes(LARGE_SIZE_BYTES), { condition: 'absent' }),
        );
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
        await store.remove(key);
        await fails('changed', () => put(key, text('second'), { condition: { etag } }));
        expect(await store.stat(key)).toBeUndefined();
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
        await fails('changed', () => store.remove(key, { ifMatch: first.etag }));
        expect(await store.stat(key)).toBeDefined();
        await store.remove(key, { ifMatch: second.etag });
        expect(await store.stat(key)).toBeUndefined();
      });
    });

    describe('absence and removal', () => {
      check('stat() of what is absent is undefined, read() is not_found', async () => {
        const key = `${place()}absent`;
        expect(await store.stat(key)).toBeUndefined();
        await fails('not_found', () => store.read(key));
        const range = { offsetBytes: 0, lengthBytes: 1 };
        await fails('not_found', () => store.read(key, { range }));
      });

      check('remove() and removeMany() of what is absent succeed', async () => {
        const prefix = place();
        await put(`${prefix}here`, text('x'));
        await store.remove(`${prefix}absent`);
        expect(await store.removeMany([`${prefix}absent`, `${prefix}here`])).toEqual([]);
        expect(await keys(prefix)).toEqual([]);
        expect(await store.removeMany([])).toEqual([]);
      });
    });

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
        const call = store.write(`${prefix}broken`, body, { sizeBytes: LARGE_SIZE_BYTES });
        await expect(call).rejects.toThrow('the source broke');
        expect(await keys(prefix)).toEqual([]);
        if (subject.unfinishedUploads) expect(await subject.unfinishedUploads()).toBe(0);
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
        await expect(store.write(`${prefix}aborted`, body, options)).rejects.toBe(reason);
        expect(await keys(prefix)).toEqual([]);
        if (subject.unfinishedUploads) expect(await subject.unfinishedUploads()).toBe(0);
      });

      check('every call stops at an aborted signal with its reason', async () => {
        const key = `${place()}object`;
        await put(key, text('x'));
        const reason = new Error('stop now');
        const signal = AbortSignal.abort(reason);
        await expect(Array.fromAsync(store.list(key, { signal }))).rejects.toBe(reason);
        await expect(store.stat(key, { signal })).rejects.toBe(reason);
        await expect(store.read(key, { signal })).rejects.toBe(reason);
        await expect(put(key, text('y'), { signal })).rejects.toBe(reason);
        await expect(store.remove(key, { signal })).rejects.toBe(reason);
        await expect(store.removeMany([key], { signal })).rejects.toBe(reason);
        expect(Buffer.from(await get(key)).toString()).toBe('x');
      });

      check('a read that is left early can be followed by others', async () => {
        const key = `${place()}large`;
        await put(key, randomBytes(LARGE_SIZE_BYTES));
        for (let turn = 0; turn < 60; turn += 1) {
          for await (const chunk of (await store.read(key)).body) {
            expect(chunk.byteLength).toBeGreaterThan(0);
            break;
          }
        }
        expect((await store.stat(key))?.sizeBytes).toBe(LARGE_SIZE_BYTES);
      });

      check('denied is denied for every call, never absent', async () => {
        const key = `${place()}object`;
        await put(key, text('x'));
        await eachCall(other('denied'), key, (call) => fails('denied', call));
      });

      check('an absent bucket is bucket_not_found for every call that says so', async () => {
        const absent = other('bucketAbsent');
        await fails('bucket_not_found', () => Array.fromAsync(absent.list('')));
        await fails('bucket_not_found', () => absent.read('key'));
        await fails('bucket_not_found', () => put('key', text('x'), {}, absent));
      });

      check('an endpoint that is down is unreachable for every call', async () => {
        await eachCall(other('unreachable'), 'key', async (call) => {
          expect((await fails('unreachable', call)).retryable).toBe(true);
        });
      });

      check('a store that asks for a slower pace is throttled for every call', async () => {
        await eachCall(other('throttled'), 'key', async (call) => {
          expect((await fails('throttled', call)).retryable).toBe(true);
        });
      });

      check('an archived object is archived when read', async () => {
        const key = `${place()}object`;
        await put(key, text('x'));
        await fails('archived', () => other('archived').read(key));
      });
    });

    async function eachCall(
      on: ObjectStore,
      key: string,
      verify: (call: () => Promise<unknown>) => Promise<unknown>,
    ): Promise<void> {
      await verify(() => Array.fromAsync(on.list('')));
      await verify(() => Array.fromAsync(on.listDirectories('')));
      await verify(() => on.stat(key));
      await verify(() => on.read(key));
      await verify(() => put(key, text('y'), {}, on));
      await verify(() => on.remove(key));
    }

    test('every exception names a case of the suite', () => {
      expect([...skipped.keys()].filter((title) => !seen.has(title))).toEqual([]);
    });
  });
}

function crc32Of(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

/** Legal on S3 and Azure Blob alike, and seen in the field or feared there. */
const ODD_NAMES: readonly string[] = [
  'space in name',
  'plus+plus',
  'percent%41%2F',
  'question?mark',
  'hash#mark',
  'amp&equals=x',
  "quote'single",
  'quote"double',
  'semi;colon:comma,',
  'brackets[1]{2}(3)<4>',
  'at@dollar$bang!star*',
  'tilde~caret^pipe|back`tick',
  'umlaut-ä-é-ß',
  'cjk-日本語',
  'emoji-🚢',
  'dots..inside...',
  '.hidden',
  'trailing.dot.x',
  '_log_20250101_abc-1.gz',
  'deep/er/and/deeper/x.tar.gz',
];
