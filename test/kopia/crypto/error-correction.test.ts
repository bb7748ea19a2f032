import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eccShape, stripParity } from '../../../shared/kopia/crypto/error-correction.ts';

/** Overhead, largest shard, data and parity shards (reference 3.4, of which real ones are fixtures). */
const SHAPES = [
  [1, 1024, 254, 2],
  [2, 512, 164, 2],
  [3, 256, 139, 2],
  [4, 128, 228, 2],
  [5, 128, 128, 2],
  [6, 128, 128, 3],
  [7, 64, 254, 2],
  [8, 64, 128, 2],
  [9, 64, 128, 3],
  [10, 64, 128, 4],
  [15, 64, 128, 11],
  [20, 64, 128, 17],
  [25, 64, 128, 24],
  [50, 64, 128, 56],
  [100, 64, 128, 120],
] as const;

/**
 * What Kopia stores of `plain`, but that the parity is filler: written from its own rules, which go
 * by the length of what is put in, while a reader only has the length of what came out.
 */
function encode(plain: Uint8Array, [, shardBytesMax, data, parity]: (typeof SHAPES)[number]) {
  const bytes = 4 + plain.length;
  const few = bytes <= 8 * (data + parity);
  const one = few || bytes <= data * shardBytesMax;
  const dataShards = few ? 6 : data;
  const shardBytes = one ? Math.ceil(bytes / dataShards) : shardBytesMax;
  const blocks = one ? 1 : Math.ceil(bytes / (data * shardBytesMax));
  const padded = Buffer.alloc(dataShards * shardBytes * blocks);
  padded.writeUInt32BE(plain.length);
  padded.set(plain, 4);
  const parityBytes = (few ? 2 : parity) * (4 + shardBytes) * blocks;
  const pieces: Buffer[] = [Buffer.alloc(parityBytes, 0xee)];
  const storedBytes = one ? padded.length : bytes;
  for (let from = 0; from < storedBytes; from += shardBytes) {
    const shard = padded.subarray(from, from + shardBytes);
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(shard));
    pieces.push(crc, shard.subarray(0, storedBytes - from));
  }
  return { stored: Buffer.concat(pieces), parityBytes };
}

const shapes = fc.constantFrom(...SHAPES);
/** Around the lengths where the layout changes, and anywhere. */
const caseOf = shapes.chain((shape) => {
  const [, shardBytesMax, data, parity] = shape;
  const edges = [0, 8 * (data + parity), data * shardBytesMax, 2 * data * shardBytesMax];
  const near = fc.tuple(fc.constantFrom(...edges), fc.integer({ min: -9, max: 9 }));
  const length = fc.oneof(
    near.map(([edge, off]) => Math.max(0, edge + off)),
    fc.nat({ max: 3 * data * shardBytesMax }),
  );
  return length.map((lengthBytes) => ({
    shape,
    plain: Buffer.from(Uint8Array.from({ length: lengthBytes }, (_, i) => (i * 31 + 7) % 256)),
  }));
});

describe('eccShape()', () => {
  test.each(SHAPES)('of %i percent', (percent, shardBytesMax, dataShards, parityShards) => {
    expect(eccShape(percent)).toEqual({ shardBytesMax, dataShards, parityShards });
  });
});

describe('stripParity()', () => {
  test('takes out what was put in, at every size', () => {
    fc.assert(
      fc.property(caseOf, ({ shape, plain }) => {
        const { stored } = encode(plain, shape);
        expect(stripParity(stored, eccShape(shape[0])).equals(plain)).toBe(true);
      }),
    );
  });

  test('refuses each flipped bit of the data, and passes over those of the parity', () => {
    fc.assert(
      fc.property(caseOf, fc.nat(), (each, where) => {
        const { stored, parityBytes } = encode(each.plain, each.shape);
        const at = where % stored.length;
        stored.writeUInt8(stored.readUInt8(at) ^ 0x10, at);
        const strip = (): Buffer => stripParity(stored, eccShape(each.shape[0]));
        if (at < parityBytes) expect(strip().equals(each.plain)).toBe(true);
        else expect(strip).toThrow(expect.objectContaining({ reason: 'ecc-damaged' }));
      }),
    );
  });

  test('refuses any other bytes with a reason', () => {
    const bytes = fc.uint8Array({ maxLength: 4000 });
    fc.assert(
      fc.property(bytes, shapes, (stored, [percent]) => {
        expect(() => stripParity(stored, eccShape(percent))).toThrow(
          expect.objectContaining({ name: 'SealError' }),
        );
      }),
    );
  });

  test('believes no length that is longer than what is there', () => {
    const shard = Buffer.alloc(1024);
    shard.writeUInt32BE(0xffff_ffff);
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(shard.subarray(0, 5)));
    const data = Buffer.concat([crc, shard.subarray(0, 5)]);
    const zeros = Buffer.alloc(9);
    zeros.writeUInt32BE(crc32(Buffer.alloc(5)));
    const rest = Array.from({ length: 5 }, () => zeros);
    const stored = Buffer.concat([Buffer.alloc(18), data, ...rest]);
    expect(() => stripParity(stored, eccShape(2))).toThrow(
      expect.objectContaining({ reason: 'too-short' }),
    );
  });
});
