import type { CallOptions } from '../../stores/store.ts';
import { ContentDamage, type DamageReason } from '../contents/content-damage.ts';
import type { ContentReader } from '../contents/content-reader.ts';
import type { ContentTable } from '../indexes/content-table.ts';
import { ObjectDamage } from '../objects/object-damage.ts';
import { parseObjectId } from '../objects/object-id.ts';
import { objectContents } from '../objects/object-reader.ts';
import type { DamageMap } from './damage-map.ts';

/** Why an object cannot be restored, or cannot be said to be restorable. */
export type Cause =
  /** One of its contents has a reason in the damage map. */
  | { readonly kind: 'content'; readonly position: number; readonly reason: DamageReason }
  /** No index entry names one of its contents. */
  | { readonly kind: 'not-indexed'; readonly contentId: string }
  /** Its contents are whole and do not make an object. */
  | { readonly kind: 'malformed'; readonly objectId: string; readonly detail: string };

/** What the objects of a repository are checked against. */
export interface ObjectWorld extends CallOptions {
  readonly table: ContentTable;
  readonly contents: ContentReader;
  readonly damage: DamageMap;
  /** Whether the table would hold the content if there were an entry: a slice holds a part. */
  covers(contentId: string): boolean;
  /** Whether losses by this cause are told by this pass: those by contents with a letter once. */
  counts(cause: Cause): boolean;
  /** Told of each content in use that is marked as deleted. */
  deletedInUse(position: number): void;
  /** Told of each content that no index entry describes. */
  notIndexed(contentId: string): void;
  /** Told of each object that is whole and makes no sense. */
  malformed(objectId: string, detail: string): void;
  /** Told when what is lost may have more causes than those that are told. */
  costsUnknown(): void;
}

/** Packs, and reasons, that one object is told to be lost for. */
const CAUSES_MAX = 200;

/**
 * The cause that lies in one content, by the table and the damage map alone. `position` spares the
 * look-up to whom it is known.
 */
export function causeOf(
  world: ObjectWorld,
  contentId: string,
  position = world.table.find(contentId),
): Cause | undefined {
  if (position < 0) {
    if (!world.covers(contentId)) return undefined;
    world.notIndexed(contentId);
    return { kind: 'not-indexed', contentId };
  }
  if (world.table.isDeleted(position)) world.deletedInUse(position);
  const reason = world.damage.get(position);
  return reason === undefined ? undefined : { kind: 'content', position, reason };
}

/**
 * Why an object cannot be restored; empty when it can. Of an object in parts the lists of parts are
 * read, never the data.
 */
export async function causesOf(world: ObjectWorld, objectId: string): Promise<readonly Cause[]> {
  const id = parseObjectId(objectId);
  if (id === undefined) return [malformed(world, objectId, 'its id is none that Kopia writes')];
  if (id.indirections === 0) {
    const cause = causeOf(world, id.contentId);
    return cause === undefined ? [] : [cause];
  }
  const causes = new Map<string, Cause>();
  try {
    for await (const { contentId } of objectContents(world.contents, objectId, world)) {
      const cause = causeOf(world, contentId);
      if (cause === undefined) continue;
      const kind = kindOf(world, cause);
      if (causes.size < CAUSES_MAX || causes.has(kind)) causes.set(kind, cause);
      else world.costsUnknown();
    }
  } catch (error) {
    const cause = causeOfFailure(world, objectId, error);
    causes.set(kindOf(world, cause), cause);
    // What the rest of the list names is not known.
    world.costsUnknown();
  }
  return [...causes.values()];
}

/** Causes of one kind are told as one. */
function kindOf({ table }: ObjectWorld, cause: Cause): string {
  if (cause.kind === 'content') return `${table.packOf(cause.position)} ${cause.reason}`;
  if (cause.kind === 'malformed') return cause.kind;
  return `${cause.kind} ${cause.contentId.length % 2}`;
}

/**
 * The cause behind a failed read. What reading a content brought to light is kept in the map.
 * @throws what is no damage: a store that cannot be reached, an abort
 */
export function causeOfFailure(world: ObjectWorld, objectId: string, error: unknown): Cause {
  if (error instanceof ObjectDamage) return malformed(world, objectId, error.detail);
  if (!(error instanceof ContentDamage)) throw error;
  const position = world.table.find(error.contentId);
  if (position < 0) {
    world.notIndexed(error.contentId);
    return { kind: 'not-indexed', contentId: error.contentId };
  }
  world.damage.set(position, error.reason);
  return {
    kind: 'content',
    position,
    reason: world.damage.get(position) ?? error.reason,
  };
}

function malformed(world: ObjectWorld, objectId: string, detail: string): Cause {
  world.malformed(objectId, detail);
  return { kind: 'malformed', objectId, detail };
}
