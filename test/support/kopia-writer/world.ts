/**
 * A Kopia repository made from nothing, in memory: for tests of what no released Kopia writes,
 * right or deliberately wrong. That it writes like Kopia is proven by Kopia itself in
 * `test/real/kopia-writer.test.ts`.
 *
 *     const world = await kopiaWorld({ hash: 'BLAKE3-256' });
 *     await world.snapshot(world.tree({ 'a.txt': 'hello', sub: { 'b.txt': 'there' } }));
 *     const store = await world.store();
 */
import { gzipSync } from 'node:zlib';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { memoryStore } from '../../../shared/stores/memory.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { type IndexEntry, writeIndexV1, writeIndexV2 } from '../kopia-index-writer.ts';
import { COMPRESSIONS, type Compression, compress, frame } from './compression.ts';
import {
  type FormatChoices,
  type FormatConfig,
  formatConfig,
  keysOf,
  sealFormat,
} from './format.ts';
import { createSeals, hashOfId, type Kdf, type Seals, sealFormatBlock } from './keys.ts';
import { formatReplica, packEnd, packStart, sessionId } from './packs.ts';
import { type RandomBytes, randomFrom } from './random.ts';
import {
  directoryJson,
  type Entry,
  type IndirectPart,
  indirectJson,
  inKopiaOrder,
  type SnapshotOptions,
  snapshotManifest,
  summarise,
  TREE_TIME,
  type Tree,
} from './trees.ts';

export interface WorldOptions extends FormatChoices {
  /** Empty, or with a trailing slash; default `repo/`. */
  readonly prefix?: string;
  readonly password?: string;
  readonly keyDerivation?: Kdf;
  /** Of everything that is random in packs and indexes; default one for all. */
  readonly seed?: string;
  /** Time of the first write; default 1 November 2026. */
  readonly startSeconds?: number;
  /** Plain content of `kopia.blobcfg`; `'none'` leaves the blob out. Default `{}`. */
  readonly blobConfig?: object | 'none';
}

/** How a content is written; everything here can be a lie. */
export interface ContentOptions {
  /** `k`, `m`, `x` or another letter; default none. */
  readonly prefix?: string;
  readonly compression?: Compression;
  /** The id under which it is written, and for which it is sealed, whatever the bytes hash to. */
  readonly id?: string;
  /** What is sealed instead of the (compressed) bytes, the header of a compression included. */
  readonly sealed?: Uint8Array;
  /** What the pack holds instead of the sealed bytes. */
  readonly stored?: Uint8Array;
  /** Members of the index entry that differ from the truth; `'none'` writes no entry. */
  readonly entry?: Partial<IndexEntry> | 'none';
}

export interface IndexOptions {
  /** Default: `xn` of the world's epoch, or `n` without epochs. */
  readonly name?: 'n' | 'xn' | 'xs' | 'xr';
  readonly epoch?: number;
  /** Last epoch of an `xr`. */
  readonly lastEpoch?: number;
  /** Of the set; default random. */
  readonly session?: string;
  /** What `-c` claims; default 1. */
  readonly setSize?: number;
  readonly version?: 1 | 2;
  /** Changes the plain bytes before they are hashed and sealed. */
  readonly spoil?: (plain: Buffer) => Uint8Array;
}

interface ManifestEntry {
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly modified: string;
  readonly deleted?: boolean;
  readonly data?: unknown;
}

interface OpenPack {
  readonly name: string;
  readonly parts: Buffer[];
  sizeBytes: number;
  readonly rows: IndexEntry[];
}

export interface StoredBlob {
  readonly bytes: Buffer;
  readonly timeSeconds: number;
}

const START_SECONDS = Date.UTC(2026, 10, 1, 2) / 1000;

export async function kopiaWorld(options: WorldOptions = {}): Promise<KopiaWorld> {
  const random = randomFrom(options.seed ?? 'kopia-writer');
  // The format hangs on what was chosen and not on the seed, so that many worlds have the same and
  // its key, which is slow to derive on purpose, is derived once.
  const { seed: _, ...choices } = options;
  const fixed = randomFrom(JSON.stringify(choices));
  const config = formatConfig(options, fixed);
  const { password = 'writer-passw0rd', keyDerivation = 'pbkdf2-sha256-600000' } = options;
  const uniqueId = fixed(32);
  const { bytes, formatKey } = sealFormat(config, password, uniqueId, keyDerivation, fixed);
  const seals = await createSeals(keysOf({ config }), random);
  const world = new KopiaWorld(options, { config, password, seals, random, formatBlob: bytes });
  world.put('kopia.repository', bytes);
  if (options.blobConfig !== 'none') {
    const plain = Buffer.from(JSON.stringify(options.blobConfig ?? {}));
    world.put('kopia.blobcfg', sealFormatBlock(plain, formatKey, uniqueId, fixed));
  }
  return world;
}

interface Made {
  readonly config: FormatConfig;
  readonly password: string;
  readonly seals: Seals;
  readonly random: RandomBytes;
  readonly formatBlob: Buffer;
}

export class KopiaWorld {
  readonly prefix: string;
  readonly password: string;
  readonly config: FormatConfig;
  readonly seals: Seals;
  readonly random: RandomBytes;
  /** Every blob by its id; a test may change or remove what it likes. */
  readonly blobs = new Map<string, StoredBlob>();
  /** The clock of everything that is written; a test may move it. */
  timeSeconds: number;
  /** The one that is written to. */
  epoch = 0;
  readonly #replica: Buffer | undefined;
  readonly #packs = new Map<'p' | 'q', OpenPack>();
  #rows: IndexEntry[] = [];
  #manifests: ManifestEntry[] = [];

  constructor(options: WorldOptions, made: Made) {
    this.prefix = options.prefix ?? 'repo/';
    this.password = made.password;
    this.config = made.config;
    this.seals = made.seals;
    this.random = made.random;
    this.timeSeconds = options.startSeconds ?? START_SECONDS;
    this.#replica = made.config.enablePasswordChange ? undefined : formatReplica(made.formatBlob);
  }

  /** Writes a blob as it is. */
  put(blobId: string, bytes: Uint8Array): void {
    this.blobs.set(blobId, { bytes: Buffer.from(bytes), timeSeconds: this.timeSeconds });
  }

  /** Writes a content into the open pack of its kind; answers its id. */
  content(bytes: Uint8Array | string, options: ContentOptions = {}): string {
    const plain = Buffer.from(bytes);
    const { prefix = '' } = options;
    const id = options.id ?? `${prefix}${this.seals.digest(plain).toString('hex')}`;
    const header = options.compression === undefined ? 0 : COMPRESSIONS[options.compression];
    const packed =
      options.compression === undefined
        ? plain
        : frame(header, compress(options.compression, plain));
    const stored = options.stored ?? this.seals.seal(options.sealed ?? packed, hashOfId(id));
    const pack = this.#open(id.length % 2 === 1 ? 'q' : 'p');
    const row: IndexEntry = {
      id,
      packBlob: pack.name,
      packOffset: pack.sizeBytes,
      packedLength: stored.length,
      originalLength: plain.length,
      deleted: false,
      timeSeconds: this.timeSeconds,
      formatVersion: this.config.version,
      compression: header,
      encryptionKeyId: 0,
    };
    pack.parts.push(Buffer.from(stored));
    pack.sizeBytes += stored.length;
    if (options.entry !== 'none') {
      pack.rows.push(row);
      this.#rows.push({ ...row, ...options.entry });
    }
    if (pack.sizeBytes >= this.config.maxPackSize) this.closePacks();
    return id;
  }

  /** Adds entries to the next index without writing a content. */
  entries(...rows: readonly IndexEntry[]): void {
    this.#rows.push(...rows);
  }

  /** The entries that the next index will hold; taken out with `take`. */
  take(): IndexEntry[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** A file of one content, or of several behind an indirect object; answers its object id. */
  file(bytes: Uint8Array | string, chunkBytes = Number.POSITIVE_INFINITY): string {
    const whole = Buffer.from(bytes);
    if (whole.length <= chunkBytes) return this.content(whole);
    const parts: IndirectPart[] = [];
    for (let start = 0; start < whole.length; start += chunkBytes) {
      const piece = whole.subarray(start, start + chunkBytes);
      parts.push({ start, lengthBytes: piece.length, objectId: this.content(piece) });
    }
    return this.indirect(parts);
  }

  /** An indirect object; parts may be indirect themselves. */
  indirect(parts: readonly IndirectPart[], options: ContentOptions = {}): string {
    return `I${this.content(indirectJson(parts), { prefix: 'x', ...options })}`;
  }

  /** A folder of these entries, as the entry of its own parent. */
  directory(name: string, entries: readonly Entry[], options: ContentOptions = {}): Entry {
    const sorted = inKopiaOrder(entries);
    const summ = summarise(sorted);
    const obj = this.content(directoryJson(sorted, summ), { prefix: 'k', ...options });
    return { name, type: 'd', mode: '0755', mtime: TREE_TIME, obj, summ };
  }

  /** A whole tree; answers its root entry. */
  tree(tree: Tree, name = 'data'): Entry {
    const entries = Object.entries(tree).map(([child, value]): Entry => {
      if (typeof value === 'string' || value instanceof Uint8Array) {
        const size = Buffer.from(value).length;
        const obj = this.file(value);
        return { name: child, type: 'f', mode: '0644', size, mtime: TREE_TIME, obj };
      }
      if (typeof value['link'] === 'string') {
        const target = value['link'];
        const [obj, size] = [this.file(target), Buffer.byteLength(target)];
        return { name: child, type: 's', mode: '0777', size, mtime: TREE_TIME, obj };
      }
      return this.tree(value as Tree, child);
    });
    return this.directory(name, entries);
  }

  /** A snapshot; answers its manifest id. */
  snapshot(root: Entry, options: SnapshotOptions = {}): string {
    const { labels, data } = snapshotManifest(root, options);
    return this.manifest(labels, data);
  }

  /** Any manifest; answers its id. `data` may be a snapshot's with anything changed. */
  manifest(
    labels: Readonly<Record<string, string>>,
    data: unknown,
    id = this.random(16).toString('hex'),
  ): string {
    this.#manifests.push({ id, labels, modified: this.#now(), data });
    return id;
  }

  /** Writes the entry that takes a manifest back. */
  deleteManifest(id: string): void {
    this.#manifests.push({ id, modified: this.#now(), deleted: true });
  }

  /** Writes the manifests that were given so far into one content. */
  closeManifests(options: ContentOptions = {}): string | undefined {
    if (this.#manifests.length === 0) return undefined;
    const text = JSON.stringify({ entries: this.#manifests });
    this.#manifests = [];
    return this.content(gzipSync(text), { prefix: 'm', ...options });
  }

  /** Writes the open packs; answers their names. */
  closePacks(): string[] {
    const open = [...this.#packs.values()];
    this.#packs.clear();
    for (const { name, parts, sizeBytes, rows } of open) {
      const localIndex = indexBytes(rows, this.#indexVersion(), Buffer.alloc(0));
      const end = packEnd(sizeBytes, localIndex, this.seals, this.random);
      this.put(name, Buffer.concat([...parts, end]));
    }
    return open.map(({ name }) => name);
  }

  /** Writes an index blob of the given entries; answers its name. */
  index(rows: readonly IndexEntry[], options: IndexOptions = {}): string {
    const { epoch = this.epoch, version = this.#indexVersion(), setSize = 1 } = options;
    const usual = this.config.epochParameters.Enabled ? 'xn' : 'n';
    const kind = options.name ?? usual;
    const plain = indexBytes(rows, version, this.random(32));
    const bytes = options.spoil?.(plain) ?? plain;
    const session = options.session ?? sessionId(this.random, this.timeSeconds);
    const start = {
      n: 'n',
      xn: `xn${epoch}_`,
      xs: `xs${epoch}_`,
      xr: `xr${epoch}_${options.lastEpoch ?? epoch}_`,
    }[kind];
    // Those that maintenance writes have a session without a date.
    const id = kind === 'xs' || kind === 'xr' ? session.slice(0, 17) : session;
    return this.sealedBlob(start, bytes, kind === 'n' ? `-${id}` : `-${id}-c${setSize}`);
  }

  /** A blob whose name says the hash of its content: an index, an `m` log, a session. */
  sealedBlob(start: string, plain: Uint8Array, end = ''): string {
    const hash = this.seals.digest(plain);
    const name = `${start}${hash.toString('hex')}${end}`;
    this.put(name, this.seals.seal(plain, hash));
    return name;
  }

  /** Manifests, packs and then the index of all that is not yet in one, as a Kopia session ends. */
  flush(options: IndexOptions = {}): void {
    this.closeManifests();
    this.closePacks();
    if (this.#rows.length > 0) this.index(this.take(), options);
  }

  /** Everything flushed, in memory, with the time at which each blob was written. */
  async store(): Promise<ObjectStore> {
    this.flush();
    return blobsInMemory(this.prefix, this.blobs);
  }

  #open(kind: 'p' | 'q'): OpenPack {
    const open = this.#packs.get(kind);
    if (open !== undefined) return open;
    const session = sessionId(this.random, this.timeSeconds);
    const name = `${kind}${this.random(16).toString('hex')}-${session}`;
    const start = packStart(this.#replica, this.random);
    const pack = { name, parts: [start], sizeBytes: start.length, rows: [] };
    this.#packs.set(kind, pack);
    return pack;
  }

  #indexVersion(): 1 | 2 {
    return this.config.indexVersion === 1 ? 1 : 2;
  }

  #now(): string {
    return new Date(this.timeSeconds * 1000).toISOString();
  }
}

function indexBytes(
  rows: readonly IndexEntry[],
  version: 1 | 2,
  trailing: Buffer<ArrayBuffer>,
): Buffer {
  return version === 1 ? writeIndexV1(rows, trailing) : writeIndexV2(rows, {}, trailing);
}

/** Blobs below `prefix` of a store in memory, each with its time. */
export async function blobsInMemory(
  prefix: string,
  blobs: ReadonlyMap<string, StoredBlob>,
): Promise<ObjectStore> {
  let nowMs = 0;
  const store = memoryStore('kopia', { now: () => new Date(nowMs), sleep: async () => {} });
  for (const [id, { bytes, timeSeconds }] of blobs) {
    nowMs = timeSeconds * 1000;
    await store.write(`${prefix}${id}`, bytesBody(bytes), { sizeBytes: bytes.length });
  }
  return store;
}
