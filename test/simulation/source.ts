/**
 * A simulated Kopia at the source: sessions of a client, deletions of snapshots, Velero's metadata.
 * Every method is a generator that stops after each operation on the store, so that whoever
 * copies can look at the source in between (reference 8.2).
 */
import type { Chance } from './chance.ts';
import { activeIds, viewOf } from './model.ts';
import type { Body, ManifestText, SimEntry, SimStore } from './store.ts';

export type Work = Generator<void, void>;

export interface Owner {
  readonly backup: string;
  readonly expiresAt: Date;
}

const DAY_MS = 24 * 3_600_000;

export class KopiaSource {
  readonly store: SimStore;
  readonly chance: Chance;
  readonly now: () => number;
  /** Every pack that was ever written, and every snapshot that ever was. */
  readonly packs = new Map<string, Body>();
  readonly owners = new Map<string, Owner>();
  /** A client is at work since then. */
  sessionSince: number | undefined;
  private password = 1;
  private snapshots = 0;

  constructor(store: SimStore, chance: Chance, now: () => number, epochs: boolean) {
    this.store = store;
    this.chance = chance;
    this.now = now;
    store.put('kopia.blobcfg', { kind: 'config', password: this.password });
    store.put('kopia.repository', { kind: 'format', epochs, password: this.password });
    store.put('udmrepo.Repository', { kind: 'text' });
  }

  get epochs(): boolean {
    return this.store.body('kopia.repository', 'format')?.epochs ?? false;
  }

  get seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  get view() {
    return viewOf(this.store) ?? { entries: new Map<string, SimEntry>(), snapshots: new Map() };
  }

  currentEpoch(): number {
    const markers = [...this.store.objects.keys()].filter((id) => id.startsWith('xe'));
    return Math.max(0, ...markers.map((id) => Number(id.slice(2))));
  }

  activeIds(): string[] {
    return activeIds(this.store, this.epochs);
  }

  /** A backup: contents in packs, flushed now and then, the manifest last, then Velero's metadata. */
  *backUp(): Work {
    this.sessionSince = this.now();
    const { entries } = this.view;
    const known = [...entries.values()].filter(
      ({ id, deleted }) => !deleted && !id.startsWith('m'),
    );
    const reused = known.filter(() => this.chance.is(0.3)).map(({ id }) => id);
    const fresh = Array.from({ length: this.chance.between(1, 8) }, () => this.contentId());
    for (let at = 0; at < fresh.length; ) {
      const count = this.chance.between(1, 4);
      const flushed: SimEntry[] = [];
      const batch = fresh.slice(at, at + count);
      yield* this.writePack('p', batch, flushed);
      at += count;
      yield* this.writeIndex(flushed);
    }
    const id = this.chance.hex(32);
    this.snapshots += 1;
    const days = this.chance.between(1, 6);
    const expiresAt = new Date(this.now() + days * DAY_MS);
    const backup = `backup/${id}`;
    this.owners.set(id, { backup, expiresAt });
    yield* this.writeManifest({ added: [{ id, needs: [...reused, ...fresh] }], deleted: [] });
    this.sessionSince = undefined;
    this.store.put(backup, { kind: 'text' });
    yield;
  }

  /** Expired backups go, and now and then one that has not expired. */
  *expire(): Work {
    const doomed = [...this.view.snapshots.keys()].filter((id) => {
      const expiresAt = this.owners.get(id)?.expiresAt.getTime() ?? 0;
      return expiresAt <= this.now() || this.chance.is(0.01);
    });
    yield* this.forget(doomed.slice(0, this.chance.between(1, 3)));
  }

  /** Somebody deletes every backup, and goes on writing as if nothing had been. */
  *destroy(): Work {
    yield* this.forget([...this.view.snapshots.keys()]);
  }

  private *forget(ids: readonly string[]): Work {
    for (const id of ids) {
      this.store.remove(`backup/${id}`);
      yield;
    }
    if (ids.length > 0) yield* this.writeManifest({ added: [], deleted: ids });
  }

  /** The config first, then the format, as Kopia does it. */
  *changePassword(): Work {
    this.password += 1;
    this.store.put('kopia.blobcfg', { kind: 'config', password: this.password });
    yield;
    const { epochs, password } = this;
    this.store.put('kopia.repository', { kind: 'format', epochs, password });
    yield;
  }

  /** From the format before epochs: what is active is written again, then the format is replaced. */
  *upgrade(): Work {
    for (const id of this.activeIds()) {
      const entries = this.store.body(id, 'index')?.entries ?? [];
      this.store.put(`xn0_${this.chance.hex(32)}-${this.setId()}-c1`, { kind: 'index', entries });
      yield;
    }
    const { password } = this;
    this.store.put('kopia.repository', { kind: 'format', epochs: true, password });
    yield;
    const reason = 'repository_unreadable_by_this_kopia_version_upgrade_required';
    this.store.put(`n${'0'.repeat(32)}-${reason}`, { kind: 'text' });
    yield;
  }

  *writeManifest(text: ManifestText, alsoDeleted: readonly SimEntry[] = []): Work {
    const flushed: SimEntry[] = [];
    const id = `m${this.chance.hex(32)}`;
    yield* this.writePack('q', [id], flushed, new Map([[id, text]]));
    const tombstones = alsoDeleted.map((entry) => ({
      ...entry,
      seconds: Math.max(this.seconds, entry.seconds + 1),
      deleted: true,
    }));
    yield* this.writeIndex([...flushed, ...tombstones]);
  }

  /** Adds an entry for each content to `flushed` once the pack is there. */
  *writePack(
    letter: 'p' | 'q',
    contents: readonly string[],
    flushed: SimEntry[],
    manifests: ReadonlyMap<string, ManifestText> = new Map(),
    secondsMin: ReadonlyMap<string, number> = new Map(),
  ): Work {
    const pack = `${letter}${this.chance.hex(32)}-${this.setId()}`;
    const body: Body = { kind: 'pack', manifests };
    this.packs.set(pack, body);
    this.store.put(pack, body);
    for (const id of contents) {
      const seconds = Math.max(this.seconds, secondsMin.get(id) ?? 0);
      flushed.push({ id, pack, seconds, deleted: false });
    }
    yield;
  }

  /** One blob or two, of a name that is random. */
  *writeIndex(entries: readonly SimEntry[]): Work {
    if (entries.length === 0) return;
    const half = entries.length > 3 && this.chance.is(0.3) ? Math.ceil(entries.length / 2) : 0;
    const shards = half > 0 ? [entries.slice(0, half), entries.slice(half)] : [entries];
    const set = this.setId();
    const epoch = this.currentEpoch();
    for (const shard of shards) {
      const hash = this.chance.hex(32);
      const id = this.epochs ? `xn${epoch}_${hash}-${set}-c${shards.length}` : `n${hash}-${set}`;
      this.store.put(id, { kind: 'index', entries: shard });
      yield;
    }
  }

  setId(): string {
    return `s${this.chance.hex(19)}`;
  }

  private contentId(): string {
    return `${this.chance.is(0.3) ? 'k' : ''}${this.chance.hex(32)}`;
  }
}
