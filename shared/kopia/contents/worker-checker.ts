import { Worker } from 'node:worker_threads';
import { DrydockError } from '../../model/errors.ts';
import { type CryptoSpec, createRepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { CheckedBatch, ContentBatch, ContentChecker } from './content-checker.ts';
import { inProcessChecker } from './in-process-checker.ts';

/** A batch on its way through a thread. */
interface Job {
  readonly batch: ContentBatch;
  resolve(checked: CheckedBatch): void;
  reject(error: Error): void;
}

/**
 * Checks in `threads` worker threads; without any, in process. A batch beyond that number waits its
 * turn, so that whoever awaits the answers is held back.
 * @param workerUrl of `worker.ts`, or of its bundle.
 * @throws DrydockError `KOPIA_WORKER_LOST` when a thread does not start.
 */
export async function workerChecker(
  workerUrl: URL,
  spec: CryptoSpec,
  threads: number,
): Promise<ContentChecker> {
  if (threads < 1) return inProcessChecker(await createRepositoryCrypto(spec));
  const waiting: Job[] = [];
  const running = new Map<Worker, Job>();
  const idle: Worker[] = [];
  const workers: Worker[] = [];
  let lost: Error | undefined;

  const fail = (error: Error): void => {
    lost ??= error;
    const jobs = [...running.values(), ...waiting];
    running.clear();
    waiting.length = 0;
    for (const job of jobs) job.reject(lost);
  };

  const next = (): void => {
    while (lost === undefined && waiting.length > 0) {
      const worker = idle.pop();
      if (worker === undefined) return;
      const job = waiting.shift();
      if (job === undefined) return;
      running.set(worker, job);
      worker.postMessage(job.batch, buffersOf(job.batch));
    }
  };

  const start = (): Promise<void> => {
    const worker = new Worker(workerUrl, { workerData: spec });
    workers.push(worker);
    return new Promise((resolve, reject) => {
      const lose = (cause: unknown): void => {
        const error = workerLost(cause);
        reject(error);
        fail(error);
      };
      worker.on('error', lose);
      worker.on('messageerror', lose);
      worker.on('exit', (code) => lose(`it ended with code ${code}`));
      worker.on('message', (message: 'ready' | CheckedBatch) => {
        if (message === 'ready') {
          resolve();
        } else {
          const job = running.get(worker);
          running.delete(worker);
          job?.resolve(message);
        }
        idle.push(worker);
        next();
      });
    });
  };

  const close = async (): Promise<void> => {
    fail(workerLost('the checker was closed'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  };

  try {
    await Promise.all(Array.from({ length: threads }, start));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    threads,
    check(batch) {
      if (lost !== undefined) return Promise.reject(lost);
      return new Promise((resolve, reject) => {
        waiting.push({ batch, resolve, reject });
        next();
      });
    },
    close,
  };
}

function buffersOf(batch: ContentBatch): ArrayBuffer[] {
  return [
    batch.bytes,
    batch.positions.buffer,
    batch.offsets.buffer,
    batch.lengths.buffer,
    batch.originalLengths.buffer,
    batch.compressions.buffer,
    batch.hashes.buffer,
  ];
}

function workerLost(cause: unknown): DrydockError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `Cannot check contents in a worker thread: ${why}`;
  const hint = 'Run again with fewer threads, or with more memory';
  return new DrydockError('operation', 'KOPIA_WORKER_LOST', message, { hint, cause });
}
