/**
 * BLAKE3's derive-key mode, which hash-wasm lacks, for the one block that stretching a short secret
 * takes: context and material of 64 bytes at most. Source: the BLAKE3 paper, sections 2.1 to 2.6.
 */
const BLOCK_BYTES = 64;

const IV = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
/** Columns, then diagonals, of the state of four times four words. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const ROUNDS = 7;

const CHUNK_START = 1;
const CHUNK_END = 2;
const ROOT = 8;
const DERIVE_KEY_CONTEXT = 32;
const DERIVE_KEY_MATERIAL = 64;

/**
 * @returns 32 bytes.
 * @throws RangeError when context or material is longer than one block.
 */
export function blake3DeriveKey(context: string, material: Uint8Array): Uint8Array {
  const contextKey = hashBlock(IV, Buffer.from(context, 'utf8'), DERIVE_KEY_CONTEXT);
  return toBytes(hashBlock(contextKey, material, DERIVE_KEY_MATERIAL));
}

function hashBlock(key: Uint32Array, input: Uint8Array, mode: number): Uint32Array {
  if (input.length > BLOCK_BYTES) throw new RangeError('one block of BLAKE3 has 64 bytes');
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(input);
  let words = Uint32Array.from({ length: 16 }, (_, i) => block.readUInt32LE(4 * i));
  const flags = mode | CHUNK_START | CHUNK_END | ROOT;
  // The counter of output blocks (two words) is 0: 32 bytes are the first half of the first one.
  const state = Uint32Array.of(...key, ...IV.subarray(0, 4), 0, 0, input.length, flags);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, quarter] of QUARTERS.entries()) {
      mix(state, quarter, words[2 * i] ?? 0, words[2 * i + 1] ?? 0);
    }
    const before = words;
    words = Uint32Array.from(PERMUTATION, (from) => before[from] ?? 0);
  }
  return Uint32Array.from({ length: 8 }, (_, i) => (state[i] ?? 0) ^ (state[i + 8] ?? 0));
}

function mix(
  state: Uint32Array,
  [a, b, c, d]: readonly [number, number, number, number],
  x: number,
  y: number,
): void {
  const add = (to: number, from: number, more: number): void => {
    state[to] = (state[to] ?? 0) + (state[from] ?? 0) + more;
  };
  const turn = (to: number, from: number, bits: number): void => {
    const word = (state[to] ?? 0) ^ (state[from] ?? 0);
    state[to] = (word >>> bits) | (word << (32 - bits));
  };
  add(a, b, x);
  turn(d, a, 16);
  add(c, d, 0);
  turn(b, c, 12);
  add(a, b, y);
  turn(d, a, 8);
  add(c, d, 0);
  turn(b, c, 7);
}

function toBytes(words: Uint32Array): Uint8Array {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 4 * i);
  return bytes;
}
