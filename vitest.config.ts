import { defineConfig } from 'vitest/config';

// Two projects: `npm` needs Node and npm only; `real` needs the tools of test/real/tools.
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
          exclude: ['test/real/**'],
          // A process for each of some two hundred files would cost more than most of their tests:
          // no module of the product keeps a state, and what tests change they put back.
          isolate: false,
          globalSetup: ['./test/support/built-command.ts'],
          setupFiles: ['./test/support/derived-keys.ts', './test/support/raised-record.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
