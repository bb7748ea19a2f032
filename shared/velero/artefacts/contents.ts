import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { artefactKey, CONTENTS_SUFFIX } from '../layout.ts';
import { type ObjectPath, parseObjectPath, VERSION_PATH } from './contents-path.ts';
import { inflate } from './gzip.ts';
import { type ParsedJson, parseJson, shown } from './json.ts';
import { type Artefact, damaged, open } from './stored.ts';
import { TarDamage, type TarEntry, type TarProblemKind, TarReader, type Treatment } from './tar.ts';

/** Secrets are counted, and nothing of them is ever looked at (S9). */
export const SECRETS = 'secrets';

export interface ContentsObject extends ObjectPath {
  readonly sizeBytes: number;
  /** SHA-256 of its bytes, base64; never of a Secret. */
  readonly digest: string | undefined;
  /** The parsed object where `wants` asked for it. Call it during the visit or never. */
  readonly json: (() => ParsedJson) | undefined;
}

export interface ContentsProblem {
  /** `foreign-path`: it lies where Velero keeps nothing. `too-large-object`: it was not parsed. */
  readonly kind: TarProblemKind | 'foreign-path' | 'too-large-object';
  /** Quoted, escaped and cut. */
  readonly path: string;
}

export interface ContentsVisitor {
  /** Whether the JSON of this object is wanted; asked before its bytes come. Never for Secrets. */
  wants(object: ObjectPath): boolean;
  /** Every copy of every object, in the order of the archive. */
  object(object: ContentsObject): void;
  problem(problem: ContentsProblem): void;
}

/** Of a tarball that was read to its end. */
export interface ContentsTotals {
  /** Text of `metadata/version`. */
  readonly formatVersion: string | undefined;
  /** Headers of the archive, of every kind. */
  readonly entries: number;
  readonly inflatedSizeBytes: number;
}

export interface ContentsLimits {
  readonly storedSizeBytesMax: number;
  /** Reading takes some 6 s for each GiB. */
  readonly inflatedSizeBytesMax: number;
  readonly entriesMax: number;
}

const GIB = 1024 ** 3;

export const CONTENTS_LIMITS: ContentsLimits = {
  storedSizeBytesMax: 8 * GIB,
  inflatedSizeBytesMax: 32 * GIB,
  entriesMax: 10_000_000,
};

/** The API server keeps no object above 1.5 MiB. */
const OBJECT_SIZE_BYTES_MAX = 8 * 1024 * 1024;
const OBJECT_MARKS_MAX = 500_000;

/**
 * Streams the tarball of a backup: one object at a time and in constant memory, however large it is
 * (S10). What the visitor was told before the answer is not `read` may be wrong or incomplete.
 * @throws StoreError other than `not_found`, and what the visitor throws.
 */
export async function readContents(
  reader: ObjectReader,
  backup: string,
  visitor: ContentsVisitor,
  options: CallOptions & { readonly limits?: ContentsLimits } = {},
): Promise<Artefact<ContentsTotals>> {
  const limits = options.limits ?? CONTENTS_LIMITS;
  const key = artefactKey(backup, CONTENTS_SUFFIX);
  const opened = await open(reader, key, limits.storedSizeBytesMax, options);
  if ('state' in opened) return opened;
  const visit = new Visit(visitor);
  const tar = new TarReader(visit, limits);
  let inflatedSizeBytes = 0;
  try {
    for await (const piece of inflate(opened.body, limits.inflatedSizeBytesMax)) {
      inflatedSizeBytes += piece.length;
      tar.push(piece);
    }
    tar.end();
  } catch (error) {
    const { sizeBytes } = opened.info;
    if (!(error instanceof TarDamage)) return damaged(key, sizeBytes, error);
    const { kind, message: reason } = error;
    return kind === 'too-large'
      ? { state: 'too-large', key, sizeBytes, reason }
      : { state: 'unreadable', key, damage: kind, reason };
  }
  const { formatVersion } = visit;
  const value = { formatVersion, entries: tar.entries, inflatedSizeBytes };
  return { state: 'read', value, stored: opened.stored() };
}

/** Between the entries of the archive and the objects of the backup. */
class Visit {
  formatVersion: string | undefined;
  readonly #visitor: ContentsVisitor;
  /** Of the entry whose bytes come next. */
  #path: ObjectPath | undefined;

  constructor(visitor: ContentsVisitor) {
    this.#visitor = visitor;
  }

  treat(path: string, sizeBytes: number): Treatment {
    this.#path = parseObjectPath(path);
    if (this.#path === undefined) {
      return path === VERSION_PATH && sizeBytes <= VERSION_SIZE_BYTES_MAX ? 'keep' : 'skip';
    }
    if (this.#path.resource === SECRETS) return 'skip';
    if (!this.#visitor.wants(this.#path)) return 'digest';
    if (sizeBytes <= OBJECT_SIZE_BYTES_MAX) return 'keep';
    this.problem({ kind: 'too-large-object', path });
    return 'digest';
  }

  entry({ path, sizeBytes, content, digest }: TarEntry): void {
    const object = this.#path;
    if (object !== undefined) {
      const json = content && ((): ParsedJson => parseJson(content, OBJECT_MARKS_MAX));
      this.#visitor.object({ ...object, sizeBytes, digest, json });
    } else if (path === VERSION_PATH) {
      this.formatVersion ??= content && Buffer.from(content).toString('latin1').trim();
    } else {
      this.problem({ kind: 'foreign-path', path });
    }
  }

  problem({ kind, path }: ContentsProblem): void {
    this.#visitor.problem({ kind, path: shown(path) });
  }
}

const VERSION_SIZE_BYTES_MAX = 64;
