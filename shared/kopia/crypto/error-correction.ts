import { crc32 } from 'node:zlib';
import { SealError } from './seal-error.ts';

/** The one error correction that Kopia has; it lies outside the encryption. */
export const ECC_ALGORITHM = 'REED-SOLOMON-CRC32';

const CRC_BYTES = 4;
const LENGTH_BYTES = 4;
/** Of small inputs. */
const FEW = { dataShards: 6, parityShards: 2 };

/** How many shards a block has, and how large one may be, for a share of space. */
export interface EccShape {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shardBytesMax: number;
}

/** Largest shard by overhead in percent; every larger overhead has 64 bytes. */
const SHARD_BYTES: readonly (readonly [overheadPercent: number, bytes: number])[] = [
  [1, 1024],
  [2, 512],
  [3, 256],
  [6, 128],
];

/**
 * Kopia's own arithmetic, in 32-bit floats. Source: Kopia v0.23.1, repo/ecc.
 * @param overheadPercent 1 to 100.
 */
export function eccShape(overheadPercent: number): EccShape {
  const shardBytesMax = SHARD_BYTES.find(([limit]) => overheadPercent <= limit)?.[1] ?? 64;
  const { fround } = Math;
  const crcPercent = fround((100 * CRC_BYTES) / shardBytesMax);
  const freePercent = Math.max(fround(overheadPercent - crcPercent), fround(0.01));
  const parityShards = clamp(Math.floor(128 * fround(freePercent / 100)), 1, 128);
  if (parityShards > 1) return { dataShards: 128, parityShards, shardBytesMax };
  const dataShards = clamp(Math.floor(2 * fround(100 / freePercent)), 128, 254);
  return { dataShards, parityShards: 2, shardBytesMax };
}

interface Layout {
  readonly parityShards: number;
  readonly shardBytes: number;
  readonly blocks: number;
}

/** What the length alone says of how stored bytes are cut. */
function layoutOf(storedBytes: number, shape: EccShape): Layout {
  const { dataShards, parityShards, shardBytesMax } = shape;
  const shards = dataShards + parityShards;
  const few = FEW.dataShards + FEW.parityShards;
  const fewBytesMax = few * (CRC_BYTES + Math.ceil((2 * CRC_BYTES * shards) / FEW.dataShards));
  const oneBlock = (count: number): number => Math.max(Math.ceil(storedBytes / count), 5) - 4;
  if (storedBytes <= fewBytesMax) {
    return { parityShards: FEW.parityShards, shardBytes: oneBlock(few), blocks: 1 };
  }
  const blockBytes = shards * (CRC_BYTES + shardBytesMax);
  if (storedBytes <= blockBytes) return { parityShards, shardBytes: oneBlock(shards), blocks: 1 };
  return { parityShards, shardBytes: shardBytesMax, blocks: Math.ceil(storedBytes / blockBytes) };
}

/**
 * Takes the data shards out of what Kopia stored, each against its checksum. Parity is passed over:
 * it is needed only for what this refuses, and damage there costs no content.
 * @throws SealError `ecc-damaged` where Kopia would try to repair; `too-short`.
 */
export function stripParity(stored: Uint8Array, shape: EccShape): Buffer {
  const { parityShards, shardBytes, blocks } = layoutOf(stored.length, shape);
  const data = stored.subarray(parityShards * (CRC_BYTES + shardBytes) * blocks);
  const shards = Math.ceil(data.length / (CRC_BYTES + shardBytes));
  const plainBytes = data.length - shards * CRC_BYTES;
  if (plainBytes < LENGTH_BYTES) throw new SealError('too-short');
  const plain = Buffer.allocUnsafe(plainBytes);
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  for (let from = 0, to = 0; from < data.length; from += CRC_BYTES + shardBytes) {
    const shard = view.subarray(from + CRC_BYTES, from + CRC_BYTES + shardBytes);
    if (from + CRC_BYTES > data.length) throw new SealError('too-short');
    if (view.readUInt32BE(from) !== paddedCrc(shard, shardBytes))
      throw new SealError('ecc-damaged');
    to += shard.copy(plain, to);
  }
  const lengthBytes = plain.readUInt32BE(0);
  if (lengthBytes > plainBytes - LENGTH_BYTES) throw new SealError('too-short');
  return plain.subarray(LENGTH_BYTES, LENGTH_BYTES + lengthBytes);
}

/** The zeros that fill the last shard of several blocks are not stored, but count. */
function paddedCrc(shard: Uint8Array, shardBytes: number): number {
  const crc = crc32(shard);
  return shard.length === shardBytes ? crc : crc32(Buffer.alloc(shardBytes - shard.length), crc);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
