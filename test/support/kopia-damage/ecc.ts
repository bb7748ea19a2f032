/** Where error correction puts its shards (reference 3.4), to hit one kind of them and not another. */

const CRC_BYTES = 4;

/** Data and parity shards and the largest shard, of the overheads that fixtures have. */
const SHAPES: Readonly<Record<number, readonly [data: number, parity: number, max: number]>> = {
  1: [254, 2, 1024],
  2: [164, 2, 512],
  10: [128, 4, 64],
  50: [128, 56, 64],
};

export interface Shards {
  readonly parity: number;
  /** Bytes of a shard with its checksum. */
  readonly strideBytes: number;
  readonly blocks: number;
  /** Where the data shards begin. */
  readonly dataOffset: number;
}

/** How bytes of this length were cut. */
export function shardsOf(storedBytes: number, percent: number): Shards {
  const [data, parity, max] = SHAPES[percent] ?? [];
  if (data === undefined || parity === undefined || max === undefined) {
    throw new Error(`cannot tell the shards of ${percent} %`);
  }
  const fewBytesMax = 8 * (CRC_BYTES + Math.ceil((8 * (data + parity)) / 6));
  if (storedBytes <= fewBytesMax) {
    const strideBytes = Math.max(Math.ceil(storedBytes / 8), CRC_BYTES + 1);
    return { parity: 2, strideBytes, blocks: 1, dataOffset: 2 * strideBytes };
  }
  const blockBytes = (data + parity) * (CRC_BYTES + max);
  if (storedBytes <= blockBytes) {
    const strideBytes = Math.ceil(storedBytes / (data + parity));
    return { parity, strideBytes, blocks: 1, dataOffset: parity * strideBytes };
  }
  const blocks = Math.ceil(storedBytes / blockBytes);
  const strideBytes = CRC_BYTES + max;
  return { parity, strideBytes, blocks, dataOffset: blocks * parity * strideBytes };
}

/** The bytes that were protected, of a whole input: checksums and parity are passed over. */
export function openShards(stored: Buffer, percent: number): Buffer {
  const { strideBytes, dataOffset } = shardsOf(stored.length, percent);
  const parts: Buffer[] = [];
  for (let start = dataOffset; start < stored.length; start += strideBytes) {
    parts.push(stored.subarray(start + CRC_BYTES, start + strideBytes));
  }
  const joined = Buffer.concat(parts);
  return joined.subarray(4, 4 + joined.readUInt32BE());
}
