/**
 * Reading what Go wrote as JSON: an absent member and `null` are the zero value, and here
 * `undefined`; any other type than the one expected is a fault.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

/** JSON that is not what it must be; the message says which member, never its value. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
}

/**
 * Own members only: `JSON.parse` makes `__proto__` an own member like any other, so that no text
 * changes what an object is.
 * @throws JsonFault
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    // Without its cause: that quotes the text, which may hold keys.
    throw new JsonFault('it is no JSON');
  }
  if (!isObject(value)) throw new JsonFault('it is no JSON object');
  return value;
}

/** @throws JsonFault, as all the following do. */
export function textOf(object: JsonObject, name: string): string | undefined {
  return member(object, name, 'text', (value) => typeof value === 'string');
}

export function flagOf(object: JsonObject, name: string): boolean | undefined {
  return member(object, name, 'true or false', (value) => typeof value === 'boolean');
}

/** A whole number of at least 0; durations in nanoseconds may lose their last digits. */
export function countOf(object: JsonObject, name: string): number | undefined {
  return member(object, name, 'whole number', (value): value is number => {
    return typeof value === 'number' && Number.isInteger(value) && value >= 0;
  });
}

/** Padded standard base64, as Go writes bytes. */
export function bytesOf(object: JsonObject, name: string): Buffer | undefined {
  const text = textOf(object, name);
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new JsonFault(`its member "${name}" is no base64`);
  return bytes;
}

export function objectOf(object: JsonObject, name: string): JsonObject | undefined {
  return member(object, name, 'object', isObject);
}

export function listOf(object: JsonObject, name: string): readonly JsonObject[] | undefined {
  return member(object, name, 'list of objects', (value): value is readonly JsonObject[] => {
    return Array.isArray(value) && value.every(isObject);
  });
}

/** A time of RFC 3339, to the millisecond; Go's zero time (year 1) is no time. */
export function timeOf(object: JsonObject, name: string): Date | undefined {
  const text = textOf(object, name);
  if (text === undefined || text.startsWith('0001-01-01T')) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new JsonFault(`its member "${name}" is no time`);
  return time;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member<T>(
  object: JsonObject,
  name: string,
  kind: string,
  fits: (value: unknown) => value is T,
): T | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (!fits(value)) throw new JsonFault(`its member "${name}" is no ${kind}`);
  return value;
}
