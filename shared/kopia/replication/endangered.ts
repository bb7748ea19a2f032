import { PackNames } from '../indexes/pack-names.ts';
import { grown } from '../indexes/row-pages.ts';
import { forEachContent } from './entry-groups.ts';
import type { DecodedIndexes } from './survey.ts';

const DELETED = 1;
const IS_AT_TARGET = 2;

/**
 * The contents of which some blob has a live entry in a pack that the target lacks. Only these can
 * break the invariant when an index is published: every other content finds its pack, whichever entry
 * is effective. There are none when P1 could copy the packs of losing entries too, and many after a
 * gap in which the source rewrote and removed packs; 13 bytes an entry, 130 MB for 10 M.
 */
export class Endangered {
  count = 0;
  private entries = 0;
  /** By content: its first entry. */
  private starts = new Uint32Array(64);
  private blobs = new Uint32Array(64);
  private packs = new Uint32Array(64);
  private times = new Uint32Array(64);
  private flags = new Uint8Array(64);
  private readonly blobIds: string[] = [];
  private readonly blobNumbers = new Map<string, number>();
  private readonly packNames = new PackNames();

  /** Adds one slice of the contents, or all of them. */
  add({ rows, numbers }: DecodedIndexes, isAtTarget: (packId: string) => boolean): void {
    const held = new Uint8Array(rows.packs.count);
    for (let pack = 0; pack < held.length; pack += 1) {
      held[pack] = isAtTarget(rows.packs.name(pack)) ? 1 : 0;
    }
    if (!held.includes(0)) return;
    const names = this.numbersOf(numbers);
    const packs = new Uint32Array(held.length);
    forEachContent(rows, (group) => {
      let isEndangered = false;
      for (let index = 0; index < group.count && !isEndangered; index += 1) {
        isEndangered = !group.isDeletedAt(index) && held[group.packAt(index)] === 0;
      }
      if (!isEndangered) return;
      this.starts = grown(this.starts, this.count + 2);
      for (let index = 0; index < group.count; index += 1) {
        const pack = group.packAt(index);
        packs[pack] ||= this.packNumber(rows.packs.name(pack)) + 1;
        const isHeld = held[pack] === 1 ? IS_AT_TARGET : 0;
        const flags = isHeld | (group.isDeletedAt(index) ? DELETED : 0);
        const blob = names.get(group.blobAt(index)) ?? 0;
        this.append(blob, (packs[pack] ?? 1) - 1, group.timeAt(index), flags);
      }
      this.count += 1;
      this.starts[this.count] = this.entries;
    });
  }

  /** By the numbers used here: which of `blobIds` are active. */
  active(blobIds: Iterable<string>): Uint8Array {
    const active = new Uint8Array(this.blobIds.length);
    for (const id of blobIds) {
      const number = this.blobNumbers.get(id);
      if (number !== undefined) active[number] = 1;
    }
    return active;
  }

  /** Whether restores that need this content would not find its pack. */
  isBroken(content: number, active: Uint8Array, watermarkSeconds: number): boolean {
    const at = this.effective(content, active, watermarkSeconds);
    return at >= 0 && (this.flags[at] ?? 0) === 0;
  }

  /** The blob and the pack of the effective entry; undefined where there is none. */
  winner(
    content: number,
    active: Uint8Array,
    watermarkSeconds: number,
  ): { readonly blobId: string; readonly packId: string } | undefined {
    const at = this.effective(content, active, watermarkSeconds);
    if (at < 0) return undefined;
    const blobId = this.blobIds[this.blobs[at] ?? 0] ?? '';
    return { blobId, packId: this.packNames.name(this.packs[at] ?? 0) };
  }

  private effective(content: number, active: Uint8Array, watermarkSeconds: number): number {
    const end = this.starts[content + 1] ?? 0;
    for (let at = this.starts[content] ?? 0; at < end; at += 1) {
      if (active[this.blobs[at] ?? 0] !== 1) continue;
      const isDeleted = ((this.flags[at] ?? 0) & DELETED) !== 0;
      return isDeleted && (this.times[at] ?? 0) <= watermarkSeconds ? -1 : at;
    }
    return -1;
  }

  private append(blob: number, pack: number, timeSeconds: number, flags: number): void {
    const at = this.entries;
    this.blobs = grown(this.blobs, at + 1);
    this.packs = grown(this.packs, at + 1);
    this.times = grown(this.times, at + 1);
    this.flags = grown(this.flags, at + 1);
    this.blobs[at] = blob;
    this.packs[at] = pack;
    this.times[at] = timeSeconds;
    this.flags[at] = flags;
    this.entries += 1;
  }

  /** Numbers that hold across slices, by those of this one. */
  private numbersOf(numbers: ReadonlyMap<string, number>): ReadonlyMap<number, number> {
    const own = new Map<number, number>();
    for (const [id, number] of numbers) {
      const known = this.blobNumbers.get(id) ?? this.blobIds.push(id) - 1;
      this.blobNumbers.set(id, known);
      own.set(number, known);
    }
    return own;
  }

  private packNumber(name: string): number {
    const bytes = Buffer.from(name, 'latin1');
    return this.packNames.intern(bytes, 0, bytes.length);
  }
}
