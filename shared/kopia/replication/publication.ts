import { parseBlobName } from '../blob-names.ts';
import type { IndexBlob } from '../indexes/active-indexes.ts';
import type { Endangered } from './endangered.ts';
import { activeIn, isOfView, watermarkIn } from './index-view.ts';
import type { BlobKind, IndexListing } from './survey.ts';

export interface PublishStep {
  readonly id: string;
  /**
   * After this step the target shows something later than what it still lacks: the loser rule is at
   * work, and restores of what was added meanwhile may miss contents (`catching up` of S2).
   */
  readonly isCatchingUp: boolean;
}

export type PublicationPlan =
  | {
      readonly kind: 'publish';
      readonly steps: readonly PublishStep[];
      /** Contents that restores cannot read at the target before any of this: nothing here mends them. */
      readonly broken: number;
    }
  /** No order of the blobs keeps every pack that is read; the first that cannot go is named. */
  | { readonly kind: 'unsafe'; readonly blobId: string; readonly packId: string };

/**
 * The order in which frozen indexes are published, so that after every single one of them each live
 * effective entry at the target has its pack (reference 8.5 P3 and P4, proof in 8.7):
 *
 * 1. markers of epochs, then what readers take, ascending, then what is superseded; before epochs
 *    the indexes and then the logs that supersede them;
 * 2. the loser rule: a blob that would make an entry effective whose pack the target lacks waits for
 *    the blob that outdoes this entry at the source;
 * 3. the deletion watermark last, and from the same listing, since it hides entries for good.
 *
 * A blob that cannot go yet and for which no single other one is to blame is tried again after the
 * others. Work is one pass over the endangered contents for each blob; none where there are none.
 *
 * @param source the frozen listing.
 * @param kinds of the survey.
 * @param withheld of `withheldLogs`.
 * @param target listed after the packs were copied; its view is that of its own format blob.
 */
export function planPublication(
  source: IndexListing,
  target: IndexListing,
  endangered: Endangered,
  kinds: ReadonlyMap<string, BlobKind>,
  withheld: ReadonlySet<string>,
): PublicationPlan {
  const present = new Set(target.blobs.map(({ id }) => id));
  const order = publicationOrder(source, kinds).filter(
    ({ id }) => !present.has(id) && !withheld.has(id),
  );
  const publisher = new Publisher(source, target, endangered, order);
  const broken = publisher.broken.size;
  let waiting = order;
  while (waiting.length > 0) {
    const left = waiting.filter((blob) => !publisher.publish(blob, new Set()));
    const [first] = left;
    if (left.length === waiting.length && first !== undefined) {
      const blame = publisher.breach(first);
      return { kind: 'unsafe', blobId: first.id, packId: blame?.packId ?? '' };
    }
    waiting = left;
  }
  return { kind: 'publish', steps: marked(order, publisher.published), broken };
}

/** All frozen blobs that a reader looks at, in the order of rules 1 and 3. */
export function publicationOrder(
  source: IndexListing,
  kinds: ReadonlyMap<string, BlobKind>,
): readonly IndexBlob[] {
  // What manifests refer to before them, and what hides something after what takes its place.
  const rank = ({ id }: IndexBlob): number => -(kinds.get(id) ?? 0);
  const ordered = source.blobs
    .filter(({ id }) => isOfView(source.view, id))
    .sort(
      (a, b) =>
        a.lastModified.getTime() - b.lastModified.getTime() ||
        rank(a) - rank(b) ||
        (a.id < b.id ? -1 : 1),
    );
  const of = (...kinds: string[]): readonly IndexBlob[] =>
    ordered.filter(({ id }) => kinds.includes(parseBlobName(id).kind));
  if (source.view.kind === 'v0') {
    return [...of('index-v0'), ...of('compaction-log'), ...of('compaction-cleanup')];
  }
  const active = activeIn(source.view, ordered);
  const isActive = new Set(active);
  const others = of('index', 'epoch-compaction', 'range-checkpoint');
  const superseded = others.filter((blob) => !isActive.has(blob));
  return [...of('epoch-marker'), ...active, ...superseded, ...of('deletion-watermark')];
}

class Publisher {
  readonly published: IndexBlob[] = [];
  /** Contents that were broken before, by their number among the endangered. */
  readonly broken = new Set<number>();
  private readonly target: IndexListing;
  private readonly endangered: Endangered;
  private readonly waiting: Map<string, IndexBlob>;
  private readonly sourceActive: Uint8Array;
  private readonly sourceWatermark: number;
  private present: readonly IndexBlob[];

  constructor(
    source: IndexListing,
    target: IndexListing,
    endangered: Endangered,
    order: readonly IndexBlob[],
  ) {
    this.target = target;
    this.endangered = endangered;
    this.waiting = new Map(order.map((blob) => [blob.id, blob]));
    this.present = target.blobs;
    const frozen = activeIn(source.view, source.blobs);
    this.sourceActive = endangered.active(frozen.map(({ id }) => id));
    this.sourceWatermark = watermarkIn(source.view, source.blobs);
    for (const content of this.brokenBy(this.present)) this.broken.add(content);
  }

  /**
   * Publishes a blob, and first what it must not come before.
   * @param callers blobs that wait for this one; being among them is a circle.
   */
  publish(blob: IndexBlob, callers: ReadonlySet<string>): boolean {
    if (!this.waiting.has(blob.id)) return true;
    if (callers.has(blob.id)) return false;
    const waitsFor = new Set([...callers, blob.id]);
    for (;;) {
      const breach = this.breach(blob);
      if (breach === undefined) break;
      const winners = breach.winner === undefined ? [] : this.setOf(breach.winner);
      const pending = winners.filter(({ id }) => id !== blob.id && this.waiting.has(id));
      if (pending.length === 0) return false;
      if (!pending.every((winner) => this.publish(winner, waitsFor))) return false;
    }
    this.waiting.delete(blob.id);
    this.present = [...this.present, blob];
    this.published.push(blob);
    return true;
  }

  /** What would break with `blob`: the pack that lacks, and the blob that wins at the source. */
  breach(blob: IndexBlob): { packId: string; winner: string | undefined } | undefined {
    const blobs = [...this.present, blob];
    for (const content of this.brokenBy(blobs)) {
      if (this.broken.has(content)) continue;
      const { active, watermark } = this.stateWith(blobs);
      const { endangered } = this;
      const packId = endangered.winner(content, active, watermark)?.packId ?? '';
      const winner = endangered.winner(content, this.sourceActive, this.sourceWatermark)?.blobId;
      return { packId, winner };
    }
    return undefined;
  }

  private *brokenBy(blobs: readonly IndexBlob[]): Generator<number> {
    if (this.endangered.count === 0) return;
    const { active, watermark } = this.stateWith(blobs);
    for (let content = 0; content < this.endangered.count; content += 1) {
      if (this.endangered.isBroken(content, active, watermark)) yield content;
    }
  }

  private stateWith(blobs: readonly IndexBlob[]): { active: Uint8Array; watermark: number } {
    const active = activeIn(this.target.view, blobs);
    return {
      active: this.endangered.active(active.map(({ id }) => id)),
      watermark: watermarkIn(this.target.view, blobs),
    };
  }

  /** The blob and those that were written with it: alone a part of a compaction says nothing. */
  private setOf(id: string): readonly IndexBlob[] {
    const name = parseBlobName(id);
    if (name.kind !== 'epoch-compaction' && name.kind !== 'range-checkpoint') {
      const blob = this.waiting.get(id);
      return blob === undefined ? [] : [blob];
    }
    return [...this.waiting.values()].filter((blob) => {
      const other = parseBlobName(blob.id);
      return other.kind === name.kind && other.set.id === name.set.id;
    });
  }
}

/** A step is ahead of its turn, and so is all that follows, until what it overtook has caught up. */
function marked(
  order: readonly IndexBlob[],
  published: readonly IndexBlob[],
): readonly PublishStep[] {
  const turn = new Map(order.map((blob, index) => [blob, index]));
  let furthest = -1;
  return published.map((blob, index) => {
    furthest = Math.max(furthest, turn.get(blob) ?? 0);
    return { id: blob.id, isCatchingUp: furthest > index };
  });
}
