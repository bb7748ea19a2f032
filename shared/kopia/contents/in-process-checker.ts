import { setImmediate } from 'node:timers/promises';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { CheckedContent, ContentBatch, ContentChecker } from './content-checker.ts';
import { openStored } from './open-content.ts';

/** Checks in this very thread: on one core a worker would only add its own weight. */
export function inProcessChecker(crypto: RepositoryCrypto): ContentChecker {
  return {
    threads: 1,
    async check(batch) {
      // A batch takes some milliseconds: what waits, an interrupt for one, has its turn between two.
      await setImmediate();
      return { failures: checkBatch(crypto, batch), bytes: batch.bytes };
    },
    close: async () => {},
  };
}

/** Opens every content of a batch and tells those that fail. */
export function checkBatch(crypto: RepositoryCrypto, batch: ContentBatch): CheckedContent[] {
  const { positions, offsets, lengths, originalLengths, compressions, hashes } = batch;
  const { digestBytes } = crypto.hash;
  const bytes = new Uint8Array(batch.bytes);
  const failures: CheckedContent[] = [];
  for (let i = 0; i < positions.length; i++) {
    const offset = offsets[i] ?? 0;
    const opened = openStored(
      crypto,
      bytes.subarray(offset, offset + (lengths[i] ?? 0)),
      hashes.subarray(i * digestBytes, (i + 1) * digestBytes),
      compressions[i] ?? 0,
      originalLengths[i] ?? 0,
    );
    if (typeof opened === 'string') failures.push({ position: positions[i] ?? 0, reason: opened });
  }
  return failures;
}
