import type { ContentTable } from '../indexes/content-table.ts';
import type { CheckedContent, ContentBatch } from './content-checker.ts';
import type { ReadRange } from './read-plan.ts';

/**
 * The contents of a range that was read, as columns. Contents that no bytes can settle are left out
 * of the batch and told at once.
 * @param bytes what the range holds, from its beginning.
 */
export function contentBatch(
  table: Pick<ContentTable, 'entry'>,
  range: ReadRange,
  bytes: ArrayBuffer,
): { batch: ContentBatch; failures: readonly CheckedContent[] } {
  const failures: CheckedContent[] = [];
  const rows = range.positions.length;
  const offsets = new Uint32Array(rows);
  const lengths = new Uint32Array(rows);
  const originalLengths = new Uint32Array(rows);
  const compressions = new Uint32Array(rows);
  /** A copy: it goes to another thread, the range may not. */
  const positions = new Uint32Array(rows);
  let hashes = Buffer.alloc(0);
  let row = 0;
  for (const position of range.positions) {
    const entry = table.entry(position);
    if (entry.encryptionKeyId !== 0) {
      failures.push({ position, reason: 'encryption-key-unknown' });
      continue;
    }
    positions[row] = position;
    offsets[row] = entry.packOffset - range.offsetBytes;
    lengths[row] = entry.packedLength;
    originalLengths[row] = entry.originalLength;
    compressions[row] = entry.compression;
    const digestBytes = entry.id.length >> 1;
    if (hashes.length === 0) hashes = Buffer.from(new ArrayBuffer(rows * digestBytes));
    hashes.write(entry.id.slice(entry.id.length & 1), row * digestBytes, 'hex');
    row += 1;
  }
  const batch: ContentBatch = {
    bytes,
    positions: positions.subarray(0, row),
    offsets,
    lengths,
    originalLengths,
    compressions,
    hashes,
  };
  return { batch, failures };
}
