import type { DamageReason } from '../contents/content-damage.ts';

/**
 * Which contents of a table cannot be read, and why: one byte per entry, so that the loss of a pack
 * with a million contents costs nothing.
 */
export interface DamageMap {
  readonly count: number;
  /** The first reason stays: what the listing proves is not replaced by its consequences. */
  set(position: number, reason: DamageReason): void;
  get(position: number): DamageReason | undefined;
  /** Positions with a reason, ascending. */
  positions(): Iterable<number>;
}

export function damageMap(size: number): DamageMap {
  const codes = new Uint8Array(size);
  const reasons: DamageReason[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    set(position, reason) {
      if (codes[position] !== 0) return;
      let code = reasons.indexOf(reason);
      if (code < 0) code = reasons.push(reason) - 1;
      codes[position] = code + 1;
      count += 1;
    },
    get(position) {
      const code = codes[position] ?? 0;
      return code === 0 ? undefined : reasons[code - 1];
    },
    *positions() {
      if (count === 0) return;
      for (let position = 0; position < codes.length; position++) {
        if (codes[position] !== 0) yield position;
      }
    },
  };
}
