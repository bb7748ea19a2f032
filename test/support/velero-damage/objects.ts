/** The objects of the real Velero root in memory, to be changed. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { memoryStore } from '../../../shared/stores/memory.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { loadFixture } from '../fixtures.ts';
import { joinTar, splitTar, type TarPart } from './tarballs.ts';

/** Where the root lies in its bucket. */
export const PREFIX = 'prod/';

interface HeldObject {
  readonly bytes: Uint8Array;
  readonly lastModified: Date;
  readonly storageClass?: string;
}

const originals = new Map<'velero', Promise<ReadonlyMap<string, HeldObject>>>();

async function readOriginals(): Promise<ReadonlyMap<string, HeldObject>> {
  const { objects } = await loadFixture('velero/v1.18.2');
  const held = new Map<string, HeldObject>();
  for (const { key, lastModified, bytes } of objects) {
    held.set(key.slice(PREFIX.length), { bytes: await bytes(), lastModified });
  }
  return held;
}

/** The untouched root, to be changed by whoever opened it; its bytes are read once. */
export async function openRoot(backup: string): Promise<VeleroObjects> {
  const reading = originals.get('velero') ?? readOriginals();
  originals.set('velero', reading);
  return new VeleroObjects(backup, new Map(await reading));
}

export type RootParts = 'all' | 'backups';

type Json = Record<string, unknown>;

export class VeleroObjects {
  readonly backup: string;
  readonly #objects: Map<string, HeldObject>;

  constructor(backup: string, objects: Map<string, HeldObject>) {
    this.backup = backup;
    this.#objects = objects;
  }

  /** The key of a file of the backup: `velero-backup.json`, or a suffix such as `.tar.gz`. */
  key(file: string): string {
    const name = /^[.-]/.test(file) ? `${this.backup}${file}` : file;
    return `backups/${this.backup}/${name}`;
  }

  /** The same objects, seen from another backup. */
  of(backup: string): VeleroObjects {
    return new VeleroObjects(backup, this.#objects);
  }

  /** Files of the backup, in the order of their keys. */
  files(): readonly string[] {
    const folder = `backups/${this.backup}/`;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(folder));
    return keys.map((key) => key.slice(folder.length));
  }

  bytes(file: string): Buffer {
    const held = this.#objects.get(this.key(file));
    if (held === undefined) throw new Error(`there is no "${this.key(file)}"`);
    return Buffer.from(held.bytes);
  }

  /** Writes any key, at the time of the object that was there, else with the newest. */
  putKey(key: string, bytes: Uint8Array | string, lastModified?: Date): void {
    const newest = Math.max(
      ...[...this.#objects.values()].map((one) => one.lastModified.getTime()),
    );
    const before = this.#objects.get(key);
    const time = lastModified ?? before?.lastModified ?? new Date(newest);
    this.#objects.set(key, { bytes: Buffer.from(bytes), lastModified: time });
  }

  put(file: string, bytes: Uint8Array | string): void {
    this.putKey(this.key(file), bytes);
  }

  change(file: string, change: (bytes: Buffer) => Uint8Array): void {
    const before = this.bytes(file);
    const after = Buffer.from(change(Buffer.from(before)));
    if (after.equals(before)) throw new Error(`nothing changed in "${this.key(file)}"`);
    this.put(file, after);
  }

  remove(...files: readonly string[]): void {
    for (const file of files) {
      if (!this.#objects.delete(this.key(file))) throw new Error(`there is no "${file}"`);
    }
  }

  /** As a lifecycle rule or a wrong mount leaves a root. */
  removeAll(): void {
    this.#objects.clear();
  }

  move(file: string, key: string): void {
    this.putKey(key, this.bytes(file), this.#objects.get(this.key(file))?.lastModified);
    this.remove(file);
  }

  date(file: string, lastModified: Date): void {
    this.putKey(this.key(file), this.bytes(file), lastModified);
  }

  /** From now on it can be listed and not be read. */
  archive(file: string): void {
    const held = this.#objects.get(this.key(file));
    if (held === undefined) throw new Error(`there is no "${file}"`);
    this.#objects.set(this.key(file), { ...held, storageClass: 'GLACIER' });
  }

  /** Replaces what a gzip holds. */
  gzip(file: string, content: Uint8Array | string): void {
    this.put(file, gzipSync(content));
  }

  /** Changes the JSON of an artefact; answers with another value or changes the one given. */
  json<T>(file: string, change: (value: T) => unknown): void {
    const isGzip = file.endsWith('.gz');
    this.change(file, (bytes) => {
      const value = JSON.parse((isGzip ? gunzipSync(bytes) : bytes).toString('utf8')) as T;
      const changed = JSON.stringify(change(value) ?? value);
      return isGzip ? gzipSync(changed) : Buffer.from(changed);
    });
  }

  /** Changes `status` of velero-backup.json. */
  status(changes: Json): void {
    this.json<{ status: Json }>('velero-backup.json', (backup) => ({
      ...backup,
      status: { ...backup.status, ...changes },
    }));
  }

  /** Changes the entries of the tarball. */
  tar(change: (parts: readonly TarPart[]) => readonly (TarPart | Uint8Array)[]): void {
    this.change('.tar.gz', (bytes) =>
      gzipSync(joinTar(change(splitTar(gunzipSync(bytes)))), { level: 1 }),
    );
  }

  /**
   * As a store: times are kept, archived objects are refused as the vendors refuse them.
   * @param parts `backups` leaves out the Kopia repositories, whose packs are most of the bytes.
   */
  async store(parts: RootParts = 'all'): Promise<ObjectStore> {
    let standing = new Date(0);
    const store = memoryStore('damaged', { now: () => standing, sleep: async () => {} });
    for (const [key, { bytes, lastModified }] of this.#objects) {
      if (parts === 'backups' && key.startsWith('kopia/')) continue;
      standing = lastModified;
      await store.write(`${PREFIX}${key}`, bytesBody(bytes), { sizeBytes: bytes.length });
    }
    const classes = new Map<string, string>();
    for (const [key, { storageClass }] of this.#objects) {
      if (storageClass !== undefined) classes.set(`${PREFIX}${key}`, storageClass);
    }
    return classes.size === 0 ? store : archived(store, classes);
  }
}

function archived(store: ObjectStore, classes: ReadonlyMap<string, string>): ObjectStore {
  return {
    ...store,
    async *list(prefix, options) {
      for await (const info of store.list(prefix, options)) {
        const storageClass = classes.get(info.key);
        yield storageClass === undefined ? info : { ...info, storageClass };
      }
    },
    async read(key, options) {
      const storageClass = classes.get(key);
      if (storageClass === undefined) return store.read(key, options);
      throw new StoreError('archived', `Cannot read "${key}": it lies in ${storageClass}`);
    },
  };
}
