import { expect } from 'vitest';
import { parseConfig } from '../../shared/config/load.ts';
import { ConfigError } from '../../shared/config/problem.ts';

/** What is wrong with a configuration that must be refused. */
export function problemsOf(text: string): ConfigError {
  try {
    parseConfig(text, 'drydock.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('The text was accepted');
}

/** `text` with one piece replaced, which must be there. */
export function changed(text: string, piece: string, by: string): string {
  expect(text).toContain(piece);
  return text.replace(piece, by);
}
