/** CRC-64/NVME in its reflected form, as in `checksum.ts`. */
const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
/** x^0, since the highest power stands in the lowest bit. */
const ONE = 1n << 63n;

/** x^(2^n) modulo the polynomial, by n. */
const POWERS: bigint[] = [ONE >> 1n];

/** A checksum, and how many bytes it is of. */
export interface CrcPiece {
  /** Hex, as in `Checksums`. */
  readonly crc64nvme: string;
  readonly lengthBytes: number;
}

/**
 * The checksum of pieces put together, from theirs alone: a checksum is a remainder, and appending n
 * bytes multiplies the one before by x^8n (zlib's `crc32_combine`, for another polynomial).
 */
export function combineCrc64(pieces: readonly CrcPiece[]): string {
  const whole = pieces.reduce(
    (before, { crc64nvme, lengthBytes }) =>
      multiply(powerOf(lengthBytes), before) ^ BigInt(`0x${crc64nvme}`),
    0n,
  );
  return whole.toString(16).padStart(16, '0');
}

/** The same checksum as the other vendor writes it: S3 begins with the most significant byte. */
export function reversedBytes(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex').reverse();
}

/** x^(8 * lengthBytes) modulo the polynomial. */
function powerOf(lengthBytes: number): bigint {
  let power = ONE;
  let exponent = 3;
  for (let rest = BigInt(lengthBytes); rest > 0n; rest >>= 1n, exponent += 1) {
    if ((rest & 1n) === 1n) power = multiply(squared(exponent), power);
  }
  return power;
}

function squared(exponent: number): bigint {
  while (POWERS.length <= exponent) {
    const last = POWERS.at(-1) ?? ONE;
    POWERS.push(multiply(last, last));
  }
  return POWERS[exponent] ?? ONE;
}

function multiply(left: bigint, right: bigint): bigint {
  let product = 0n;
  let factor = right;
  for (let bit = ONE; bit > 0n; bit >>= 1n) {
    if ((left & bit) !== 0n) product ^= factor;
    factor = (factor & 1n) === 1n ? (factor >> 1n) ^ POLYNOMIAL : factor >> 1n;
  }
  return product;
}
