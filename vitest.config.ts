import { defineConfig } from 'vitest/config';

/** What `npm` and `long` have in common: they need Node and npm alone. */
const npmAlone = {
  // A process for each of some two hundred files would cost more than most of their tests: no
  // module of the product keeps a state, and what tests change they put back.
  isolate: false,
  globalSetup: ['./test/support/built-command.ts'],
  setupFiles: ['./test/support/derived-keys.ts', './test/support/raised-record.ts'],
};

// `npm` is every change's; `long` holds what takes long by its nature, of which `npm` has a small
// form; `real` needs the tools of test/real/tools.
export default defineConfig({
  test: {
    // By itself vitest leaves one core free, which on two of them is half the machine.
    maxWorkers: '100%',
    reporters: [
      'default',
      './test/support/raised-reporter.ts',
      ...(process.env['DRYDOCK_TALLY'] ? ['./test/support/tally-reporter.ts'] : []),
    ],
    projects: [
      {
        test: {
          name: 'npm',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/**/*.long.test.ts'],
          ...npmAlone,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/**/*.long.test.ts'],
          exclude: ['test/real/**'],
          ...npmAlone,
          testTimeout: 600_000,
          hookTimeout: 60_000,
          // Two at a time, before those of `real`, which run one by one.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
