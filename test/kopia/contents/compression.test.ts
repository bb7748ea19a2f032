import { constants, deflateRawSync, gzipSync, type ZstdOptions, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  compressionName,
  DecompressionError,
  type DecompressionReason,
  decompress,
  decompressFramed,
} from '../../../shared/kopia/contents/compression.ts';
import {
  BOMB_KINDS,
  bomb,
  COMPRESSIONS,
  compress,
  frame,
} from '../../support/kopia-writer/compression.ts';

const GZIP = COMPRESSIONS.gzip;
const ZSTD = COMPRESSIONS.zstd;
const DEFLATE = COMPRESSIONS['deflate-default'];
const TEXT = Buffer.from('a dry dock '.repeat(1000));

function refusal(work: () => unknown): DecompressionReason | 'none' {
  try {
    work();
    return 'none';
  } catch (error) {
    if (error instanceof DecompressionError) return error.reason;
    throw error;
  }
}

describe('decompress()', () => {
  test.each(['gzip', 'pgzip', 'zstd', 's2-default', 'deflate-default'] as const)(
    'undoes %s, up to the last byte that is allowed',
    (name) => {
      const stream = compress(name, TEXT);
      const id = COMPRESSIONS[name];
      expect(decompress(id, stream, TEXT.length).equals(TEXT)).toBe(true);
      expect(decompressFramed(frame(id, stream), TEXT.length).equals(TEXT)).toBe(true);
      expect(refusal(() => decompress(id, stream, TEXT.length - 1))).toBe('decompression-bomb');
      expect(refusal(() => decompress(id, stream, 0))).toBe('decompression-bomb');
      expect(decompress(id, compress(name, Buffer.alloc(0)), 0)).toHaveLength(0);
    },
  );

  test.each(['gzip', 'zstd', 's2-default', 'deflate-default'] as const)(
    'refuses %s cut anywhere',
    (name) => {
      const stream = compress(name, TEXT);
      const ends = [...stream.keys()].slice(name === 'zstd' || name === 's2-default' ? 1 : 0);
      for (const end of ends.filter((at) => at < 60 || at % 97 === 0 || at > stream.length - 9)) {
        // S2 is whole at the end of any chunk: the length of the content finds what is missing.
        if (name === 's2-default' && end === 10) continue;
        const cut = stream.subarray(0, end);
        expect(
          refusal(() => decompress(COMPRESSIONS[name], cut, 1 << 20)),
          `${end}`,
        ).toBe('decompression-failed');
      }
    },
  );

  test.each(BOMB_KINDS)('stops a bomb of %s where the content should end', (kind) => {
    const stream = bomb(kind, 128);
    const before = process.memoryUsage().arrayBuffers;
    expect(refusal(() => decompress(COMPRESSIONS[kind], stream, 64 << 10))).toBe(
      'decompression-bomb',
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 << 20);
  });

  test('joins the members and frames that Kopia joins', () => {
    const twice = Buffer.concat([TEXT, TEXT]);
    const members = Buffer.concat([gzipSync(TEXT), gzipSync(Buffer.alloc(0)), gzipSync(TEXT)]);
    expect(decompress(GZIP, members, twice.length).equals(twice)).toBe(true);
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const frames = Buffer.concat([zstdCompressSync(TEXT), skippable, zstdCompressSync(TEXT)]);
    expect(decompress(ZSTD, frames, twice.length).equals(twice)).toBe(true);
    expect(refusal(() => decompress(ZSTD, frames, twice.length - 1))).toBe('decompression-bomb');
    expect(refusal(() => decompress(GZIP, members, twice.length - 1))).toBe('decompression-bomb');
  });

  test.each([
    ['text behind gzip', GZIP, gzipSync(TEXT), 'garbage', 'decompression-failed'],
    ['zeros behind gzip', GZIP, gzipSync(TEXT), '\0\0\0\0\0\0\0\0', 'decompression-failed'],
    ['text behind zstd', ZSTD, zstdCompressSync(TEXT), 'garbage', 'decompression-failed'],
    ['zeros behind zstd', ZSTD, zstdCompressSync(TEXT), '\0\0\0\0\0\0', 'decompression-failed'],
    ['text behind deflate, which ends by itself', DEFLATE, deflateRawSync(TEXT), 'x', 'none'],
  ])('judges %s as Kopia does', (_, id, stream, tail, expected) => {
    const bytes = Buffer.concat([stream, Buffer.from(tail)]);
    expect(refusal(() => decompress(id, bytes, TEXT.length))).toBe(expected);
  });

  test('refuses a window that no release wrote, since it costs its size in memory', () => {
    // Frames take the smallest window that holds their content, so that each is just above one.
    const withWindow = (log: number) => {
      const options: ZstdOptions = { params: { [constants.ZSTD_c_windowLog]: log } };
      return zstdCompressSync(Buffer.alloc((1 << (log - 1)) + 1), options);
    };
    expect(refusal(() => decompress(ZSTD, withWindow(25), 40 << 20))).toBe('none');
    expect(refusal(() => decompress(ZSTD, withWindow(26), 40 << 20))).toBe('decompression-failed');
  });

  test('refuses a stream of empty frames before it takes for ever', () => {
    const empty = zstdCompressSync(Buffer.alloc(0));
    const stream = Buffer.concat(Array<Buffer>(1100).fill(empty));
    expect(refusal(() => decompress(ZSTD, stream, 100))).toBe('decompression-failed');
  });

  test.each([0x1400, 0x1104, 0x1600, 0, 0xffffffff])('knows no decoder for %d', (id) => {
    expect(refusal(() => decompress(id, TEXT, 1 << 20))).toBe('compression-unsupported');
  });

  test('refuses a frame without a header', () => {
    expect(refusal(() => decompressFramed(Buffer.from([0, 0, 0x10]), 9))).toBe(
      'decompression-failed',
    );
  });
});

describe('compressionName()', () => {
  test.each([
    [0x1000, 'gzip'],
    [0x1103, 'zstd-best-compression'],
    [0x1400, 'lz4'],
    [0x1777, '0x1777'],
  ])('of %d is %s', (id, name) => {
    expect(compressionName(id)).toBe(name);
  });
});
