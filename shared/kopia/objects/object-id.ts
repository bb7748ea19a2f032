/** An object id taken apart: `I`* `Z`? `D`? contentId. */
export interface ObjectId {
  /** How many lists of chunks lie above the bytes; 0 when the content holds them itself. */
  readonly indirections: number;
  /** `Z`: the content is a compressed frame of its own (formats without content compression). */
  readonly compressed: boolean;
  readonly contentId: string;
}

/** One letter of `g` to `z`, if any, then a hash of 16, 28 or 32 bytes. */
const OBJECT_ID = /^(I*)(Z?)D?([g-z]?(?:[0-9a-f]{64}|[0-9a-f]{56}|[0-9a-f]{32}))$/;

/** More lists of lists than any file needs; the length of an id is bounded before it is matched. */
const TEXT_LENGTH_MAX = 128;

/**
 * `undefined` when `text` is no object id. `D` says nothing and is dropped. Never throws.
 * Source: Kopia v0.23.1, repo/object/objectid.go.
 */
export function parseObjectId(text: string): ObjectId | undefined {
  const parts = text.length <= TEXT_LENGTH_MAX ? OBJECT_ID.exec(text) : null;
  if (parts === null) return undefined;
  const indirections = parts[1]?.length ?? 0;
  const compressed = parts[2] === 'Z';
  // Kopia refuses both at once: chunks are compressed, their list is not.
  if (indirections > 0 && compressed) return undefined;
  return { indirections, compressed, contentId: parts[3] ?? '' };
}

export function formatObjectId({ indirections, compressed, contentId }: ObjectId): string {
  return `${'I'.repeat(indirections)}${compressed ? 'Z' : ''}${contentId}`;
}
