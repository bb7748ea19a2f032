import { createHash, randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { ReplayableBody } from '../../shared/stores/store.ts';
import { type ContractKit, LARGE_SIZE_BYTES } from './kit.ts';

/** Large bodies whose MD5 is known beforehand, which a store may pass on without parts. */
export function knownMd5Cases(kit: ContractKit): void {
  const { check, place, get, keys, fails } = kit;
  const bytes = randomBytes(LARGE_SIZE_BYTES);
  const md5 = createHash('md5').update(bytes).digest('hex');
  const options = { sizeBytes: bytes.length, expect: { md5 } };

  /** The bytes in small pieces; `until` ends them early, `then` comes behind them. */
  const pieces = (until = bytes.length, then?: () => Uint8Array): ReplayableBody =>
    async function* () {
      for (let at = 0; at < until; at += 65_536)
        yield bytes.subarray(at, Math.min(at + 65_536, until));
      if (then !== undefined) yield then();
    };
  const broken = (): Uint8Array => {
    throw new Error('the source broke');
  };

  describe('large bodies of a known MD5', () => {
    check('arrive whole, with their stamp', async () => {
      const key = `${place()}pack`;
      const source = { etag: 'abc', lastModified: new Date('2025-03-04T05:06:07Z') };
      const written = await kit.store.write(key, pieces(), { ...options, source });
      expect(written).toMatchObject({ key, sizeBytes: bytes.length });
      const arrived = await get(key);
      expect(createHash('md5').update(arrived).digest('hex')).toBe(md5);
      const stat = await kit.store.stat(key);
      expect(stat?.etag).toBe(written.etag);
      if (kit.store.capabilities.sourceEtagKept) expect(stat?.source).toEqual(source);
    });

    check('of another MD5 are corrupt, and what was there stays', async () => {
      const key = `${place()}pack`;
      await kit.store.write(key, pieces(), options);
      const other = randomBytes(LARGE_SIZE_BYTES);
      async function* body(): AsyncGenerator<Uint8Array> {
        yield other;
      }
      await fails('corrupt', () => kit.store.write(key, body, options));
      await fails('corrupt', () => kit.store.write(`${key}-new`, body, options));
      expect(await keys(key)).toEqual([key]);
      expect(Buffer.from(await get(key)).equals(bytes)).toBe(true);
    });

    check('that are too short, too long or broken off leave nothing visible', async () => {
      const prefix = place();
      const write = (body: ReplayableBody) => kit.store.write(`${prefix}pack`, body, options);
      await fails('invalid', () => write(pieces(bytes.length - 1)));
      await fails('invalid', () => write(pieces(bytes.length, () => Buffer.from('more'))));
      for (const until of [0, 9 * 1024 * 1024, bytes.length]) {
        await expect(write(pieces(until, broken))).rejects.toThrow('the source broke');
      }
      expect(await keys(prefix)).toEqual([]);
      await write(pieces());
      expect(await keys(prefix)).toEqual([`${prefix}pack`]);
    });

    check('that are aborted reject with the reason and leave nothing visible', async () => {
      const prefix = place();
      for (const until of [0, 12 * 1024 * 1024]) {
        const abort = new AbortController();
        const reason = new Error('stop now');
        const body = pieces(until, () => {
          abort.abort(reason);
          return bytes.subarray(until);
        });
        const call = kit.store.write(`${prefix}pack`, body, { ...options, signal: abort.signal });
        await expect(call).rejects.toBe(reason);
      }
      expect(await keys(prefix)).toEqual([]);
    });

    check('fail by the names of what went wrong', async () => {
      const refusals = [
        ['denied', 'denied'],
        ['bucketAbsent', 'bucket_not_found'],
        ['unreachable', 'unreachable'],
        ['throttled', 'throttled'],
      ] as const;
      for (const [kind, code] of refusals) {
        // Which of them a subject must bring is for the cases of faults to say.
        const on = kit.subject[kind];
        if (on !== undefined) {
          await fails(code, () => on.write(`${place()}pack`, pieces(), options));
        }
      }
    });
  });
}
