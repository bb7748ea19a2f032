import { join } from 'node:path';
import { test } from 'vitest';
import { checkMemoryPeaks } from './memory-peaks.ts';

const DERIVED_KEYS = join(import.meta.dirname, '../../support/derived-keys.ts');

// With the memory that deriving keys takes: memory.long.test.ts.
test('whatever the bytes say, a verification stays within its memory', () =>
  checkMemoryPeaks(['--import', DERIVED_KEYS]));
