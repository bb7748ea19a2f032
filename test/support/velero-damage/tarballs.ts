/** Real tarballs taken apart and put together again, block by block. */
import { END, entry, pax } from '../../velero/artefacts/tarball.ts';

const BLOCK_SIZE_BYTES = 512;

export interface TarPart {
  readonly name: string;
  readonly content: Buffer;
  /** Its headers, a long name's included, its content and its padding. */
  readonly blocks: Buffer;
}

/** The entries of a plain tar archive; a header with a long name is one with the entry it names. */
export function splitTar(tar: Buffer): readonly TarPart[] {
  const parts: TarPart[] = [];
  let from = 0;
  let longName: string | undefined;
  for (let at = 0; at < tar.length; ) {
    const field = (start: number, end: number): string =>
      tar.toString('latin1', at + start, at + end).replace(/\0.*/s, '');
    const short = field(0, 100);
    if (short === '') break;
    const type = field(156, 157);
    const begin = at + BLOCK_SIZE_BYTES;
    const sizeBytes = Number.parseInt(field(124, 136), 8);
    const prefix = field(345, 500);
    const content = tar.subarray(begin, begin + sizeBytes);
    at = begin + sizeBytes + (-sizeBytes & (BLOCK_SIZE_BYTES - 1));
    if (type === 'x') {
      longName = /^\d+ path=(.*)$/m.exec(content.toString('utf8'))?.[1];
      continue;
    }
    const name = longName ?? (prefix === '' ? short : `${prefix}/${short}`);
    parts.push({ name, content, blocks: tar.subarray(from, at) });
    from = at;
    longName = undefined;
  }
  return parts;
}

export function joinTar(parts: readonly (TarPart | Uint8Array)[]): Buffer {
  const blocks = parts.map((part) => ('blocks' in part ? part.blocks : part));
  return Buffer.concat([...blocks, END]);
}

/** An entry, its name in a header of its own where it is long. */
export function fileEntry(name: string, content: Uint8Array | string): Buffer {
  if (Buffer.byteLength(name) <= 100) return entry(name, content);
  return Buffer.concat([entry('long', pax('path', name), 'x'), entry('short', content)]);
}

/** Both copies of an object, as Velero writes them; `path` is that below `resources/`. */
export function copiesOf(path: string, content: string, version = 'v1'): readonly Buffer[] {
  const [resource = '', ...rest] = path.split('/');
  const preferred = [resource, `${version}-preferredversion`, ...rest].join('/');
  return [path, preferred].map((each) => fileEntry(`resources/${each}`, content));
}
