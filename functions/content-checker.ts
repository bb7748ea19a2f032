import { availableParallelism } from 'node:os';
import { workerChecker } from '../shared/kopia/contents/worker-checker.ts';
import type { VerifyDeps } from '../shared/verify/job.ts';

/** Decrypts and hashes contents in a thread per core; with one core, in this very thread. */
export const startChecker: NonNullable<VerifyDeps['startChecker']> = async (spec) => {
  // Loaded when it is needed, and so in a chunk of every bundle: it looks for a file beside that.
  const { workerUrl } = await import('./worker-url.ts');
  const cores = availableParallelism();
  return workerChecker(workerUrl(), spec, cores === 1 ? 0 : cores);
};
