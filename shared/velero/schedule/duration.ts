const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const NANOSECONDS_MAX = 2n ** 63n - 1n;
const PART = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|s|m|h)/y;
/** Far more than any duration needs; longer numbers cost time (S10). */
const LENGTH_MAX = 200;

/**
 * Reads a duration as Go writes it, e.g. "1h30m" or "720h0m0s".
 * @returns nanoseconds, or `undefined` where Go's time.ParseDuration refuses.
 */
export function parseGoDuration(text: string): bigint | undefined {
  if (text.length > LENGTH_MAX) return undefined;
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0n;
  let sum = 0n;
  PART.lastIndex = 0;
  while (PART.lastIndex < rest.length) {
    const [, whole = '', fraction, bareFraction, unit = ''] = PART.exec(rest) ?? [];
    const size = NANOSECONDS[unit];
    if (size === undefined) return undefined;
    const digits = fraction ?? bareFraction ?? '';
    sum += BigInt(whole) * size + fractionOf(size, digits);
  }
  if (rest === '' || sum > NANOSECONDS_MAX) return undefined;
  return sign === '-' ? -sum : sum;
}

/** In floating point, as Go does it: nines enough make a whole. */
function fractionOf(size: bigint, digits: string): bigint {
  const counted = digits.slice(0, FRACTION_DIGITS_MAX);
  return BigInt(Math.trunc(Number(counted) * (Number(size) / 10 ** counted.length)));
}

/** So many digits fit into Go's integers, whatever they are. */
const FRACTION_DIGITS_MAX = 18;
