import { DrydockError } from '../../model/errors.ts';
import type { ObjectReader } from '../../stores/store.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import { epochsWithMore } from './active-indexes.ts';
import { compareToAll } from './divergence.ts';
import { EntryRows } from './entry-rows.ts';
import { type FoundIndexes, findIndexes, type IndexInfo } from './find-indexes.ts';
import type { IndexProblem, LoadedIndexes, LoadOptions } from './loaded-indexes.ts';
import { mergeRows } from './merge-rows.ts';
import { equalSlices, SLICES_MAX } from './plan-slices.ts';
import { type BlobFailure, type IndexSource, readIndexes } from './read-indexes.ts';

/** 11.6 M entries at hashes of 128 bits, those that are superseded included. */
const SIZE_BYTES_MAX = 400 * 1024 * 1024;
const CONCURRENCY = 8;

/**
 * Reads the index of a repository: what readers take of it, merged. Never holds an index blob whole
 * (with error correction it must: one for each of `concurrency`). Damage is a problem in the answer;
 * throws StoreErrors (denied and unreachable are never absent), and DrydockError
 * `KOPIA_INDEX_TOO_LARGE` when the entries need more than `sizeBytesMax`.
 */
export async function loadIndexes(
  reader: ObjectReader,
  format: RepositoryFormat,
  crypto: RepositoryCrypto,
  options: LoadOptions = {},
): Promise<LoadedIndexes> {
  const { slice, signal } = options;
  const source: IndexSource = {
    reader,
    prefix: format.prefix,
    crypto,
    // Buckets of contents without a letter are the first bytes of their hashes; the others follow.
    keep: (bucket) => !slice || bucket >= 256 || (bucket >= slice.first && bucket < slice.end),
    ...(signal && { signal }),
    concurrency: options.concurrency ?? CONCURRENCY,
  };
  const rows = new EntryRows(crypto.hash.digestBytes, options.sizeBytesMax ?? SIZE_BYTES_MAX);
  try {
    return await loadInto(source, rows, format, options);
  } catch (error) {
    // Whoever tries smaller slices needs the memory before the collector would come for it.
    rows.pages.free();
    throw error;
  }
}

async function loadInto(
  source: IndexSource,
  rows: EntryRows,
  format: RepositoryFormat,
  options: LoadOptions,
): Promise<LoadedIndexes> {
  const { reader, crypto } = source;
  let found = await findIndexes(reader, format, crypto, options);
  const divergences = options.checkDivergence ? await findAllDivergences(source, rows, found) : [];
  let failures = await readActive(source, rows, found.active, options);
  if (failures.some(({ kind }) => kind === 'vanished')) {
    // A compaction ran in between: what took the place of the blob is listed by now.
    found = await findIndexes(reader, format, crypto, options);
    failures = await readActive(source, rows, found.active, options);
  }
  const problems = [
    ...found.problems,
    ...failures.map((failure) => problemOf(failure, true)),
    ...divergences,
  ];
  const { active, listed, currentEpoch, watermarkSeconds } = found;
  const sizeBytes = active.reduce((sum, blob) => sum + blob.sizeBytes, 0);
  return {
    contents: mergeRows(rows, watermarkSeconds),
    problems,
    blobs: { active: active.length, listed: listed.length, sizeBytes },
    currentEpoch,
    watermarkSeconds,
    complete: !problems.some((problem) => problem.active),
  };
}

async function readActive(
  source: IndexSource,
  rows: EntryRows,
  active: readonly IndexInfo[],
  options: LoadOptions,
): Promise<readonly BlobFailure[]> {
  rows.reset();
  let done = 0;
  options.onProgress?.(done, active.length);
  return readIndexes(source, rows, active, () => {
    done += 1;
    options.onProgress?.(done, active.length);
  });
}

/**
 * A compaction and what it was made of hold every entry twice: what fits as a table may not fit
 * here, and is compared in parts of the content-id space.
 */
async function findAllDivergences(
  source: IndexSource,
  rows: EntryRows,
  found: FoundIndexes,
): Promise<readonly IndexProblem[]> {
  for (let count = 1; ; count *= 2) {
    try {
      const problems = new Map<string, IndexProblem>();
      for (const [index, { first, end }] of equalSlices(count).entries()) {
        const isOfPart = (bucket: number): boolean =>
          bucket >= SLICES_MAX ? index === 0 : bucket >= first && bucket < end;
        const keep = (bucket: number): boolean => isOfPart(bucket) && source.keep(bucket);
        for (const problem of await findDivergences({ ...source, keep }, rows, found)) {
          const key = `${problem.kind} ${problem.blobId}`;
          if (!problems.has(key)) problems.set(key, problem);
        }
      }
      return [...problems.values()];
    } catch (error) {
      const isTooLarge = error instanceof DrydockError && error.code === 'KOPIA_INDEX_TOO_LARGE';
      if (!isTooLarge || count >= SLICES_MAX) throw error;
    }
  }
}

/**
 * Epochs of which readers take a compaction that lacks what other blobs of the epoch hold. Kopia
 * v0.18.0 to v0.23.0 could compact an epoch again from what was left of its indexes (kopia #5371).
 * One epoch at a time is in memory. A blob that is not in use and cannot be read proves nothing.
 */
async function findDivergences(
  source: IndexSource,
  rows: EntryRows,
  { listed, active, watermarkSeconds }: FoundIndexes,
): Promise<readonly IndexProblem[]> {
  const problems: IndexProblem[] = [];
  const isActive = new Set(active);
  for (const { epoch, chosen, others } of epochsWithMore(listed)) {
    rows.reset();
    const numbers = new Set<number>();
    const isChosen = new Set(chosen);
    const failures = await readIndexes(source, rows, [...chosen, ...others], (blob, number) => {
      if (isChosen.has(blob)) numbers.add(number);
    });
    for (const failure of failures) {
      // What readers take is reported when it is read for the table.
      if (failure.kind === 'vanished' || isActive.has(failure.blob)) continue;
      problems.push({ ...problemOf(failure, false), epoch });
    }
    if (numbers.size < chosen.length) continue;
    const contents = compareToAll(rows, numbers, watermarkSeconds);
    const [first] = chosen;
    if (contents.count === 0 || first === undefined) continue;
    const reason = `lacks or outdates ${contents.count} contents that other indexes of its epoch hold`;
    problems.push({ kind: 'divergence', blobId: first.id, reason, active: false, epoch, contents });
  }
  return problems;
}

function problemOf({ blob, kind, reason }: BlobFailure, active: boolean): IndexProblem {
  return { kind, blobId: blob.id, reason, active };
}
