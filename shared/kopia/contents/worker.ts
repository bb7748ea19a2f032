/**
 * What each thread of `workerChecker` runs; a bundle of its own, and as it is from the sources.
 * `workerData` is the `CryptoSpec`. Tells `'ready'` once, then answers each batch.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type CryptoSpec, createRepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { CheckedBatch, ContentBatch } from './content-checker.ts';
import { checkBatch } from './in-process-checker.ts';

const port = parentPort;
if (port === null) throw new Error('This file is started as a worker thread');

const crypto = await createRepositoryCrypto(workerData as CryptoSpec);
port.on('message', (batch: ContentBatch) => {
  const answer: CheckedBatch = { failures: checkBatch(crypto, batch), bytes: batch.bytes };
  port.postMessage(answer, [batch.bytes]);
});
port.postMessage('ready');
