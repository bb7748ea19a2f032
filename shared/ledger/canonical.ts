import { createHash } from 'node:crypto';

/** Any value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** Deeper than anything of ours; what is handed over is often a stranger's. */
const DEPTH_MAX = 64;

/**
 * The one text of a value, as RFC 8785 has it: names in the order of their UTF-16 code units, no
 * white space, numbers as ECMAScript writes them. Names without a value are left out.
 * @throws TypeError for what is no JSON: NaN, functions, a nesting of more than 64 levels
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/** Hex of the SHA-256. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Whether a text has the shape of `sha256Hex`. */
export function isSha256Hex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new TypeError(`JSON is nested deeper than ${DEPTH_MAX} levels`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('A number of JSON is finite');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item: unknown) => write(item, depth + 1)).join(',')}]`;
  }
  if (typeof value !== 'object' || !isPlain(value)) {
    throw new TypeError(`A ${typeof value} of this kind has no place in JSON`);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${write(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

/** A Date or a Map would become "{}" or lose what it says. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
