/** Says whether a value that was read from somewhere has the shape that the code relies on. */
export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === 'string';
export const isFlag: Check = (value) => typeof value === 'boolean';
/** JSON knows no other numbers; what was one becomes `null`. */
export const isNumber: Check = Number.isFinite;
/** Whatever `Date` reads, so that no comparison of times is one with NaN. */
export const isTime: Check = (value) =>
  typeof value === 'string' && Number.isFinite(Date.parse(value));

export function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

export function oneOf(values: readonly string[]): Check {
  return (value) => typeof value === 'string' && values.includes(value);
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every((item) => check(item));
}

/**
 * An object with these members. Others may be there too: what a later Drydock adds without a new
 * schema version must not keep this one from reading.
 * @param members one check for each member of the type, so that none can be forgotten
 */
export function shapeOf<T>(members: { readonly [K in keyof Required<T>]: Check }): Check {
  const checks = Object.entries<Check>(members);
  return (value) => {
    if (!isObject(value)) return false;
    return checks.every(([name, check]) => check(value[name]));
  };
}

/** An object with members of any name. */
export function mapOf(check: Check): Check {
  return (value) => isObject(value) && Object.values(value).every((item) => check(item));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
