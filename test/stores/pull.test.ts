import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../shared/stores/memory.ts';
import { decidePull, judgedBySource, piecesOf, requiredProof } from '../../shared/stores/pull.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';
import { systemClock } from '../support/clock.ts';

const info = { key: 'k', etag: 'e', sizeBytes: 100, lastModified: new Date(0) };

describe('decidePull()', () => {
  const limits = { crc64nvmeBytesMax: 1000, md5BytesMax: 200 };
  const decide = (sizeBytes: number, checksums: Record<string, string>) =>
    decidePull({ ...info, sizeBytes, checksums }, limits);
  const both = { crc64nvme: '0', md5: '0' };

  test('prefers the checksum that parts can be proven by', () => {
    expect(decide(100, both)).toEqual({ way: 'pull', proof: 'crc64nvme' });
    expect(decide(100, { md5: '0' })).toEqual({ way: 'pull', proof: 'md5' });
  });

  test('says why an object is streamed', () => {
    const tooLarge = { way: 'stream', reason: 'it is too large for what proves its bytes' };
    expect(decide(201, { md5: '0' })).toEqual(tooLarge);
    expect(decide(1001, both)).toEqual(tooLarge);
    expect(decide(100, { sha256: '0', crc32: '0' })).toEqual({
      way: 'stream',
      reason: 'its store vouches for neither CRC64NVME nor MD5 of the whole',
    });
    const cold = decidePull({ ...info, checksums: both, storageClass: 'Archive' }, limits);
    expect(cold).toEqual({ way: 'stream', reason: 'it lies in an archive tier' });
    expect(() => requiredProof('s3://b/k', cold)).toThrow(
      'Cannot pull "s3://b/k": it lies in an archive tier',
    );
  });
});

test('piecesOf() covers an object once, within the limits', () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 1e13 }),
    fc.integer({ min: 1, max: 1000 }),
    (sizeBytes, piecesMax) => {
      const pieceBytes = 8 * 1024 * 1024;
      const pieces = piecesOf(
        sizeBytes,
        Math.max(pieceBytes, Math.ceil(sizeBytes / 1e5)),
        piecesMax,
      );
      expect(pieces.length).toBeLessThanOrEqual(piecesMax);
      let end = 0;
      for (const { offsetBytes, lengthBytes } of pieces) {
        expect(offsetBytes).toBe(end);
        expect(lengthBytes).toBeGreaterThan(0);
        end += lengthBytes;
      }
      expect(end).toBe(sizeBytes);
    },
  );
  fc.assert(property, { numRuns: 200 });
});

describe('judgedBySource()', () => {
  const error = (code: StoreErrorCode) => new StoreError(code, 'Cannot pull');
  const reader = (answer: () => Promise<typeof info | undefined>) => ({
    url: 's3://source',
    stat: answer,
  });

  test('finds the source gone or another one, and believes no error that it is', async () => {
    const gone = reader(async () => undefined);
    const other = reader(async () => ({ ...info, etag: 'f' }));
    const there = reader(async () => info);
    for (const code of ['not_found', 'changed', 'exists', 'corrupt', 'denied'] as const) {
      expect(await judgedBySource(error(code), gone, info, {})).toMatchObject({
        code: 'not_found',
      });
      expect(await judgedBySource(error(code), other, info, {})).toMatchObject({ code: 'changed' });
      expect(await judgedBySource(error(code), there, info, {})).toMatchObject({ code });
    }
  });

  test('asks nothing about failures that the source has no part in', async () => {
    const unasked = reader(() => Promise.reject(new Error('asked')));
    for (const one of [error('throttled'), error('locked'), new Error('bug')]) {
      expect(await judgedBySource(one, unasked, info, {})).toBe(one);
    }
    const aborted = { signal: AbortSignal.abort() };
    const corrupt = error('corrupt');
    expect(await judgedBySource(corrupt, unasked, info, aborted)).toBe(corrupt);
  });

  test('learns nothing from a source that is throttled, and tells when it is denied', async () => {
    const corrupt = error('corrupt');
    const slow = reader(() => Promise.reject(error('throttled')));
    const denied = reader(() => Promise.reject(error('denied')));
    expect(await judgedBySource(corrupt, slow, info, {})).toBe(corrupt);
    expect(await judgedBySource(corrupt, denied, info, {})).toMatchObject({ code: 'denied' });
  });

  test('takes a store for its reader', async () => {
    const store = memoryStore('source', systemClock);
    const judged = await judgedBySource(error('corrupt'), store, info, {});
    expect(judged).toMatchObject({
      code: 'not_found',
      message: 'Cannot pull "memory://source/k": there is no such object',
    });
  });
});
