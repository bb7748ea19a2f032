import type { IndexBlob } from '../indexes/active-indexes.ts';
import type { EntryRows } from '../indexes/entry-rows.ts';
import { PackNames } from '../indexes/pack-names.ts';
import { grown } from '../indexes/row-pages.ts';
import { type ContentGroup, effectiveIn, forEachContent, type IndexState } from './entry-groups.ts';
import { activeIn, type IndexView, watermarkIn } from './index-view.ts';

/** The index class at one location: how it is read there, and what one listing showed. */
export interface IndexListing {
  readonly view: IndexView;
  readonly blobs: readonly IndexBlob[];
}

/**
 * Entries of every index blob that source or target has, of all contents or of one slice of them;
 * of slices only one may bring the contents with letters. `numbers`: by blob id, its number in `rows`.
 */
export interface DecodedIndexes {
  readonly rows: EntryRows;
  readonly numbers: ReadonlyMap<string, number>;
}

export function stateOf({ view, blobs }: IndexListing, decoded: DecodedIndexes): IndexState {
  const isActive = new Uint8Array(maxOf(decoded.numbers) + 1);
  for (const { id } of activeIn(view, blobs)) {
    const number = decoded.numbers.get(id);
    if (number !== undefined) isActive[number] = 1;
  }
  return { isActive, watermarkSeconds: watermarkIn(view, blobs) };
}

function maxOf(numbers: ReadonlyMap<string, number>): number {
  let largest = 0;
  for (const number of numbers.values()) largest = Math.max(largest, number);
  return largest;
}

/** A live effective entry names the pack: it is read on restore. */
export const NEEDED = 1;
/** A deleted entry above the watermark names it: the content may come back. */
export const NEEDED_DELETED = 2;
/** An entry names it that loses, in a blob that the target has not got yet. */
export const NAMED_BY_LOSER = 4;

/** The live entries of an index blob: none, of manifests alone, or of what manifests refer to. */
export type BlobKind = typeof DELETIONS | typeof MANIFESTS | typeof DATA;
const DELETIONS = 0;
const MANIFESTS = 1;
const DATA = 2;

/** What packs are named for: some 60 bytes each, 30 MB for half a million. */
export class PackRoles {
  readonly names = new PackNames();
  private roles = new Uint8Array(64);

  add(name: string, role: number): void {
    const bytes = Buffer.from(name, 'latin1');
    const id = this.names.intern(bytes, 0, bytes.length);
    this.roles = grown(this.roles, id + 1);
    this.roles[id] = (this.roles[id] ?? 0) | role;
  }

  /** 0 for a pack that nothing names. */
  of(name: string): number {
    const id = this.names.find(name);
    return id < 0 ? 0 : (this.roles[id] ?? 0);
  }

  *entries(): Generator<{ readonly name: string; readonly role: number }> {
    for (let id = 0; id < this.names.count; id += 1) {
      yield { name: this.names.name(id), role: this.roles[id] ?? 0 };
    }
  }
}

/** How the contents that restores can read differ between target and source, in numbers. */
export interface ContentChanges {
  /** Live at the target. */
  readonly live: number;
  /** Of these, live at the source in another pack: rewritten. */
  readonly moved: number;
  /** Of these, not live at the source any more. */
  readonly vanished: number;
}

/**
 * Walks all entries once and notes which packs the source's effective entries need (Need and Need⁺
 * of reference 8.4), which the losing ones name (8.5 P1), and what would change at the target.
 */
export class Survey {
  readonly packs = new PackRoles();
  /** What the live entries of a blob are of: of the same second, data goes before manifests. */
  readonly kinds = new Map<string, BlobKind>();
  private readonly counts = { live: 0, moved: 0, vanished: 0 };
  private readonly source: IndexListing;
  private readonly target: IndexListing;

  constructor(source: IndexListing, target: IndexListing) {
    this.source = source;
    this.target = target;
  }

  get changes(): ContentChanges {
    return this.counts;
  }

  /** Adds one slice of the contents, or all of them. */
  add(decoded: DecodedIndexes): void {
    const source = stateOf(this.source, decoded);
    const target = stateOf(this.target, decoded);
    const pending = pendingOf(this.source, this.target, decoded);
    const roles = new Uint8Array(decoded.rows.packs.count);
    const kinds = new Uint8Array(source.isActive.length);
    const note = (pack: number, role: number): void => {
      roles[pack] = (roles[pack] ?? 0) | role;
    };
    forEachContent(decoded.rows, (group) => {
      const winner = effectiveIn(group, source);
      if (winner >= 0) {
        note(group.packAt(winner), group.isDeletedAt(winner) ? NEEDED_DELETED : NEEDED);
      }
      for (let index = 0; index < group.count; index += 1) {
        const blob = group.blobAt(index);
        if (!group.isDeletedAt(index)) {
          kinds[blob] = Math.max(kinds[blob] ?? 0, group.isManifest ? MANIFESTS : DATA);
        }
        if (pending[blob] === 1 && index !== winner && !group.isDeletedAt(index)) {
          note(group.packAt(index), NAMED_BY_LOSER);
        }
      }
      this.compare(group, winner, effectiveIn(group, target));
    });
    for (const [pack, role] of roles.entries()) {
      if (role > 0) this.packs.add(decoded.rows.packs.name(pack), role);
    }
    for (const [id, number] of decoded.numbers) {
      const kind = Math.max(kinds[number] ?? DELETIONS, this.kinds.get(id) ?? DELETIONS);
      this.kinds.set(id, kind as BlobKind);
    }
  }

  private compare(group: ContentGroup, source: number, target: number): void {
    if (target < 0 || group.isDeletedAt(target)) return;
    this.counts.live += 1;
    if (source < 0 || group.isDeletedAt(source)) this.counts.vanished += 1;
    else if (group.packAt(source) !== group.packAt(target)) this.counts.moved += 1;
  }
}

/** By number: the blobs of the source that the target has not got. */
function pendingOf(
  source: IndexListing,
  target: IndexListing,
  { numbers }: DecodedIndexes,
): Uint8Array {
  const present = new Set(target.blobs.map(({ id }) => id));
  const pending = new Uint8Array(maxOf(numbers) + 1);
  for (const { id } of source.blobs) {
    const number = numbers.get(id);
    if (number !== undefined && !present.has(id)) pending[number] = 1;
  }
  return pending;
}
