/** Kopia's maintenance at the simulated source, with its safety delays (reference 5.5, 8.2). */
import { viewOf } from './model.ts';
import type { KopiaSource, Work } from './source.ts';
import type { ManifestText, SimEntry } from './store.ts';

const HOUR_MS = 3_600_000;

export class Maintenance {
  private readonly kopia: KopiaSource;
  /** Beginnings of the runs of garbage collection, by the clock of the store. */
  private readonly collections: number[] = [];
  private rewrittenMs = 0;

  constructor(kopia: KopiaSource) {
    this.kopia = kopia;
  }

  *full(): Work {
    const { kopia } = this;
    // A client that was at work during the last collection has not shown what it needs.
    const last = this.collections.at(-1) ?? 0;
    if (kopia.sessionSince !== undefined && kopia.sessionSince < last + HOUR_MS) return;
    yield* this.compactManifests();
    yield* this.collect();
    yield* this.rewrite();
    if (kopia.epochs) yield* this.dropDeleted();
    else yield* this.compactBeforeEpochs();
    yield* this.deletePacks();
    if (kopia.epochs) yield* this.quick();
  }

  /** Epochs: compacts, goes on, and removes what is superseded. */
  *quick(): Work {
    if (!this.kopia.epochs) return;
    yield* this.compactEpoch();
    yield* this.advance();
    yield* this.checkpoint();
    yield* this.cleanUp();
  }

  private *compactManifests(): Work {
    const { entries, snapshots } = this.kopia.view;
    const old = [...entries.values()].filter(({ id, deleted }) => id.startsWith('m') && !deleted);
    if (old.length < 6) return;
    const added = [...snapshots].map(([id, needs]) => ({ id, needs }));
    yield* this.kopia.writeManifest({ added, deleted: [] }, old);
  }

  /** Marks what no snapshot reads as deleted, and brings back what one does. */
  private *collect(): Work {
    const { kopia } = this;
    this.collections.push(kopia.now());
    const { entries, snapshots } = kopia.view;
    const needed = new Set([...snapshots.values()].flat());
    const marked: SimEntry[] = [];
    const back: SimEntry[] = [];
    for (const entry of entries.values()) {
      if (entry.id.startsWith('m')) continue;
      const isOld = kopia.seconds - entry.seconds >= 24 * 3600;
      if (needed.has(entry.id) && entry.deleted) back.push(entry);
      if (needed.has(entry.id) || entry.deleted || !isOld) continue;
      marked.push({ ...entry, seconds: kopia.seconds, deleted: true });
    }
    const flushed: SimEntry[] = [];
    yield* this.writeAgain(back, flushed);
    yield* kopia.writeIndex([...flushed, ...marked]);
  }

  private *rewrite(): Work {
    const { kopia } = this;
    const young = kopia.seconds - 2 * 3600;
    const live = [...kopia.view.entries.values()].filter(
      ({ deleted, seconds }) => !deleted && seconds <= young,
    );
    const perPack = new Map<string, SimEntry[]>();
    for (const entry of live) perPack.set(entry.pack, [...(perPack.get(entry.pack) ?? []), entry]);
    const short = [...perPack.values()].filter((list) => list.length < 3).flat();
    if (short.length < 4 || kopia.chance.is(0.4)) return;
    const flushed: SimEntry[] = [];
    yield* this.writeAgain(short, flushed);
    yield* kopia.writeIndex(flushed);
    this.rewrittenMs = kopia.now();
  }

  /** Into new packs: those of manifests apart from the others. */
  private *writeAgain(entries: readonly SimEntry[], flushed: SimEntry[]): Work {
    const { kopia } = this;
    for (const letter of ['p', 'q'] as const) {
      const group = entries.filter(({ id }) => id.startsWith('m') === (letter === 'q'));
      if (group.length === 0) continue;
      const texts = new Map<string, ManifestText>();
      for (const { id, pack } of group) {
        const text = kopia.store.body(pack, 'pack')?.manifests.get(id);
        if (text) texts.set(id, text);
      }
      const ids = group.map(({ id }) => id);
      const after = new Map(group.map(({ id, seconds }) => [id, seconds + 1]));
      yield* kopia.writePack(letter, ids, flushed, texts, after);
    }
  }

  /** Two collections, four hours apart, have seen these entries deleted: seconds, 0 for none. */
  private droppable(): number {
    const last = this.collections.at(-1) ?? 0;
    const before = this.collections.findLast((begun) => last - begun > 4 * HOUR_MS);
    return before === undefined ? 0 : Math.max(0, Math.floor((before - HOUR_MS) / 1000));
  }

  private *dropDeleted(): Work {
    const seconds = this.droppable();
    if (seconds === 0) return;
    this.kopia.store.put(`xw${seconds}`, { kind: 'text' });
    yield;
  }

  /** All indexes into one, less the deleted entries; inputs go an hour later, then their log. */
  private *compactBeforeEpochs(): Work {
    const { kopia } = this;
    const { store } = kopia;
    for (const { id, body, timeMs } of [...store.objects.values()]) {
      if (body.kind !== 'log' || kopia.now() - timeMs < HOUR_MS) continue;
      for (const input of body.inputs.filter((each) => store.objects.has(each))) {
        store.remove(input);
        yield;
      }
      if (kopia.now() - timeMs < 24 * HOUR_MS) continue;
      store.remove(id);
      yield;
    }
    const inputs = kopia.activeIds();
    if (inputs.length < 4) return;
    const dropped = this.droppable();
    const entries = [...kopia.view.entries.values()].filter(
      ({ deleted, seconds }) => !deleted || seconds > dropped,
    );
    const output = `n${kopia.chance.hex(32)}-${kopia.setId()}`;
    store.put(output, { kind: 'index', entries });
    yield;
    store.put(`m${kopia.chance.hex(32)}`, { kind: 'log', inputs, outputs: [output] });
    yield;
  }

  private *deletePacks(): Work {
    const { store, now } = this.kopia;
    if (now() - this.rewrittenMs < HOUR_MS) return;
    const named = new Set([...(viewOf(store)?.entries.values() ?? [])].map(({ pack }) => pack));
    for (const { id, body, timeMs } of [...store.objects.values()]) {
      if (body.kind !== 'pack' || named.has(id) || now() - timeMs < 24 * HOUR_MS) continue;
      store.remove(id);
      yield;
    }
  }

  private idsOf(prefix: string): string[] {
    return [...this.kopia.store.objects.keys()].filter((id) => id.startsWith(prefix)).sort();
  }

  private merged(ids: readonly string[]): SimEntry[] {
    return ids.flatMap((id) => this.kopia.store.body(id, 'index')?.entries ?? []);
  }

  private *writeSet(prefix: string, entries: readonly SimEntry[]): Work {
    const { kopia } = this;
    const set = `s${kopia.chance.hex(16)}`;
    const half = Math.ceil(entries.length / 2);
    const isSplit = entries.length > 3 && kopia.chance.is(0.5);
    const shards = isSplit ? [entries.slice(0, half), entries.slice(half)] : [entries];
    for (const shard of shards) {
      // A blob holds one entry of a content: the one that wins among those of its inputs.
      const unique = new Map<string, SimEntry>();
      for (const entry of shard) unique.set(entry.id, entry);
      const id = `${prefix}${kopia.chance.hex(32)}-${set}-c${shards.length}`;
      kopia.store.put(id, { kind: 'index', entries: [...unique.values()] });
      yield;
    }
  }

  private *compactEpoch(): Work {
    const settled = this.kopia.currentEpoch() - 2;
    for (let epoch = 0; epoch <= settled; epoch += 1) {
      const inputs = this.idsOf(`xn${epoch}_`);
      if (inputs.length === 0 || this.idsOf(`xs${epoch}_`).length > 0) continue;
      yield* this.writeSet(`xs${epoch}_`, winners(this.merged(inputs)));
      return;
    }
  }

  private *advance(): Work {
    const { kopia } = this;
    const epoch = kopia.currentEpoch();
    if (this.idsOf(`xn${epoch}_`).length < 5) return;
    kopia.store.put(`xe${epoch + 1}`, { kind: 'text' });
    yield;
  }

  private *checkpoint(): Work {
    const ends = this.idsOf('xr0_').map((id) => Number(/^xr0_(\d+)_/.exec(id)?.[1]));
    const chain = Math.max(-1, ...ends);
    let last = chain;
    while (this.idsOf(`xs${last + 1}_`).length > 0) last += 1;
    if (last - chain < 3) return;
    const inputs: string[] = chain >= 0 ? this.idsOf(`xr0_${chain}_`) : [];
    for (let epoch = chain + 1; epoch <= last; epoch += 1)
      inputs.push(...this.idsOf(`xs${epoch}_`));
    yield* this.writeSet(`xr0_${last}_`, winners(this.merged(inputs)));
  }

  private *cleanUp(): Work {
    const { kopia } = this;
    const { store } = kopia;
    const isOld = (id: string): boolean => {
      const timeMs = store.get(id)?.timeMs ?? Number.POSITIVE_INFINITY;
      return kopia.now() - timeMs > 4 * HOUR_MS;
    };
    const current = kopia.currentEpoch();
    for (let epoch = 0; epoch <= current - 2; epoch += 1) {
      const compacted = this.idsOf(`xs${epoch}_`);
      if (compacted.length === 0 || !compacted.every(isOld)) continue;
      for (const id of this.idsOf(`xn${epoch}_`)) {
        store.remove(id);
        yield;
      }
    }
    for (const id of this.idsOf('xe').filter((each) => Number(each.slice(2)) < current - 1)) {
      store.remove(id);
      yield;
    }
    const watermarks = this.idsOf('xw').sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
    for (const id of watermarks.slice(0, -1).filter(isOld)) {
      store.remove(id);
      yield;
    }
  }
}

/** Of each content the entry that wins. */
function winners(entries: readonly SimEntry[]): SimEntry[] {
  const best = new Map<string, SimEntry>();
  for (const entry of entries) {
    const known = best.get(entry.id);
    const isBetter =
      known === undefined ||
      entry.seconds > known.seconds ||
      (entry.seconds === known.seconds && known.deleted && !entry.deleted) ||
      (entry.seconds === known.seconds &&
        known.deleted === entry.deleted &&
        entry.pack > known.pack);
    if (isBetter) best.set(entry.id, entry);
  }
  return [...best.values()];
}
