import { DrydockError } from '../../model/errors.ts';

/** Rows in a page, as a power of two. */
export const PAGE_BITS = 7;
const SLAB_BITS = 8;
export const PAGE_ROWS = 1 << PAGE_BITS;
export const SLOT_MASK = PAGE_ROWS - 1;
const PAGES_IN_SLAB = 1 << SLAB_BITS;

/**
 * Memory for rows of equal size, given out in pages. Pages are small, so that each of some thousand
 * buckets can have a half-empty one, and lie in slabs of a megabyte, so that there are few objects and
 * growth copies nothing. Nothing is given back to the process before the whole is dropped; pages
 * that were released are used again.
 */
export class RowPages {
  readonly rowWords: number;
  private readonly slabs: Uint32Array<ArrayBuffer>[] = [];
  private readonly released: number[] = [];
  private given = 0;
  private readonly pagesMax: number;

  constructor(rowWords: number, sizeBytesMax: number) {
    this.rowWords = rowWords;
    this.pagesMax = Math.ceil(sizeBytesMax / (rowWords * 4 * PAGE_ROWS));
  }

  /** A page of undefined content. Throws DrydockError `KOPIA_INDEX_TOO_LARGE` at the bound. */
  allocate(): number {
    const reused = this.released.pop();
    if (reused !== undefined) return reused;
    if (this.given >= this.pagesMax) {
      throw tooLarge(this.pagesMax * PAGE_ROWS);
    }
    const page = this.given;
    if (page >>> SLAB_BITS === this.slabs.length) {
      this.slabs.push(new Uint32Array(this.rowWords * PAGE_ROWS * PAGES_IN_SLAB));
    }
    this.given += 1;
    return page;
  }

  release(page: number): void {
    this.released.push(page);
  }

  /** The words in which a page lies. */
  slab(page: number): Uint32Array {
    const slab = this.slabs[page >>> SLAB_BITS];
    if (slab === undefined) throw new RangeError(`there is no page ${page}`);
    return slab;
  }

  /** Where in its slab a row of a page begins. */
  base(page: number, slot: number): number {
    return (((page & (PAGES_IN_SLAB - 1)) << PAGE_BITS) + slot) * this.rowWords;
  }

  /** Gives everything back to the process, at once. No page is there afterwards. */
  free(): void {
    for (const slab of this.slabs) freed(slab);
    this.slabs.length = 0;
    this.reset();
  }

  /** All pages are free again; the slabs stay. */
  reset(): void {
    this.released.length = 0;
    this.given = 0;
  }
}

/** The bound of memory: better a clear end than that of the process. */
export function tooLarge(entriesMax: number): DrydockError {
  const message = `Cannot hold the index of the repository: it has more than ${entriesMax} entries`;
  return new DrydockError('operation', 'KOPIA_INDEX_TOO_LARGE', message, {
    hint: 'Read it in several passes, or give it more memory',
  });
}

type Numbers = Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/**
 * `array` with room for `length`, its content kept, twice as large, so that this is seldom done. The
 * old one is empty afterwards: its memory is free at once and does not wait for the collector.
 */
export function grown<T extends Numbers>(array: T, length: number): T {
  if (length <= array.length) return array;
  const create = array.constructor as new (bytes: ArrayBuffer) => T;
  const elements = Math.max(length, array.length * 2);
  return new create(array.buffer.transfer(elements * array.BYTES_PER_ELEMENT));
}

/** Gives the memory of `array` back at once; it is empty afterwards. */
export function freed(array: Numbers): void {
  array.buffer.transfer(0);
}
