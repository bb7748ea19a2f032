import { createHash, randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { compareKeys } from '../../shared/stores/keys.ts';
import { type ContractKit, LARGE_SIZE_BYTES, text } from './kit.ts';

/** What goes in comes out, is checked, and remembers where it came from. */
export function contentCases(kit: ContractKit): void {
  const { check, place, put, get, keys, fails } = kit;

  describe('write() and read()', () => {
    check('give back the bytes, their size and one ETag', async () => {
      const key = `${place()}hello.txt`;
      const written = await put(key, text('hello'));
      expect(written).toMatchObject({ key, sizeBytes: 5 });
      const { info, body } = await kit.store.read(key);
      expect(Buffer.from(await collect(body)).toString()).toBe('hello');
      expect(info).toMatchObject({ key, sizeBytes: 5, etag: written.etag });
      const stat = await kit.store.stat(key);
      expect(stat).toMatchObject({ key, sizeBytes: 5, etag: written.etag });
      expect(stat?.etag).not.toMatch(/"/);
      expect(stat?.lastModified).toBeInstanceOf(Date);
    });

    check('hold an object of 0 bytes', async () => {
      const key = `${place()}empty`;
      await put(key, new Uint8Array());
      expect((await kit.store.stat(key))?.sizeBytes).toBe(0);
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
      const written = await kit.store.write(key, body, {
        sizeBytes: bytes.length,
        expect: { md5 },
      });
      expect(written.sizeBytes).toBe(bytes.length);
      expect(
        createHash('md5')
          .update(await get(key))
          .digest('hex'),
      ).toBe(md5);
      const stat = await kit.store.stat(key);
      expect(stat?.etag).toBe(written.etag);
      const checksum = kit.store.capabilities.checksum;
      if (checksum !== undefined) expect(stat?.checksums?.[checksum]).toMatch(/^[0-9a-f]{16,64}$/);
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
        const { info, body } = await kit.store.read(key, { range: { offsetBytes, lengthBytes } });
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
          collect((await kit.store.read(key, { range: { offsetBytes, lengthBytes } })).body),
        );
      }
    });

    check('read a version by its ETag and refuse another one', async () => {
      const key = `${place()}versioned`;
      const first = await put(key, text('first'));
      expect((await kit.store.read(key, { ifMatch: first.etag })).info.etag).toBe(first.etag);
      await put(key, text('second'));
      await fails('changed', () => kit.store.read(key, { ifMatch: first.etag }));
    });

    check('call the body again from its first byte for each write', async () => {
      const prefix = place();
      let calls = 0;
      const body = () => {
        calls += 1;
        return bytesBody(text('again'))();
      };
      await kit.store.write(`${prefix}a`, body, { sizeBytes: 5 });
      await kit.store.write(`${prefix}b`, body, { sizeBytes: 5 });
      expect(calls).toBe(2);
      expect(Buffer.from(await get(`${prefix}b`)).toString()).toBe('again');
    });

    check('keep every legal odd character in keys', async () => {
      const prefix = place();
      const odd = ODD_NAMES.map((value) => `${prefix}${value}`).sort(compareKeys);
      for (const key of odd) await put(key, text(key));
      expect(await keys(prefix)).toEqual(odd);
      for (const key of odd) expect(Buffer.from(await get(key)).toString()).toBe(key);
      expect(await kit.store.removeMany(odd)).toEqual([]);
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

    check('vouch in stat() and read() for the checksum that the store declares', async () => {
      const bytes = randomBytes(5000);
      const key = `${place()}sum`;
      await put(key, bytes);
      const declared = kit.store.capabilities.checksum;
      const checksums = (await kit.store.stat(key))?.checksums ?? {};
      if (declared !== undefined) expect(checksums[declared]).toMatch(/^[0-9a-f]{16,64}$/);
      const { info } = await kit.store.read(key);
      if (declared !== undefined) expect(info.checksums?.[declared]).toBe(checksums[declared]);
      if (checksums.md5) expect(checksums.md5).toBe(createHash('md5').update(bytes).digest('hex'));
      if (checksums.crc32) expect(checksums.crc32).toBe(crc32Of(bytes));
    });
  });

  describe('source stamp', () => {
    check('carries the time of the source, and its ETag where declared', async () => {
      const key = `${place()}copy`;
      const source = { etag: 'abc-"7"', lastModified: new Date('2025-03-04T05:06:07.890Z') };
      await put(key, text('copy'), { source });
      const { sourceEtagKept, sourceTimeListed, sourceStampListed } = kit.store.capabilities;
      const stat = await kit.store.stat(key);
      const [listed] = await Array.fromAsync(kit.store.list(key));
      if (sourceEtagKept) expect(stat?.source).toEqual(source);
      if (sourceEtagKept) expect((await kit.store.read(key)).info.source).toEqual(source);
      if (sourceTimeListed) expect(stat?.lastModified).toEqual(source.lastModified);
      if (sourceTimeListed) expect(listed?.lastModified).toEqual(source.lastModified);
      if (sourceStampListed) expect(listed?.source).toEqual(source);
      expect(sourceEtagKept || sourceTimeListed).toBe(true);
    });

    check('is absent from an object that is no copy', async () => {
      const key = `${place()}original`;
      await put(key, text('original'));
      expect((await kit.store.stat(key))?.source).toBeUndefined();
    });

    check('stays with a large object', async () => {
      const key = `${place()}large`;
      const source = { etag: 'large', lastModified: new Date('2025-03-04T05:06:07Z') };
      await put(key, randomBytes(LARGE_SIZE_BYTES), { source });
      const stat = await kit.store.stat(key);
      if (kit.store.capabilities.sourceEtagKept) expect(stat?.source).toEqual(source);
      if (kit.store.capabilities.sourceTimeListed)
        expect(stat?.lastModified).toEqual(source.lastModified);
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
