/**
 * A reader of tar archives for hostile input (S10). Our own since the usual library can be made to
 * hang: in tar-stream 3.2.2 every PAX header copies all global records, so that a kilobyte of
 * archive, some 20 bytes under gzip, costs half a second; and it reads on behind the end of the
 * archive, where Velero's Go reader stops. Nothing is ever written to a disk.
 */
import { createHash, type Hash, hash as hashOf } from 'node:crypto';
import {
  BLOCK_SIZE_BYTES,
  isZeroBlock,
  parsePax,
  parseTarHeader,
  type TarHeader,
  textOf,
} from './tar-header.ts';

/** What to do with the bytes of an entry: `skip` looks at none of them. */
export type Treatment = 'keep' | 'digest' | 'skip';

export interface TarEntry {
  readonly path: string;
  readonly sizeBytes: number;
  /** With `keep`. Valid until the next entry. */
  readonly content: Uint8Array | undefined;
  /** With `keep` and `digest`: SHA-256, base64. */
  readonly digest: string | undefined;
}

export type TarProblemKind =
  /** Absolute, with `..` or an empty segment, or no UTF-8. */
  | 'unsafe-path'
  | 'link'
  | 'device'
  /** A kind of entry that Velero does not write. */
  | 'foreign-entry'
  /** Bytes behind the end of the archive, which Velero does not see. */
  | 'data-after-end';

export interface TarProblem {
  readonly kind: TarProblemKind;
  readonly path: string;
}

/** What ends the reading: the archive is damaged or beyond its limits. */
export class TarDamage extends Error {
  readonly kind: 'bad-archive' | 'too-large';

  constructor(kind: 'bad-archive' | 'too-large', message: string) {
    super(message);
    this.name = 'TarDamage';
    this.kind = kind;
  }
}

export interface TarVisitor {
  treat(path: string, sizeBytes: number): Treatment;
  /** Regular files alone; directories are passed over in silence. */
  entry(entry: TarEntry): void;
  problem(problem: TarProblem): void;
}

export interface TarLimits {
  readonly entriesMax: number;
}

/** Paths of Velero's have up to 253 + 253 + 63 characters and some; PAX records hold little else. */
const LONG_HEADER_SIZE_BYTES_MAX = 64 * 1024;

/** Feed it the archive piece by piece with `push`, then call `end`. Both throw TarDamage. */
export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #limits: TarLimits;
  /** A header, or the content of a `pax` or `long-name` entry, that is not all there. */
  #block: Buffer = Buffer.alloc(BLOCK_SIZE_BYTES);
  #filled = 0;
  #entry: OpenEntry | undefined;
  #remainingBytes = 0;
  #paddingBytes = 0;
  #next: { path?: string | undefined; sizeBytes?: number; isSparse?: boolean } = {};
  #hasEnded = false;
  #hasDataAfterEnd = false;
  #entries = 0;

  constructor(visitor: TarVisitor, limits: TarLimits) {
    this.#visitor = visitor;
    this.#limits = limits;
  }

  /** Headers seen, of every kind. */
  get entries(): number {
    return this.#entries;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#hasEnded) {
        this.#lookBehindEnd(chunk.subarray(at));
        return;
      }
      if (this.#entry !== undefined) {
        const taken = Math.min(this.#remainingBytes, chunk.length - at);
        this.#take(this.#entry, chunk.subarray(at, at + taken));
        at += taken;
      } else if (this.#paddingBytes > 0) {
        const skipped = Math.min(this.#paddingBytes, chunk.length - at);
        this.#paddingBytes -= skipped;
        at += skipped;
      } else if (this.#filled === 0 && chunk.length - at >= BLOCK_SIZE_BYTES) {
        this.#header(chunk.subarray(at, at + BLOCK_SIZE_BYTES));
        at += BLOCK_SIZE_BYTES;
      } else {
        const taken = Math.min(BLOCK_SIZE_BYTES - this.#filled, chunk.length - at);
        this.#block.set(chunk.subarray(at, at + taken), this.#filled);
        this.#filled += taken;
        at += taken;
        if (this.#filled < BLOCK_SIZE_BYTES) continue;
        this.#filled = 0;
        this.#header(this.#block);
      }
    }
  }

  /** Velero closes its archives with blocks of zeros: without them the rest is missing. */
  end(): void {
    if (!this.#hasEnded) throw new TarDamage('bad-archive', 'its tar archive ends early');
  }

  #header(block: Uint8Array): void {
    if (isZeroBlock(block)) {
      this.#hasEnded = true;
      return;
    }
    const header = parseTarHeader(block);
    if (typeof header === 'string')
      throw new TarDamage('bad-archive', `its tar archive: ${header}`);
    this.#entries += 1;
    if (this.#entries > this.#limits.entriesMax) {
      const message = `its tar archive has more than ${this.#limits.entriesMax} entries`;
      throw new TarDamage('too-large', message);
    }
    const isLong = header.kind === 'pax' || header.kind === 'long-name';
    if (isLong && header.sizeBytes > LONG_HEADER_SIZE_BYTES_MAX) {
      throw new TarDamage('bad-archive', 'its tar archive: a name is too long');
    }
    this.#open(isLong ? this.#longHeader(header) : this.#content(header));
  }

  #open(entry: OpenEntry & { readonly sizeBytes: number }): void {
    this.#remainingBytes = entry.sizeBytes;
    this.#paddingBytes = -entry.sizeBytes & (BLOCK_SIZE_BYTES - 1);
    this.#entry = entry;
    if (entry.sizeBytes === 0) this.#take(entry, new Uint8Array(0));
  }

  #longHeader({ kind, sizeBytes }: TarHeader): OpenEntry & { readonly sizeBytes: number } {
    return {
      sizeBytes,
      treatment: 'keep',
      pieces: [],
      done: (content) => {
        if (kind === 'long-name') {
          this.#next = { ...this.#next, path: textOf(content) };
          return;
        }
        const records = parsePax(content);
        if (typeof records === 'string') {
          throw new TarDamage('bad-archive', `its tar archive: ${records}`);
        }
        this.#next = { ...this.#next, ...records };
      },
    };
  }

  #content(header: TarHeader): OpenEntry & { readonly sizeBytes: number } {
    const next = this.#next;
    this.#next = {};
    const hasContent = header.kind === 'file' || header.kind === 'foreign';
    const sizeBytes = hasContent ? (next.sizeBytes ?? header.sizeBytes) : 0;
    const name = 'path' in next ? next.path : header.name;
    const kind = next.isSparse === true ? 'foreign' : header.kind;
    const problem = problemOf(kind, name);
    if (problem !== undefined) {
      this.#visitor.problem({ kind: problem, path: name ?? '' });
      return { sizeBytes, treatment: 'skip', pieces: [], done: () => {} };
    }
    const path = plainPath(name ?? '');
    if (kind === 'directory' || path === '' || path.endsWith('/')) {
      return { sizeBytes, treatment: 'skip', pieces: [], done: () => {} };
    }
    const treatment = this.#visitor.treat(path, sizeBytes);
    return {
      sizeBytes,
      treatment,
      pieces: [],
      done: (bytes, digest) => {
        const content = treatment === 'keep' ? bytes : undefined;
        this.#visitor.entry({ path, sizeBytes, content, digest });
      },
    };
  }

  /** Takes the next bytes of the open entry; with the last of them it is done. */
  #take(entry: OpenEntry, bytes: Uint8Array): void {
    this.#remainingBytes -= bytes.length;
    const isLast = this.#remainingBytes === 0;
    if (isLast) this.#entry = undefined;
    if (entry.treatment === 'skip') {
      if (isLast) entry.done(NOTHING, undefined);
    } else if (isLast && entry.hash === undefined) {
      entry.done(bytes, hashOf('sha256', bytes, 'base64'));
    } else {
      entry.hash ??= createHash('sha256');
      entry.hash.update(bytes);
      if (entry.treatment === 'keep') entry.pieces.push(bytes);
      if (isLast) entry.done(Buffer.concat(entry.pieces), entry.hash.digest('base64'));
    }
  }

  #lookBehindEnd(bytes: Uint8Array): void {
    if (this.#hasDataAfterEnd || isZeroBlock(bytes)) return;
    this.#hasDataAfterEnd = true;
    this.#visitor.problem({ kind: 'data-after-end', path: '' });
  }
}

interface OpenEntry {
  readonly treatment: Treatment;
  readonly done: (content: Uint8Array, digest: string | undefined) => void;
  readonly pieces: Uint8Array[];
  hash?: Hash;
}

const NOTHING = new Uint8Array(0);

function problemOf(kind: TarHeader['kind'], name: string | undefined): TarProblemKind | undefined {
  if (kind === 'link' || kind === 'device') return kind;
  if (kind === 'foreign') return 'foreign-entry';
  return name !== undefined && isSafePath(name) ? undefined : 'unsafe-path';
}

/** `tar c .` begins every path so; Velero, which joins paths, takes it for none. */
function plainPath(name: string): string {
  return name.startsWith('./') ? name.slice(2) : name;
}

function isSafePath(name: string): boolean {
  const segments = plainPath(name).replace(/\/$/, '').split('/');
  if (segments.length === 1 && segments[0] === '') return name === './';
  return segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
