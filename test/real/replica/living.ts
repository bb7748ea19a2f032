/** A repository that a released Kopia goes on writing to while it is replicated. */
import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { SMALL_TREE, writeTree } from '../../fixtures/source-tree.ts';
import type { FixtureRepository, LoadedObject } from '../../support/fixtures.ts';
import { capture, fill } from './captured.ts';
import { type Identity, Kopia, type KopiaPlace, type Tree } from './kopia.ts';
import type { Places, StoreKind } from './places.ts';
import { placeObjects } from './roots.ts';

/** Who Velero is to Kopia, and the password that it has unless told otherwise. */
const VELERO: Identity = { username: 'default', hostname: 'default' };
const VELERO_PASSWORD = 'static-passw0rd';

/**
 * Kopia derives the key anew in each of its processes; this way of doing it costs a third of the
 * default's time, and what is in the store is the same but for one line of `kopia.repository`.
 */
const FAST_KEY = '--format-block-key-derivation-algorithm=pbkdf2-sha256-600000';

/** Part of what a fixture has of a repository. */
export interface Kept {
  readonly repository: FixtureRepository;
  readonly objects: readonly LoadedObject[];
}

export class Living {
  /** Its prefix in the bucket or container. */
  readonly prefix: string;
  readonly kind: StoreKind;
  readonly writer: Kopia;
  /** All passwords that it ever had, the current one last. */
  readonly passwords: string[] = [VELERO_PASSWORD];
  /** What every snapshot restores to, as the source itself gave it back; also of deleted ones. */
  readonly truth = new Map<string, Tree>();
  readonly #places: Places;
  readonly #name: string;

  private constructor(places: Places, kind: StoreKind, name: string, writer: Kopia) {
    this.#places = places;
    this.#name = name;
    this.kind = kind;
    this.prefix = prefixOf(name);
    this.writer = writer;
  }

  /** Makes the repository as Velero does; `flags` go to `kopia repository create`. */
  static async create(
    places: Places,
    kind: StoreKind,
    name: string,
    flags: readonly string[] = [],
  ): Promise<Living> {
    const prefix = prefixOf(name);
    const options = { password: VELERO_PASSWORD, identity: VELERO };
    const make = [FAST_KEY, ...flags];
    const first = await Kopia.write(places.kopia('S3', prefix), options, 'create', make);
    if (kind === 'S3') return new Living(places, kind, name, first);
    // `repository create` has no way to leave TLS out on Blob; `connect` has.
    await first.close();
    await fill(await places.store(kind, prefix), await capture(await places.store('S3', prefix)));
    const writer = await Kopia.write(places.kopia(kind, prefix), options, 'connect');
    return new Living(places, kind, name, writer);
  }

  /** A repository that a fixture keeps, as far as it had come at some time. Nobody writes to it. */
  static async adopt(
    places: Places,
    kind: StoreKind,
    name: string,
    { repository, objects }: Kept,
  ): Promise<Living> {
    const { prefix, password } = repository;
    await placeObjects(await places.store(kind, prefixOf(name)), kind, objects, prefix);
    const reader = await Kopia.connect(places.kopia(kind, prefixOf(name)), { password });
    const living = new Living(places, kind, name, reader);
    living.passwords.splice(0, 1, password);
    return living;
  }

  /** Puts what a fixture's repository became later. */
  async grow({ repository, objects }: Kept): Promise<void> {
    const store = await this.#places.store(this.kind, this.prefix);
    await placeObjects(store, this.kind, objects, repository.prefix);
  }

  get place(): KopiaPlace {
    return this.#places.kopia(this.kind, this.prefix);
  }

  get password(): string {
    return this.passwords.at(-1) ?? '';
  }

  /** Puts `udmrepo.Repository`, by which Velero knows its repositories. */
  async putMarker(): Promise<void> {
    const status = (await this.writer.json('repository', 'status')) as { uniqueIDHex: string };
    const uniqueID = Buffer.from(status.uniqueIDHex, 'hex').toString('base64');
    const bytes = Buffer.from(JSON.stringify({ uniqueID }));
    const store = await this.#places.store(this.kind, this.prefix);
    await store.write('udmrepo.Repository', bytesBody(bytes), { sizeBytes: bytes.length });
  }

  /** Backs a volume up, as it stands in one of two generations, in Velero's manner. */
  async backUp(volume: string, generation: 1 | 2, smallFiles: number): Promise<void> {
    const folder = join(this.#places.folder, 'volumes', this.#name, volume);
    await writeTree(folder, generation, { ...SMALL_TREE, smallFiles });
    const path = `snapshot-pod-volume/kopia/${this.#name}/${volume}/data`;
    const source = ['--override-source', `default@default:${path}`];
    const tags = [
      '--tags=snapshot-requester:snapshot-pod-volume',
      '--tags=snapshot-uploader:kopia',
    ];
    const others = ['--pin=velero-pin', '--description=Kopia Uploader', '--no-auto-maintenance'];
    await this.writer.run('snapshot', 'create', folder, ...source, ...tags, ...others);
  }

  /** Deletes the oldest snapshot's manifest, as Velero does when a backup expires. */
  async deleteOldest(): Promise<void> {
    const [oldest] = await this.writer.snapshots();
    if (oldest === undefined) throw new Error('there is no snapshot to delete');
    this.truth.set(oldest.id, await this.writer.restore(oldest.id));
    await this.writer.run('snapshot', 'delete', oldest.id, '--delete');
  }

  async changePassword(password: string): Promise<void> {
    await this.writer.changePassword(password);
    this.passwords.push(password);
  }

  /**
   * Restores those snapshots of the source that are new since the last time, into `truth`; answers
   * with the ids of all that it lists now.
   */
  async learn(): Promise<readonly string[]> {
    const reader = await Kopia.connect(this.place, { password: this.password });
    try {
      const ids = (await reader.snapshots()).map(({ id }) => id);
      const fresh = ids.filter((id) => !this.truth.has(id));
      await Promise.all(fresh.map(async (id) => this.truth.set(id, await reader.restore(id))));
      return ids.sort();
    } finally {
      await reader.close();
    }
  }

  /**
   * Makes every object older, as if the source had been left alone so long: versitygw's objects
   * are files, and what it tells as their time is the file's. Kopia believes the store's times.
   */
  async letTimePass(hours: number): Promise<void> {
    const folder = join(this.#places.folder, 'data', 'backups', this.prefix);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const earlier = new Date((await stat(path)).mtimeMs - hours * 3_600_000);
      await utimes(path, earlier, earlier);
    }
  }

  async close(): Promise<void> {
    await this.writer.close();
  }
}

const prefixOf = (name: string): string => `source/living/${name}/`;
