import { expect } from 'vitest';
import { SCHEMAS } from '../../infra/build/schemas.ts';

/** JSON output that its published schema takes, and describes to the last field. */
export function published(name: keyof typeof SCHEMAS, text: string): Record<string, unknown> {
  const output = JSON.parse(text) as Record<string, unknown>;
  // What no schema names is left out by `parse`, and then the two differ.
  expect(SCHEMAS[name].parse(output)).toEqual(output);
  return output;
}
