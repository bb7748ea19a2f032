/**
 * Notes for each test file which codes the product raised while it ran; `raised-reporter.ts` reads
 * the notes. What a test builds by itself, to render it or to compare with, is not noted.
 */
import { sep } from 'node:path';
import { afterEach, vi } from 'vitest';
import { raised } from './raised-notes.ts';

declare module 'vitest' {
  interface TaskMeta {
    raised?: readonly string[];
  }
}

const root = new URL('../..', import.meta.url).pathname;
const PRODUCT = ['shared', 'functions'].map((folder) => `${root}${folder}${sep}`);

// A worker runs this before each of its files, which share the notes.
raised.clear();

vi.mock('../../shared/model/finding.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../shared/model/finding.ts')>();
  const finding: typeof original.finding = (code, ...rest) => {
    if (!raised.has(code)) {
      // The frame of this function is the first one, whoever called it the second.
      const caller = new Error(code).stack?.split('\n    at ')[2] ?? '';
      if (PRODUCT.some((folder) => caller.includes(folder))) raised.add(code);
    }
    return original.finding(code, ...rest);
  };
  return { ...original, finding };
});

afterEach(({ task }) => {
  task.file.meta.raised = [...raised];
});
