/**
 * A fixture opened with the writer's keys, and what the real tool says of it: which contents every
 * file of every snapshot needs. None of it goes through `shared/kopia`.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type FixtureRepository, loadFixture } from '../fixtures.ts';
import { COMPRESSIONS } from '../kopia-writer/compression.ts';
import { keysOf, type OpenedFormat, unsealFormat } from '../kopia-writer/format.ts';
import { createSeals, hashOfId, type Seals } from '../kopia-writer/keys.ts';
import { type RandomBytes, randomFrom } from '../kopia-writer/random.ts';
import type { Entry } from '../kopia-writer/trees.ts';
import { blobsInMemory, type StoredBlob } from '../kopia-writer/world.ts';
import { type TruthParts, type Twin, truthOf } from './damage.ts';
import { openShards } from './ecc.ts';

/** A row of `kopia content list --json`. */
export interface ListedContent {
  readonly contentID: string;
  readonly packFile: string;
  readonly packOffset: number;
  readonly length: number;
  readonly originalLength: number;
  readonly time: number;
  readonly deleted: boolean;
  readonly formatVersion: number;
  readonly compression?: number;
}

/** One path of a snapshot and every content that its restore needs, those of its folders included. */
export interface NeededPath {
  readonly path: string;
  readonly type: Entry['type'];
  readonly contents: ReadonlySet<string>;
}

interface ListedSnapshot {
  readonly id: string;
  readonly rootEntry: Entry;
}

/** A fixture of one's own to damage. What does not change is opened once for all its twins. */
export async function openFixture(name: string): Promise<Healthy> {
  const opening = openedFixtures.get(name) ?? readFixture(name);
  openedFixtures.set(name, opening);
  const opened = await opening;
  const random = randomFrom(`damage ${name}`);
  const seals = await createSeals(keysOf(opened.format), random);
  return new Healthy({ ...opened, blobs: new Map(opened.blobs) }, seals, random);
}

const openedFixtures = new Map<string, Promise<Opened>>();

async function readFixture(name: string): Promise<Opened> {
  const fixture = await loadFixture(name);
  const [repository] = fixture.meta.repositories;
  const [reader] = repository?.readers ?? [];
  if (repository === undefined || reader === undefined) throw new Error(`nobody reads "${name}"`);
  const blobs = new Map<string, StoredBlob>();
  for (const { key, lastModified, bytes } of fixture.objects) {
    if (!key.startsWith(repository.prefix)) continue;
    const timeSeconds = lastModified.getTime() / 1000;
    const blob = { bytes: Buffer.from(await bytes()), timeSeconds };
    blobs.set(key.slice(repository.prefix.length), blob);
  }
  const formatBlob = blobs.get('kopia.repository')?.bytes ?? Buffer.alloc(0);
  const listed = fixture.answer(reader.answers, 'contents') as ListedContent[];
  return {
    repository,
    blobs,
    format: unsealFormat(formatBlob, repository.password),
    contents: new Map(listed.map((row) => [row.contentID, row])),
    snapshots: fixture.answer(reader.answers, 'snapshots') as ListedSnapshot[],
  };
}

interface Opened {
  readonly repository: FixtureRepository;
  readonly blobs: Map<string, StoredBlob>;
  readonly format: OpenedFormat;
  readonly contents: ReadonlyMap<string, ListedContent>;
  readonly snapshots: readonly ListedSnapshot[];
}

export class Healthy implements Opened {
  readonly repository: FixtureRepository;
  /** By blob id; to be changed. */
  readonly blobs: Map<string, StoredBlob>;
  readonly format: OpenedFormat;
  readonly contents: ReadonlyMap<string, ListedContent>;
  readonly snapshots: readonly ListedSnapshot[];
  readonly seals: Seals;
  readonly random: RandomBytes;
  readonly #paths: ReadonlyMap<string, readonly NeededPath[]>;

  constructor(opened: Opened, seals: Seals, random: RandomBytes) {
    this.repository = opened.repository;
    this.blobs = opened.blobs;
    this.format = opened.format;
    this.contents = opened.contents;
    this.snapshots = opened.snapshots;
    this.seals = seals;
    this.random = random;
    // Trees are read from the whole bytes, so before anything is damaged.
    this.#paths = new Map(this.snapshots.map(({ id, rootEntry }) => [id, this.#walk(rootEntry)]));
  }

  /** Ids of blobs that begin so, in order. */
  names(start: string): string[] {
    return [...this.blobs.keys()].filter((id) => id.startsWith(start)).sort();
  }

  bytes(id: string): Buffer {
    const blob = this.blobs.get(id);
    if (blob === undefined) throw new Error(`there is no blob "${id}"`);
    return blob.bytes;
  }

  /** Replaces a blob's bytes; its time stays, as with silent damage. */
  change(id: string, change: (bytes: Buffer) => Uint8Array): void {
    const blob = this.blobs.get(id);
    if (blob === undefined) throw new Error(`there is no blob "${id}"`);
    const bytes = Buffer.from(change(Buffer.from(blob.bytes)));
    if (bytes.equals(blob.bytes)) throw new Error(`nothing changed in "${id}"`);
    this.blobs.set(id, { ...blob, bytes });
  }

  /** Writes a blob, a second after all others. */
  put(id: string, bytes: Uint8Array): void {
    const timeSeconds = this.newestSeconds() + 1;
    this.blobs.set(id, { bytes: Buffer.from(bytes), timeSeconds });
  }

  newestSeconds(): number {
    return Math.max(...[...this.blobs.values()].map(({ timeSeconds }) => timeSeconds));
  }

  /** The live contents of a pack, by offset. */
  contentsOf(pack: string): ListedContent[] {
    const rows = [...this.contents.values()].filter((row) => row.packFile === pack && !row.deleted);
    return rows.sort((a, b) => a.packOffset - b.packOffset);
  }

  /** The pack of a kind that holds most contents. */
  busiestPack(kind: 'p' | 'q'): string {
    const [most] = this.names(kind).sort(
      (a, b) => this.contentsOf(b).length - this.contentsOf(a).length,
    );
    if (most === undefined) throw new Error(`there is no pack "${kind}"`);
    return most;
  }

  /** Paths that need one of the contents, by snapshot; snapshots without any are left out. */
  filesLost(contents: Iterable<string>): Record<string, string[]> {
    const lost = new Set(contents);
    const files: Record<string, string[]> = {};
    for (const [id, paths] of this.#paths) {
      const mine = paths.filter(({ contents: needed }) => !needed.isDisjointFrom(lost));
      if (mine.length > 0) files[id] = mine.map(({ path }) => path);
    }
    return files;
  }

  /** The truth where exactly these contents are lost and the repository still opens. */
  truth(contents: readonly string[], parts: TruthParts): TruthParts {
    const packs = new Set(contents.map((id) => this.contents.get(id)?.packFile ?? ''));
    return { contents, packs: [...packs].sort(), files: this.filesLost(contents), ...parts };
  }

  async twin(parts: TruthParts, password = this.repository.password): Promise<Twin> {
    const { prefix } = this.repository;
    const store = await blobsInMemory(prefix, this.blobs);
    return { store, prefix, password, truth: truthOf(parts) };
  }

  /** A content, decrypted and decompressed. */
  read(contentId: string): Buffer {
    const row = this.contents.get(contentId);
    if (row === undefined) throw new Error(`there is no content "${contentId}"`);
    const end = row.packOffset + row.length;
    const packed = this.bytes(row.packFile).subarray(row.packOffset, end);
    const { eccOverheadPercent: percent } = this.format.config;
    const sealed =
      typeof percent === 'number' && percent > 0 ? openShards(packed, percent) : packed;
    const plain = this.seals.unseal(sealed, hashOfId(contentId));
    return row.compression === undefined ? plain : unpack(row.compression, plain);
  }

  #walk(root: Entry): NeededPath[] {
    const paths: NeededPath[] = [];
    const visit = (entry: Entry, path: string, above: ReadonlySet<string>): void => {
      const { bytes, contents } = this.#object(entry.obj, entry.type === 'd');
      const needed = above.union(contents);
      paths.push({ path, type: entry.type, contents: needed });
      if (bytes === undefined) return;
      const { entries } = JSON.parse(bytes.toString('utf8')) as { entries?: Entry[] };
      for (const child of entries ?? []) {
        visit(child, path === '' ? child.name : `${path}/${child.name}`, needed);
      }
    };
    visit(root, '', new Set());
    return paths;
  }

  /** What an object is made of, and its bytes where they are asked for. */
  #object(objectId: string, read: boolean): { bytes?: Buffer; contents: Set<string> } {
    const id = objectId.replace(/^D/, '');
    if (!id.startsWith('I')) {
      return { contents: new Set([id]), ...(read && { bytes: this.read(id) }) };
    }
    const list = this.#object(id.slice(1), true);
    const text = list.bytes?.toString('utf8') ?? '';
    const { entries } = JSON.parse(text) as { entries: { o: string }[] };
    const parts = entries.map(({ o }) => this.#object(o, read));
    const contents = parts.reduce((all, part) => all.union(part.contents), list.contents);
    if (!read) return { contents };
    return { contents, bytes: Buffer.concat(parts.flatMap(({ bytes }) => bytes ?? [])) };
  }
}

function unpack(header: number, framed: Buffer): Buffer {
  if (framed.readUInt32BE() !== header) throw new Error('the header is another');
  const stream = framed.subarray(4);
  if (header === COMPRESSIONS.gzip) return gunzipSync(stream);
  return zstdDecompressSync(stream);
}
