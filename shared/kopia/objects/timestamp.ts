/** A moment to the nanosecond. Kopia writes RFC 3339 with up to 9 fraction digits and any zone. */
export interface Timestamp {
  /** Without what a `Date` cannot hold, rounded down. */
  readonly date: Date;
  /** Nanoseconds since 1970. */
  readonly ns: bigint;
}

const [ZERO, PLUS, MINUS, DOT, COLON, TEE, ZED] = [48, 43, 45, 46, 58, 84, 90];

/**
 * `undefined` when `text` is no time of RFC 3339, or one that does not exist (30 February). Written
 * without a pattern: a directory of a million entries has a million of them. Never throws.
 */
export function parseTimestamp(text: unknown): Timestamp | undefined {
  if (typeof text !== 'string' || text.length < 20 || text.length > 64) return undefined;
  const year = number(text, 0, 2) * 100 + number(text, 2, 2);
  const month = number(text, 5, 2);
  const day = number(text, 8, 2);
  const [hour, minute, second] = [number(text, 11, 2), number(text, 14, 2), number(text, 17, 2)];
  if (!(hour < 24 && minute < 60 && second < 60) || !hasSeparators(text)) return undefined;
  const days = daysSince1970(year, month, day);
  if (days === undefined) return undefined;
  let at = 19;
  let fractionNs = 0;
  if (text.charCodeAt(at) === DOT) {
    let unitNs = 100_000_000;
    for (at += 1; isDigit(text, at); at += 1) {
      fractionNs += (text.charCodeAt(at) - ZERO) * unitNs;
      unitNs = Math.floor(unitNs / 10);
    }
    if (at === 20) return undefined;
  }
  const zone = zoneMinutes(text, at);
  if (zone === undefined) return undefined;
  const wholeMs = (((days * 24 + hour) * 60 + minute - zone) * 60 + second) * 1000;
  return {
    date: new Date(wholeMs + Math.floor(fractionNs / 1_000_000)),
    ns: BigInt(wholeMs) * 1_000_000n + BigInt(fractionNs),
  };
}

/** NaN, which is below nothing, where there is no digit. */
function number(text: string, at: number, digits: number): number {
  let value = 0;
  for (let place = at; place < at + digits; place += 1) {
    if (!isDigit(text, place)) return Number.NaN;
    value = value * 10 + text.charCodeAt(place) - ZERO;
  }
  return value;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at) - ZERO;
  return code >= 0 && code <= 9;
}

function hasSeparators(text: string): boolean {
  return (
    text.charCodeAt(4) === MINUS &&
    text.charCodeAt(7) === MINUS &&
    text.charCodeAt(10) === TEE &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON
  );
}

function daysSince1970(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  // Unlike Date.UTC this takes the years 0 to 99 as they are: Go's zero time is in the year 1.
  const ms = date.setUTCFullYear(year, month - 1, day);
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exists ? ms / 86_400_000 : undefined;
}

/** Minutes east of Greenwich; the zone must be the end of the text. */
function zoneMinutes(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at);
  if (sign === ZED) return text.length === at + 1 ? 0 : undefined;
  if ((sign !== PLUS && sign !== MINUS) || text.length !== at + 6) return undefined;
  const [hours, minutes] = [number(text, at + 1, 2), number(text, at + 4, 2)];
  if (!(hours < 24 && minutes < 60) || text.charCodeAt(at + 3) !== COLON) return undefined;
  return (sign === MINUS ? -1 : 1) * (hours * 60 + minutes);
}
