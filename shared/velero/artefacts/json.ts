/** JSON that somebody else wrote: parsed within limits, then asked for one value after the other. */

/** A parsed value takes some 100 bytes however short its text is: `[]` or `{}` by the million. */
export const JSON_MARKS_MAX = 2_000_000;

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly isTooLarge: boolean; readonly reason: string };

/**
 * Parses the whole of `bytes`. Members such as `__proto__` become ordinary own members, and every
 * accessor below looks at own members alone, so that nothing can be polluted.
 * @param marksMax how many values the text may hold, to bound the memory of the parsed value.
 */
export function parseJson(bytes: Uint8Array, marksMax: number = JSON_MARKS_MAX): ParsedJson {
  if (marksIn(bytes) > marksMax) {
    const reason = `it holds more than ${marksMax} JSON values`;
    return { ok: false, isTooLarge: true, reason };
  }
  try {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { ok: true, value: JSON.parse(view.toString('utf8')) };
  } catch {
    // The parser's own words quote the text, which may be a secret.
    return { ok: false, isTooLarge: false, reason: 'it is no JSON' };
  }
}

/** The characters that begin or part values; within strings they count too, which is harmless. */
function marksIn(json: Uint8Array): number {
  let marks = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b) marks += 1;
  }
  return marks;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at the end of `path`, through own members alone. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) {
      return undefined;
    }
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current;
}

/** Kubernetes limits names to 253 characters and label values to 63; messages are longer. */
const TEXT_LENGTH_MAX = 16 * 1024;

/** A text that is not empty; Go leaves out empty ones or writes `""`, and means the same. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  if (typeof found !== 'string' || found === '') return undefined;
  return found.length > TEXT_LENGTH_MAX ? found.slice(0, TEXT_LENGTH_MAX) : found;
}

/** A whole number from 0 on. */
export function countAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : undefined;
}

export function flagAt(value: unknown, ...path: readonly string[]): boolean | undefined {
  const found = at(value, ...path);
  return typeof found === 'boolean' ? found : undefined;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** A time in RFC 3339, as the API server writes them. */
export function timeAt(value: unknown, ...path: readonly string[]): Date | undefined {
  const found = at(value, ...path);
  if (typeof found !== 'string' || !RFC_3339.test(found)) return undefined;
  const time = new Date(found);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** The texts of a list; what is no text is left out. */
export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) return [];
  return found.filter((item): item is string => typeof item === 'string');
}

/** Labels, annotations: what is no text is left out. */
export function textMapAt(value: unknown, ...path: readonly string[]): ReadonlyMap<string, string> {
  const found = at(value, ...path);
  if (!isObject(found)) return new Map();
  return new Map(
    Object.entries(found).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}

/** A value as a text for a message: short, and with everything odd escaped. */
export function shown(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  // JSON leaves those above ASCII as they are: a terminal may obey them, or write backwards.
  return JSON.stringify(short).replace(
    CONTROLS,
    (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`,
  );
}

/** Control characters, and those without a shape that change how others are shown. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
