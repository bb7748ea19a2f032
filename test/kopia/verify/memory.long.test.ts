import { test } from 'vitest';
import { checkMemoryPeaks } from './memory-peaks.ts';

test('whatever the bytes say, a verification that derives every key stays within its memory', () =>
  checkMemoryPeaks([]));
