import { createHash } from 'node:crypto';
import type { ContentChanges } from './survey.ts';

/** A snapshot manifest that restores can find at one location. */
export interface LiveSnapshot {
  readonly id: string;
  /** A checkpoint of an upload or a backup that was broken off: the writer replaces these itself. */
  readonly isIncomplete: boolean;
}

/** Which backup a snapshot belongs to, and when that backup expires by its own record. */
export interface SnapshotOwner {
  readonly backup: string;
  /** Absent when the backup records none. */
  readonly expiresAt?: Date;
}

export interface DeletionLimits {
  /** Unexplained deletions followed in a day. */
  readonly countMax: number;
  /** Of the snapshots live at the target, 0 to 1; counts from 10 snapshots on. */
  readonly shareMax: number;
  /** Of the live contents, how many may lie in another pack all at once; from `movedCountMin` on. */
  readonly movedShareMax: number;
  readonly movedCountMin: number;
}

/** Kopia rewrites what lies in short packs, which are few where there is much. */
export const DELETION_LIMITS: DeletionLimits = {
  countMax: 10,
  shareMax: 0.1,
  movedShareMax: 0.5,
  movedCountMin: 10_000,
};

/** What was seen of the source beside its manifests. */
export interface RewriteSigns extends ContentChanges {
  /** Packs of the same name whose size or ETag differs from what was copied: Kopia rewrites none. */
  readonly packsOverwritten: number;
  /** Index blobs of the source that do not decrypt. */
  readonly indexesUnreadable: number;
  /** The source's unique id is not the target's. */
  readonly isOtherRepository: boolean;
}

export interface DeletionQuestion {
  readonly now: Date;
  /**
   * Live at the target. Where its own manifests cannot all be read, what the runs before have recorded
   * as published; `undefined` when there is no record either.
   */
  readonly before: readonly LiveSnapshot[] | undefined;
  /** Live once the plan is carried out; `undefined` when not all of its manifests could be read. */
  readonly after: readonly LiveSnapshot[] | undefined;
  /** By snapshot id, from the backups that either side shows or has shown. */
  readonly owners: ReadonlyMap<string, SnapshotOwner>;
  readonly signs: RewriteSigns;
  /** Unexplained deletions that were followed in the 24 hours before. */
  readonly followedToday: number;
  readonly limits: DeletionLimits;
  /** Hash of the plan that a person has looked at and agreed to. */
  readonly acknowledged?: string;
}

export interface VanishedSnapshots {
  /** Their backup expired, or they never were a whole backup. */
  readonly expected: readonly string[];
  /** Nothing says why they go. Sorted, as the others. */
  readonly unexplained: readonly string[];
  /** Backups whose metadata leaves the target before the index that hides their snapshots. */
  readonly backups: readonly string[];
}

export interface FreezeReason {
  readonly kind:
    | 'count'
    | 'share'
    | 'nothing-left'
    | 'other-repository'
    | 'unreadable'
    | 'overwritten'
    | 'rewritten';
  /** A fact, with its numbers. */
  readonly text: string;
}

export type DeletionVerdict =
  | ({ readonly kind: 'follow' } & VanishedSnapshots)
  /** Nothing of the plan may be published until a person agrees to `hash`. */
  | ({
      readonly kind: 'freeze';
      readonly reasons: readonly FreezeReason[];
      /** Of what vanishes unexplained and the kinds of reasons: the same while no more vanishes. */
      readonly hash: string;
    } & VanishedSnapshots)
  /** What lives could not be read on one side: nothing can be told by absence, nothing is published. */
  | { readonly kind: 'unjudged' };

/**
 * Whether a plan may be published although it hides snapshots that the target shows (S3): tombstones
 * arrive as new indexes, together with new data, and must be judged before any index, marker or
 * watermark goes out. Snapshots of backups that have expired are expected to go. Others count against a
 * limit for a day; over it, or when the source looks rewritten as a whole, the route freezes.
 */
export function judgeDeletions(question: DeletionQuestion): DeletionVerdict {
  const { before, after, limits, signs } = question;
  if (before === undefined || after === undefined) return { kind: 'unjudged' };
  const vanished = vanishedSnapshots(question, before, after);
  const followed = question.followedToday + vanished.unexplained.length;
  const all = before.length + question.followedToday;
  const reasons = rewriteReasons(signs, limits);
  if (vanished.unexplained.length > 0) {
    if (followed > limits.countMax) {
      const text = `${followed} unexplained deletions in a day, allowed are ${limits.countMax}`;
      reasons.push({ kind: 'count', text });
    }
    if (all >= SHARE_COUNT_MIN && followed > limits.shareMax * all) {
      const text = `${followed} of ${all} snapshots deleted unexplained in a day, allowed is a share of ${limits.shareMax}`;
      reasons.push({ kind: 'share', text });
    }
    if (after.length === 0)
      reasons.push({ kind: 'nothing-left', text: 'no snapshot would be left' });
  }
  const hash = planHash(vanished, reasons);
  if (reasons.length === 0 || question.acknowledged === hash)
    return { kind: 'follow', ...vanished };
  return { kind: 'freeze', reasons, hash, ...vanished };
}

/** Below this a share says nothing: one of three is a third. */
const SHARE_COUNT_MIN = 10;

function vanishedSnapshots(
  { owners, now }: DeletionQuestion,
  before: readonly LiveSnapshot[],
  after: readonly LiveSnapshot[],
): VanishedSnapshots {
  const live = new Set(after.map(({ id }) => id));
  const vanished = before.filter(({ id }) => !live.has(id));
  const isExpected = ({ id, isIncomplete }: LiveSnapshot): boolean => {
    const expiresAt = owners.get(id)?.expiresAt;
    return isIncomplete || (expiresAt !== undefined && expiresAt.getTime() <= now.getTime());
  };
  const idsOf = (snapshots: readonly LiveSnapshot[]): string[] =>
    snapshots.map(({ id }) => id).sort();
  const backups = vanished.flatMap(({ id }) => owners.get(id)?.backup ?? []);
  return {
    expected: idsOf(vanished.filter(isExpected)),
    unexplained: idsOf(vanished.filter((snapshot) => !isExpected(snapshot))),
    backups: [...new Set(backups)].sort(),
  };
}

function rewriteReasons(signs: RewriteSigns, limits: DeletionLimits): FreezeReason[] {
  const reasons: FreezeReason[] = [];
  if (signs.isOtherRepository) {
    reasons.push({ kind: 'other-repository', text: 'the source holds another repository' });
  }
  if (signs.indexesUnreadable > 0) {
    const text = `${signs.indexesUnreadable} index blobs of the source do not decrypt`;
    reasons.push({ kind: 'unreadable', text });
  }
  if (signs.packsOverwritten > 0) {
    const text = `${signs.packsOverwritten} packs of the source were overwritten`;
    reasons.push({ kind: 'overwritten', text });
  }
  const isMass = signs.moved >= limits.movedCountMin;
  if (isMass && signs.moved > limits.movedShareMax * signs.live) {
    const text = `${signs.moved} of ${signs.live} contents were rewritten into other packs`;
    reasons.push({ kind: 'rewritten', text });
  }
  return reasons;
}

/** Names what a person agrees to: these snapshots, for these kinds of reasons, and nothing else. */
function planHash(vanished: VanishedSnapshots, reasons: readonly FreezeReason[]): string {
  const plan = [vanished.unexplained, reasons.map(({ kind }) => kind)];
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex');
}
