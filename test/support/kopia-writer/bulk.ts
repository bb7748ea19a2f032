/**
 * A large repository of small contents, straight to a folder that a gateway can serve as a bucket:
 * for benchmarks. Random bytes from a seed; memory stays at a few packs whatever the size.
 *
 *     node test/support/kopia-writer/bulk.ts <contents> <folder> [prefix]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IndexColumns } from './index-columns.ts';
import { packEnd, packStart, sessionId } from './packs.ts';
import { type RandomBytes, randomFrom } from './random.ts';
import { type Entry, TREE_TIME } from './trees.ts';
import { type KopiaWorld, kopiaWorld } from './world.ts';

export interface BulkOptions {
  /** Contents without a prefix letter; each is a file of the one snapshot. */
  readonly contents: number;
  /** Folder of the bucket; blobs become files `<folder>/<prefix><blob id>`. */
  readonly folder: string;
  /** Empty, or with a trailing slash; default `repo/`. */
  readonly prefix?: string;
  /** Least and most bytes of a content; default 200 and 400. */
  readonly contentSizeBytes?: readonly [least: number, most: number];
  /** Default 100,000, about what a long upload writes between two flushes. */
  readonly contentsPerIndex?: number;
  readonly filesPerDirectory?: number;
  readonly seed?: string;
}

export interface BulkRepository {
  readonly prefix: string;
  readonly password: string;
  readonly snapshotId: string;
  readonly contents: number;
  readonly packs: number;
  readonly indexes: number;
  /** Of all files that were written. */
  readonly sizeBytes: number;
}

export async function writeBulk(options: BulkOptions): Promise<BulkRepository> {
  const bulk = await Bulk.start(options);
  return await bulk.write();
}

class Bulk {
  readonly #options: BulkOptions;
  readonly #world: KopiaWorld;
  readonly #random: RandomBytes;
  readonly #packBytes: Buffer;
  readonly #index: { columns: IndexColumns; written: number };
  readonly #done = { packs: 0, sizeBytes: 0 };

  private constructor(options: BulkOptions, world: KopiaWorld, random: RandomBytes) {
    this.#options = options;
    this.#world = world;
    this.#random = random;
    this.#packBytes = Buffer.alloc(world.config.maxPackSize + 1024 * 1024);
    this.#index = { columns: this.#newIndex(), written: 0 };
  }

  static async start(options: BulkOptions): Promise<Bulk> {
    const { seed = 'bulk', prefix = 'repo/' } = options;
    const world = await kopiaWorld({ seed, prefix });
    await mkdir(dirname(join(options.folder, prefix, 'blob')), { recursive: true });
    return new Bulk(options, world, randomFrom(`${seed} contents`));
  }

  async write(): Promise<BulkRepository> {
    const { contents, filesPerDirectory = 1000 } = this.#options;
    const folders: Entry[] = [];
    let files: Entry[] = [];
    for await (const { hash, sizeBytes } of this.#contents()) {
      const name = `file-${String(files.length).padStart(6, '0')}`;
      const obj = hash.toString('hex');
      files.push({ name, type: 'f', mode: '0644', size: sizeBytes, mtime: TREE_TIME, obj });
      if (files.length < filesPerDirectory) continue;
      folders.push(await this.#directory(folders.length, files));
      files = [];
    }
    if (files.length > 0) folders.push(await this.#directory(folders.length, files));
    const root = this.#world.directory('data', folders, { compression: 'zstd-fastest' });
    const snapshotId = this.#world.snapshot(root);
    this.#world.flush();
    await this.#drain();
    return {
      prefix: this.#world.prefix,
      password: this.#world.password,
      snapshotId,
      contents,
      indexes: this.#index.written + 1,
      ...this.#done,
    };
  }

  /** Makes the contents and writes their packs and indexes as these fill. */
  async *#contents(): AsyncGenerator<{ hash: Buffer; sizeBytes: number }> {
    const { contents, contentSizeBytes: [least, most] = [200, 400] } = this.#options;
    const { seals, config } = this.#world;
    let made = 0;
    while (made < contents) {
      const name = `p${this.#random(16).toString('hex')}-${this.#session()}`;
      const local = this.#newIndex();
      local.startPack(name);
      this.#index.columns.startPack(name);
      let size = packStart(undefined, this.#random).copy(this.#packBytes);
      const isFull = (): boolean => size >= config.maxPackSize || local.isFull;
      for (; made < contents && !isFull(); made += 1) {
        const draw = this.#random(most + 2);
        const sizeBytes = least + (draw.readUInt16LE(most) % (most - least + 1));
        const plain = draw.subarray(0, sizeBytes);
        const hash = seals.digest(plain);
        const packedLength = seals.seal(plain, hash).copy(this.#packBytes, size);
        for (const columns of [local, this.#index.columns]) {
          columns.add(hash, size, packedLength, sizeBytes);
        }
        size += packedLength;
        if (this.#index.columns.isFull) this.#pendingIndexes.push(this.#closeIndex(name));
        yield { hash, sizeBytes };
      }
      await this.#writePack(name, this.#packBytes.subarray(0, size), local);
    }
    if (this.#index.columns.count > 0) this.#pendingIndexes.push(this.#closeIndex(undefined));
    await this.#drain();
  }

  /** Indexes of which the last pack is not written yet, so that they must wait for it. */
  #pendingIndexes: Buffer[] = [];

  /** Takes the index that is full, and starts another in the same pack. */
  #closeIndex(pack: string | undefined): Buffer {
    const bytes = this.#indexBytes(this.#index.columns, 32);
    this.#index.columns = this.#newIndex();
    this.#index.written += 1;
    if (pack !== undefined) this.#index.columns.startPack(pack);
    return bytes;
  }

  async #writePack(name: string, bytes: Buffer, local: IndexColumns): Promise<void> {
    const { seals } = this.#world;
    const end = packEnd(bytes.length, this.#indexBytes(local, 0), seals, this.#random);
    await this.#writeFile(name, Buffer.concat([bytes, end]));
    this.#done.packs += 1;
    await this.#drain();
  }

  async #directory(number: number, files: readonly Entry[]): Promise<Entry> {
    const name = `folder-${String(number).padStart(6, '0')}`;
    return this.#world.directory(name, files, { compression: 'zstd-fastest' });
  }

  /** Moves what the world has written, and the indexes that are due, to the folder. */
  async #drain(): Promise<void> {
    for (const plain of this.#pendingIndexes.splice(0)) {
      this.#world.sealedBlob('xn0_', plain, `-${this.#session()}-c1`);
    }
    for (const [id, { bytes }] of [...this.#world.blobs]) {
      await this.#writeFile(id, bytes);
      this.#world.blobs.delete(id);
    }
  }

  async #writeFile(id: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.#options.folder, this.#world.prefix, id), bytes);
    this.#done.sizeBytes += bytes.length;
  }

  #newIndex(): IndexColumns {
    const { contentsPerIndex = 100_000 } = this.#options;
    return new IndexColumns(contentsPerIndex, this.#world.seals.digestBytes);
  }

  #indexBytes(columns: IndexColumns, trailingBytes: number): Buffer {
    const format = {
      timeSeconds: this.#world.timeSeconds,
      formatVersion: this.#world.config.version,
    };
    return columns.toBytes(format, this.#random(trailingBytes));
  }

  #session(): string {
    return sessionId(this.#random, this.#world.timeSeconds);
  }
}

if (import.meta.main) {
  const [contents, folder, prefix = 'repo/'] = process.argv.slice(2);
  if (contents === undefined || folder === undefined) {
    console.error('cannot tell what to write, give the number of contents and a folder');
    process.exitCode = 2;
  } else {
    const started = performance.now();
    const made = await writeBulk({ contents: Number(contents), folder, prefix });
    const seconds = (performance.now() - started) / 1000;
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    console.log(JSON.stringify({ ...made, seconds, peakBytes }));
  }
}
