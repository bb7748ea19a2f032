/** Contents kept in memory, named by the hash of their bytes unless a test lies about that. */
import { createHash } from 'node:crypto';
import { ContentDamage } from '../../../shared/kopia/contents/content-damage.ts';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';

export interface SmallContents extends ContentReader {
  /** Ids in the order in which they were read. */
  readonly reads: string[];
  /** Answers with the content id. */
  put(bytes: string | Uint8Array, prefix?: string): string;
  /** Puts bytes under an id of the test's choice. */
  putAs(contentId: string, bytes: string | Uint8Array): string;
  lose(contentId: string): void;
}

export function smallContents(): SmallContents {
  const contents = new Map<string, Buffer>();
  const reads: string[] = [];
  return {
    reads,
    put(bytes, prefix = '') {
      const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
      return this.putAs(`${prefix}${hash}`, bytes);
    },
    putAs(contentId, bytes) {
      contents.set(contentId, Buffer.from(bytes));
      return contentId;
    },
    lose: (contentId) => void contents.delete(contentId),
    async read(contentId) {
      reads.push(contentId);
      const bytes = contents.get(contentId);
      if (bytes === undefined) throw new ContentDamage(contentId, 'p0', 'pack-missing');
      return bytes;
    },
  };
}

export interface ListedChunk {
  s?: number;
  l?: number;
  o?: unknown;
}

/** A list of chunks. Answers with the id of the object that it makes. */
export function putList(contents: SmallContents, entries: readonly unknown[]): string {
  return `I${contents.put(JSON.stringify({ stream: 'kopia:indirect', entries }), 'x')}`;
}

/** Cuts bytes into chunks of the given length, and their list into a list, as often as asked for. */
export function putChunked(
  contents: SmallContents,
  bytes: Buffer,
  chunkBytes: number,
  levels: number,
): string {
  const prefix = levels > 0 ? '' : 'x';
  const entries: ListedChunk[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const piece = bytes.subarray(at, at + chunkBytes);
    const o = contents.put(piece, prefix);
    entries.push({ ...(at > 0 && { s: at }), l: piece.length, o });
  }
  if (levels <= 1) return putList(contents, entries);
  const list = Buffer.from(JSON.stringify({ stream: 'kopia:indirect', entries }));
  return `I${putChunked(contents, list, chunkBytes, levels - 1)}`;
}

export async function collectBytes(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces));
}
