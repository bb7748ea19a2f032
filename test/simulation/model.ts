/**
 * What S2 means, written down a second time: from the reference alone (5.4, 5.5, 8.4), for few
 * entries and without speed. It shares no code with the planner, nor with the reader of indexes.
 */
import type { ManifestText, SimEntry, SimStore } from './store.ts';

export interface View {
  /** By content id: what a reader finds. */
  readonly entries: ReadonlyMap<string, SimEntry>;
  /** By snapshot id: contents that its restore reads. */
  readonly snapshots: ReadonlyMap<string, readonly string[]>;
}

function beats(one: SimEntry, other: SimEntry): boolean {
  if (one.seconds !== other.seconds) return one.seconds > other.seconds;
  if (one.deleted !== other.deleted) return other.deleted;
  return one.pack > other.pack;
}

const numberIn = (id: string, pattern: RegExp): number => Number(pattern.exec(id)?.[1] ?? -1);

/** Ids of the index blobs that a reader takes. */
export function activeIds(store: SimStore, epochs: boolean): string[] {
  const ids = [...store.objects.keys()].sort();
  if (!epochs) {
    const out = new Set<string>();
    for (const id of ids) {
      const log = store.body(id, 'log');
      if (!log?.outputs.every((output) => store.objects.has(output))) continue;
      for (const input of log.inputs) out.add(input);
    }
    return ids.filter((id) => /^n(?!0{32})/.test(id) && !out.has(id));
  }
  const current = Math.max(0, ...ids.map((id) => numberIn(id, /^xe(\d+)$/)));
  const active: string[] = [];
  let start = 0;
  for (;;) {
    // Of the ranges that go on from here the one that reaches furthest; ranges of the simulated
    // writer begin at epoch 0 or where one before ended.
    const ends = ids
      .map((id) => /^xr(\d+)_(\d+)_/.exec(id))
      .filter((match) => match !== null && Number(match[1]) === start)
      .map((match) => Number(match?.[2]))
      .filter((end) => whole(ids.filter((id) => id.startsWith(`xr${start}_${end}_`))).length > 0);
    const end = Math.max(-1, ...ends);
    if (end <= start) break;
    active.push(...whole(ids.filter((id) => id.startsWith(`xr${start}_${end}_`))));
    start = end + 1;
  }
  for (let epoch = start; epoch <= current + 1; epoch += 1) {
    const compacted = whole(ids.filter((id) => id.startsWith(`xs${epoch}_`)));
    const isSettled = epoch <= current - 2 && compacted.length > 0;
    active.push(...(isSettled ? compacted : ids.filter((id) => id.startsWith(`xn${epoch}_`))));
  }
  return active;
}

/** The members of the first set that is whole. */
function whole(ids: readonly string[]): string[] {
  for (const id of ids) {
    const [, set, size] = /-(s[0-9a-f]+)-c(\d+)$/.exec(id) ?? [];
    const members = ids.filter((other) => other.endsWith(`-${set}-c${size}`));
    if (members.length === Number(size)) return members;
  }
  return [];
}

/** Whoever opens the repository sees this; undefined when nobody can. */
export function viewOf(store: SimStore): View | undefined {
  const format = store.body('kopia.repository', 'format');
  if (format === undefined) return undefined;
  const watermarks = [...store.objects.keys()].map((id) => numberIn(id, /^xw(\d+)$/));
  const watermark = format.epochs ? Math.max(0, ...watermarks) : 0;
  const entries = new Map<string, SimEntry>();
  for (const id of activeIds(store, format.epochs)) {
    for (const entry of store.body(id, 'index')?.entries ?? []) {
      const known = entries.get(entry.id);
      if (known === undefined || beats(entry, known)) entries.set(entry.id, entry);
    }
  }
  for (const [id, { deleted, seconds }] of entries) {
    if (deleted && seconds <= watermark) entries.delete(id);
  }
  return { entries, snapshots: snapshotsIn(store, entries) };
}

function snapshotsIn(
  store: SimStore,
  entries: ReadonlyMap<string, SimEntry>,
): ReadonlyMap<string, readonly string[]> {
  const texts: ManifestText[] = [];
  for (const { id, pack, deleted } of entries.values()) {
    if (!id.startsWith('m') || deleted) continue;
    const text = store.body(pack, 'pack')?.manifests.get(id);
    if (text) texts.push(text);
  }
  const gone = new Set(texts.flatMap(({ deleted }) => deleted));
  const added = texts.flatMap((text) => text.added).filter(({ id }) => !gone.has(id));
  return new Map(added.map(({ id, needs }) => [id, needs]));
}

/**
 * What is wrong with `store` as somebody sees it who restores from it at this moment; undefined when
 * nothing is. `original` holds every pack that was ever written.
 * @param isCatchingUp the store says so of itself: then snapshots may miss contents.
 */
export function breachOf(
  store: SimStore,
  original: ReadonlyMap<string, unknown>,
  isCatchingUp: boolean,
): string | undefined {
  const view = viewOf(store);
  if (view === undefined) return undefined;
  const format = store.body('kopia.repository', 'format');
  const config = store.body('kopia.blobcfg', 'config');
  if (config && config.password !== format?.password)
    return 'format and config do not belong together';
  for (const { id, pack, deleted } of view.entries.values()) {
    if (deleted) continue;
    const body = store.get(pack)?.body;
    if (body === undefined) return `content ${id} is in pack ${pack}, which is not there`;
    if (body !== original.get(pack)) return `pack ${pack} is not what its writer wrote`;
  }
  const lost = (needs: readonly string[]): string | undefined =>
    needs.find((id) => {
      const entry = view.entries.get(id);
      return entry === undefined || store.get(entry.pack) === undefined;
    });
  for (const [snapshot, needs] of isCatchingUp ? [] : view.snapshots) {
    const content = lost(needs);
    if (content !== undefined) return `snapshot ${snapshot} lacks content ${content}`;
  }
  for (const id of store.objects.keys()) {
    if (!id.startsWith('backup/')) continue;
    const needs = view.snapshots.get(id.slice('backup/'.length));
    if (needs === undefined) return `${id} is there without its snapshot`;
    if (!isCatchingUp && lost(needs) !== undefined) return `${id} is there and cannot be restored`;
  }
  return undefined;
}
