import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { isStoreError, type StoreError } from '../../stores/store-error.ts';
import type { ContentTable } from '../indexes/content-table.ts';
import { contentBatch } from './content-batch.ts';
import type { CheckedContent, ContentChecker } from './content-checker.ts';
import type { DamageReason } from './content-damage.ts';
import { packDamage } from './content-reader.ts';
import { CONTENT_SIZE_BYTES_MAX } from './open-content.ts';
import type { PackContents } from './pack-positions.ts';
import { readPack } from './pack-read.ts';
import { planReads, RANGE_SIZE_BYTES_MAX, type ReadRange, sortByOffset } from './read-plan.ts';

/** Reads under way beside the batches that the checker works on. */
const READS_AHEAD = 4;
/** Of all ranges under way; one alone may exceed it. */
const MEMORY_BYTES_MAX = 64 << 20;

export interface CheckPacksDeps {
  readonly reader: ObjectReader;
  /** Of the repository: empty or with a trailing slash. */
  readonly prefix: string;
  readonly table: ContentTable;
  readonly checker: ContentChecker;
}

export interface CheckPacksOptions extends CallOptions {
  /** Contents told about and stored bytes read so far, over all packs. */
  readonly onProgress?: (contents: number, sizeBytes: number) => void;
}

/** What is known of a pack after every content asked about was looked at. */
export interface CheckedPack {
  readonly packId: number;
  /** Told about: those that passed and those in `failures`. */
  readonly contents: number;
  /** Read from the pack. */
  readonly sizeBytes: number;
  readonly failures: readonly CheckedContent[];
  /**
   * The store did not give some of it, for a reason that says nothing about the pack: denied,
   * unreachable, … So many contents are unchecked; the first of the errors.
   */
  readonly unread?: { readonly contents: number; readonly error: StoreError };
}

/** A pack under way. */
interface Pack {
  readonly packId: number;
  readonly key: string;
  contents: number;
  sizeBytes: number;
  readonly failures: CheckedContent[];
  unread: { contents: number; error: StoreError } | undefined;
  rangesUnderWay: number;
  isPlanned: boolean;
}

/**
 * Reads the contents of packs in large ranges and has them decrypted and re-hashed; yields each
 * pack as soon as all of it was looked at. Packs are taken from `packs` one by one, when there is
 * room: whoever has to stop at a deadline ends it there. Leaving the loop ends the reads.
 * @throws DrydockError `KOPIA_WORKER_LOST`, or the reason of `options.signal`; never for what a
 *   pack is or lacks.
 */
export async function* checkPacks(
  deps: CheckPacksDeps,
  packs: Iterable<PackContents>,
  options: CheckPacksOptions = {},
): AsyncGenerator<CheckedPack> {
  const stopped = new AbortController();
  const signal = AbortSignal.any([stopped.signal, ...(options.signal ? [options.signal] : [])]);
  const run = new PackRun(deps, signal, options.onProgress);
  const work = run.plan(packs);
  const running = new Set<Promise<void>>();
  const errors: unknown[] = [];
  let heldBytes = 0;
  let next = work.next();
  try {
    for (;;) {
      if (errors.length > 0) throw errors[0];
      while (!next.done && running.size < READS_AHEAD + deps.checker.threads) {
        const { pack, range } = next.value;
        if (running.size > 0 && heldBytes + range.lengthBytes > MEMORY_BYTES_MAX) break;
        heldBytes += range.lengthBytes;
        const task = run
          .checkRange(pack, range)
          .catch((error: unknown) => void errors.push(error))
          .finally(() => {
            heldBytes -= range.lengthBytes;
            running.delete(task);
          });
        running.add(task);
        next = work.next();
      }
      const finished = run.finished.splice(0);
      yield* finished;
      // Whoever took them may have let everything under way come to its end, or fail, meanwhile.
      if (finished.length > 0) continue;
      if (running.size === 0) return;
      await Promise.race(running);
    }
  } finally {
    stopped.abort();
    await Promise.all(running);
  }
}

class PackRun {
  readonly finished: CheckedPack[] = [];
  readonly #deps: CheckPacksDeps;
  readonly #signal: AbortSignal;
  readonly #onProgress: CheckPacksOptions['onProgress'];
  /** Buffers of the usual size, to be filled again: fresh ones would be cleared each time. */
  readonly #free: ArrayBuffer[] = [];
  #contents = 0;
  #sizeBytes = 0;

  constructor(
    deps: CheckPacksDeps,
    signal: AbortSignal,
    onProgress: CheckPacksOptions['onProgress'],
  ) {
    this.#deps = deps;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** The ranges of all packs, planned as they are asked for. */
  *plan(packs: Iterable<PackContents>): Generator<{ pack: Pack; range: ReadRange }> {
    const { table, prefix } = this.#deps;
    for (const { packId, positions } of packs) {
      const pack: Pack = {
        packId,
        key: `${prefix}${table.packs.name(packId)}`,
        contents: 0,
        sizeBytes: 0,
        failures: [],
        unread: undefined,
        rangesUnderWay: 0,
        isPlanned: false,
      };
      const isReadable = (position: number) =>
        table.packedLengthOf(position) <= CONTENT_SIZE_BYTES_MAX;
      this.#fail(
        pack,
        positions.filter((position) => !isReadable(position)),
        'too-large',
      );
      for (const range of planReads(sortByOffset(positions.filter(isReadable), table), table)) {
        pack.rangesUnderWay += 1;
        yield { pack, range };
      }
      pack.isPlanned = true;
      this.#finishWhenDone(pack);
    }
  }

  /** Never rejects for what the pack is; see `checkPacks`. */
  async checkRange(pack: Pack, range: ReadRange): Promise<void> {
    await this.#checkRange(pack, range, true);
    pack.rangesUnderWay -= 1;
    this.#finishWhenDone(pack);
  }

  async #checkRange(pack: Pack, range: ReadRange, mayCut: boolean): Promise<void> {
    const { reader, table, checker } = this.#deps;
    let bytes: ArrayBuffer;
    try {
      const allocate = (sizeBytes: number) => this.#allocate(sizeBytes);
      bytes = await readPack(reader, pack.key, range, allocate, { signal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (mayCut && isStoreError(error, 'range')) return this.#checkWhatIsThere(pack, range);
      const reason = packDamage(error);
      if (reason !== undefined) return this.#fail(pack, range.positions, reason);
      if (isStoreError(error)) return this.#leaveUnread(pack, range.positions.length, error);
      throw error;
    }
    pack.sizeBytes += range.lengthBytes;
    this.#sizeBytes += range.lengthBytes;
    const { batch, failures } = contentBatch(table, range, bytes);
    const checked = await checker.check(batch);
    this.#signal.throwIfAborted();
    for (const failure of failures) pack.failures.push(failure);
    for (const failure of checked.failures) pack.failures.push(failure);
    if (checked.bytes.byteLength === RANGE_SIZE_BYTES_MAX) this.#free.push(checked.bytes);
    this.#told(pack, range.positions.length);
  }

  /** The pack ends within the range: what lies before its end is checked all the same. */
  async #checkWhatIsThere(pack: Pack, range: ReadRange): Promise<void> {
    const { reader, table } = this.#deps;
    let packSizeBytes: number | undefined;
    try {
      packSizeBytes = (await reader.stat(pack.key, { signal: this.#signal }))?.sizeBytes;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (isStoreError(error)) return this.#leaveUnread(pack, range.positions.length, error);
      throw error;
    }
    if (packSizeBytes === undefined) return this.#fail(pack, range.positions, 'pack-missing');
    const endBytes = packSizeBytes;
    const isThere = (position: number) =>
      table.offsetOf(position) + table.packedLengthOf(position) <= endBytes;
    this.#fail(
      pack,
      range.positions.filter((position) => !isThere(position)),
      'pack-too-short',
    );
    for (const part of planReads(range.positions.filter(isThere), table)) {
      await this.#checkRange(pack, part, false);
    }
  }

  #allocate(sizeBytes: number): ArrayBuffer {
    if (sizeBytes > RANGE_SIZE_BYTES_MAX) return new ArrayBuffer(sizeBytes);
    return this.#free.pop() ?? new ArrayBuffer(RANGE_SIZE_BYTES_MAX);
  }

  #fail(pack: Pack, positions: Uint32Array, reason: DamageReason): void {
    for (const position of positions) pack.failures.push({ position, reason });
    this.#told(pack, positions.length);
  }

  #leaveUnread(pack: Pack, contents: number, error: StoreError): void {
    pack.unread ??= { contents: 0, error };
    pack.unread.contents += contents;
  }

  #told(pack: Pack, contents: number): void {
    pack.contents += contents;
    this.#contents += contents;
    this.#onProgress?.(this.#contents, this.#sizeBytes);
  }

  #finishWhenDone(pack: Pack): void {
    if (!pack.isPlanned || pack.rangesUnderWay > 0) return;
    const { packId, contents, sizeBytes, failures, unread } = pack;
    this.finished.push({ packId, contents, sizeBytes, failures, ...(unread && { unread }) });
  }
}
