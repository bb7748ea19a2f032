import type { ByteRange, ObjectReader, ReadOptions } from '../../../shared/stores/store.ts';

export interface RecordedReader extends ObjectReader {
  /** Every read in order. */
  readonly reads: { key: string; range: ByteRange | undefined }[];
  /** Keys whose size was asked for. */
  readonly stats: string[];
}

/** Remembers what is read; `before` may fail a read or hold it back. */
export function recordedReader(
  reader: ObjectReader,
  before: (key: string, options: ReadOptions | undefined) => Promise<void> | void = () => undefined,
): RecordedReader {
  const reads: RecordedReader['reads'] = [];
  const stats: string[] = [];
  return {
    url: reader.url,
    reads,
    stats,
    list: (prefix, options) => reader.list(prefix, options),
    listDirectories: (prefix, options) => reader.listDirectories(prefix, options),
    stat(key, options) {
      stats.push(key);
      return reader.stat(key, options);
    },
    async read(key, options) {
      reads.push({ key, range: options?.range });
      await before(key, options);
      return reader.read(key, options);
    },
  };
}
