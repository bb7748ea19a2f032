/**
 * Drydock's side of the simulated world: does what the planners say, one operation on a store at a time,
 * and remembers between runs no more than a ledger would.
 */
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import {
  deletableIndexes,
  deletablePacks,
  deletionCandidates,
} from '../../shared/kopia/replication/blob-deletions.ts';
import { Endangered } from '../../shared/kopia/replication/endangered.ts';
import { cutAtMargin, isFrozen } from '../../shared/kopia/replication/freeze.ts';
import { type IndexView, isOfView } from '../../shared/kopia/replication/index-view.ts';
import {
  judgeDeletions,
  type LiveSnapshot,
} from '../../shared/kopia/replication/logical-deletions.ts';
import { planPacks } from '../../shared/kopia/replication/pack-plan.ts';
import { type PublishStep, planPublication } from '../../shared/kopia/replication/publication.ts';
import { type IndexListing, Survey } from '../../shared/kopia/replication/survey.ts';
import { withheldLogs } from '../../shared/kopia/replication/withheld-logs.ts';
import {
  isHalfChanged,
  type MutableBlobs,
  planMutable,
} from '../../shared/replicate/kopia-plan.ts';
import type { ObjectInfo } from '../../shared/stores/store.ts';
import { decode, liveSnapshots } from './decode.ts';
import type { KopiaSource } from './source.ts';
import type { Body, SimObject, SimStore } from './store.ts';

/** Rules of the protocol that a test leaves out, to see the simulation notice. */
export type Rule =
  | 'loser-rule'
  | 'freezing'
  | 'packs-before-indexes'
  | 'watermark-last'
  | 'manifest-comparison'
  | 'withheld-logs'
  | 'backups-hidden-first';

export type Outcome = 'completed' | 'stale' | 'unsettled' | 'frozen' | 'unjudged' | 'unsafe';

export const DAY_MS = 24 * 3_600_000;
export const UNEXPLAINED_MAX = 2;
const LISTINGS_MAX = 6;
const PAGE_SIZE = 25;
/** Small, so that the source moves while the index class is listed. */
const INDEX_PAGE_SIZE = 4;

interface Frozen {
  readonly view: IndexView;
  readonly objects: readonly SimObject[];
  readonly mutable: MutableBlobs;
}

export class Replicator {
  readonly source: SimStore;
  readonly target: SimStore;
  private readonly kopia: KopiaSource;
  private readonly without: Rule | undefined;
  /** Says of itself that it is catching up; kept over crashes, as the ledger does. */
  isCatchingUp = false;
  acknowledged: string | undefined;
  judgedMs = 0;
  /** Snapshots that the target shows or may show; for when its own manifests cannot be read. */
  private remembered: readonly LiveSnapshot[] | undefined;
  /** Of the verdict that froze the route: what a person would be shown. */
  frozen: { readonly hash: string; readonly unexplained: readonly string[] } | undefined;
  readonly counts = {
    copies: 0,
    published: 0,
    ahead: 0,
    deletions: 0,
    endangered: 0,
    withheld: 0,
    cut: 0,
  };
  private followed: { readonly id: string; readonly atMs: number }[] = [];
  private absent = new Map<string, { firstSeenMs: number; runs: number }>();

  constructor(kopia: KopiaSource, target: SimStore, without?: Rule) {
    this.kopia = kopia;
    this.source = kopia.store;
    this.target = target;
    this.without = without;
  }

  /** One run; it may be dropped at any point where it stops. */
  *run(): Generator<void, Outcome> {
    const backups = yield* this.source.list('b', PAGE_SIZE);
    const frozen = yield* this.freeze();
    if (frozen === undefined) return 'unsettled';
    const { view } = frozen;
    const bodies = new Map<string, Body>();
    for (const { id, body } of frozen.objects) bodies.set(id, body);
    const present = yield* this.target.list('lmnx', PAGE_SIZE);
    for (const { id, body } of present) bodies.set(id, body);
    const source = listing(view, frozen.objects);
    const target = listing(this.targetView() ?? view, present);

    const survey = new Survey(source, target);
    const decoded = decode(bodies);
    survey.add(decoded);
    const readable = liveSnapshots(target, decoded, [this.target, this.source]);
    const before = readable ?? this.remembered;
    const after = liveSnapshots(source, decoded, [this.source, this.target]);
    const now = new Date(this.kopia.now());
    this.judgedMs = now.getTime();
    // What is still there has been judged before and has not been followed yet.
    const there = new Set(before?.map(({ id }) => id));
    this.followed = this.followed.filter(
      ({ id, atMs }) => now.getTime() - atMs < DAY_MS && !there.has(id),
    );
    const verdict = judgeDeletions({
      now,
      before,
      after,
      owners: this.kopia.owners,
      signs: {
        ...survey.changes,
        packsOverwritten: 0,
        indexesUnreadable: 0,
        isOtherRepository: false,
      },
      followedToday: this.followed.length,
      limits: { countMax: UNEXPLAINED_MAX, shareMax: 1, movedShareMax: 1, movedCountMin: 1 },
      ...(this.acknowledged && { acknowledged: this.acknowledged }),
    });
    if (this.without !== 'manifest-comparison') {
      if (verdict.kind === 'unjudged') return 'unjudged';
      if (verdict.kind === 'freeze') {
        this.frozen = verdict;
        return 'frozen';
      }
    }
    this.frozen = undefined;
    const isHiding = verdict.kind !== 'unjudged' && this.without !== 'backups-hidden-first';
    const hidden = isHiding ? verdict.backups : [];
    if (verdict.kind === 'follow') {
      this.followed.push(...verdict.unexplained.map((id) => ({ id, atMs: now.getTime() })));
    }

    // Before anything is published: whatever of it a run that is cut short has shown is remembered.
    const all = new Map([...(before ?? []), ...(after ?? [])].map((each) => [each.id, each]));
    this.remembered = [...all.values()];
    const isPacksFirst = this.without !== 'packs-before-indexes';
    if (isPacksFirst && !(yield* this.copyPacks(survey))) return 'stale';
    const steps = yield* this.order(source, survey, bodies);
    if (steps === undefined) return 'unsafe';
    for (const id of hidden) {
      if (this.target.get(id) === undefined) continue;
      this.target.remove(id);
      yield;
    }
    for (const { id, isCatchingUp } of steps) {
      const blob = this.source.get(id);
      if (blob === undefined) return 'stale';
      if (isCatchingUp) this.isCatchingUp = true;
      this.counts.published += 1;
      this.counts.ahead += Number(isCatchingUp);
      this.target.put(id, blob.body, blob);
      yield;
    }
    if (!isPacksFirst && !(yield* this.copyPacks(survey))) return 'stale';
    this.isCatchingUp = false;
    if (!(yield* this.publishMutable(frozen.mutable))) return 'stale';
    const live = new Set((after ?? []).map(({ id }) => `backup/${id}`));
    for (const { id, body } of backups) {
      if (!live.has(id) || this.target.get(id) !== undefined) continue;
      this.target.put(id, body);
      yield;
    }
    this.remembered = after;
    yield* this.deleteAbsent(source);
    return 'completed';
  }

  private *freeze(): Generator<void, Frozen | undefined> {
    const before = this.mutable(this.source);
    if (before.format === undefined || isHalfChanged(before, new Date(this.kopia.now()))) {
      return undefined;
    }
    const view = this.viewIn(this.source);
    if (view === undefined) return undefined;
    let previous = yield* this.source.list('lmnx', INDEX_PAGE_SIZE);
    let objects: readonly SimObject[] | undefined;
    if (this.without === 'freezing') objects = previous;
    for (let count = 2; count <= LISTINGS_MAX && objects === undefined; count += 1) {
      yield;
      const next = yield* this.source.list('lmnx', INDEX_PAGE_SIZE);
      if (isFrozen(previous.map(listed), next.map(listed))) objects = next;
      previous = next;
    }
    if (objects === undefined) {
      this.counts.cut += 1;
      const kept = new Set(cutAtMargin(previous.map(listed)).map(({ id }) => id));
      objects = previous.filter(({ id }) => kept.has(id));
    }
    yield;
    const mutable = this.mutable(this.source);
    if (mutable.format?.etag !== before.format.etag) return undefined;
    if (mutable.blobConfig?.etag !== before.blobConfig?.etag) return undefined;
    const poison = objects.find(({ id }) => parseBlobName(id).kind === 'poison');
    const own = this.viewOf(view.kind, objects);
    return { view: own, objects, mutable: { ...mutable, ...(poison && { poison: info(poison) }) } };
  }

  /** @returns false when the plan is stale. */
  private *copyPacks(survey: Survey): Generator<void, boolean> {
    for (let round = 0; ; round += 1) {
      const source = yield* this.source.list('pq', PAGE_SIZE);
      const target = yield* this.target.list('pq', PAGE_SIZE);
      const plan = planPacks(survey.packs, sizes(source), sizes(target));
      if (plan.kind === 'stale') return false;
      // Packs of losing entries are copied once, as far as they are there; what is needed must be.
      const due = plan.packs.filter(({ isNeeded }) => isNeeded || round === 0);
      if (due.length === 0) return true;
      for (const { id, isNeeded } of due) {
        const pack = this.source.get(id);
        if (pack === undefined && isNeeded) return false;
        if (pack === undefined) continue;
        this.counts.copies += 1;
        this.target.put(id, pack.body, pack);
        yield;
      }
    }
  }

  private *order(
    source: IndexListing,
    survey: Survey,
    bodies: ReadonlyMap<string, Body>,
  ): Generator<void, readonly PublishStep[] | undefined> {
    const packs = new Set((yield* this.target.list('pq', PAGE_SIZE)).map(({ id }) => id));
    const present = yield* this.target.list('lmnx', PAGE_SIZE);
    const target = listing(this.targetView() ?? source.view, present);
    const mayLack = this.without === 'loser-rule' || this.without === 'packs-before-indexes';
    const endangered = new Endangered();
    const decoded = decode(bodies);
    endangered.add(decoded, (id) => mayLack || packs.has(id));
    this.counts.endangered += endangered.count;
    const isAll = this.without === 'withheld-logs';
    const withheld = isAll ? new Set<string>() : withheldLogs(source, target, decoded);
    this.counts.withheld += withheld.size;
    const plan = planPublication(source, target, endangered, survey.kinds, withheld);
    if (plan.kind === 'unsafe') return undefined;
    if (this.without !== 'watermark-last') return plan.steps;
    const isLater = ({ id }: PublishStep): number => Number(!id.startsWith('xw'));
    return [...plan.steps].sort((a, b) => isLater(a) - isLater(b));
  }

  /** @returns false when the source has changed meanwhile. */
  private *publishMutable(source: MutableBlobs): Generator<void, boolean> {
    const poison = [...this.target.objects.values()].find(
      ({ id }) => parseBlobName(id).kind === 'poison',
    );
    const target = { ...this.mutable(this.target), ...(poison && { poison: info(poison) }) };
    for (const step of planMutable(source, target)) {
      if (step.kind === 'remove') this.target.remove(step.target.key);
      else {
        const blob = this.source.get(step.source.key);
        if (blob?.etag !== step.source.etag) return false;
        this.target.put(blob.id, blob.body, blob);
      }
      yield;
    }
    return true;
  }

  /** Follows what the source has deleted, late (reference 8.6). */
  private *deleteAbsent(completed: IndexListing): Generator<void, void> {
    const now = new Date(this.kopia.now());
    const source = new Set<string>();
    for (const letters of ['k', 'lmnx', 'pq']) {
      for (const { id } of yield* this.source.list(letters, PAGE_SIZE)) source.add(id);
    }
    const present = yield* this.target.list('klmnxpqu', PAGE_SIZE);
    const absent = new Map<string, { firstSeenMs: number; runs: number }>();
    for (const { id } of present.filter((blob) => !source.has(blob.id))) {
      const known = this.absent.get(id);
      const firstSeenMs = known?.firstSeenMs ?? now.getTime();
      absent.set(id, { firstSeenMs, runs: (known?.runs ?? 0) + 1 });
    }
    this.absent = absent;
    const limits = { safetyAgeMs: 2 * DAY_MS, countMax: 1000, shareMax: 1, indexAgeMs: 2 * DAY_MS };
    const ids = present.map(({ id }) => id);
    const plan = deletionCandidates({ now, source, target: ids, absent, limits });
    if (plan.kind === 'refused') return;
    const bodies = new Map(present.map(({ id, body }) => [id, body]));
    const view = this.targetView() ?? completed.view;
    const indexes = present.filter(({ id }) => isOfView(view, id));
    const target = listing(view, indexes);
    for (const id of deletableIndexes(plan.indexes, target, completed, decode(bodies))) {
      this.target.remove(id);
      this.counts.deletions += 1;
      yield;
    }
    const left = yield* this.target.list('lmnx', PAGE_SIZE);
    const own = decode(new Map(left.map(({ id, body }) => [id, body])));
    const after = listing(this.targetView() ?? completed.view, left);
    for (const id of deletablePacks(plan.packs, after, own)) {
      this.target.remove(id);
      this.counts.deletions += 1;
      yield;
    }
  }

  private targetView(): IndexView | undefined {
    return this.viewIn(this.target);
  }

  private viewIn(store: SimStore): IndexView | undefined {
    const format = store.body('kopia.repository', 'format');
    const objects = [...store.objects.values()];
    return format && this.viewOf(format.epochs ? 'epochs' : 'v0', objects);
  }

  private viewOf(kind: IndexView['kind'], objects: readonly SimObject[]): IndexView {
    if (kind === 'epochs') return { kind };
    const logs = objects.flatMap(({ id, body }) =>
      body.kind === 'log' ? [[id, body] as const] : [],
    );
    return { kind, logs: new Map(logs) };
  }

  private mutable(store: SimStore): MutableBlobs {
    const found: { -readonly [K in keyof MutableBlobs]: MutableBlobs[K] } = {};
    const [format, config, marker] = [
      'kopia.repository',
      'kopia.blobcfg',
      'udmrepo.Repository',
    ].map((id) => store.get(id));
    if (format) found.format = info(format);
    if (config) found.blobConfig = info(config);
    if (marker) found.veleroMarker = info(marker);
    return found;
  }
}

const listed = ({ id, etag, timeMs }: SimObject) => ({ id, etag, lastModified: new Date(timeMs) });

function listing(view: IndexView, objects: readonly SimObject[]): IndexListing {
  return { view, blobs: objects.filter(({ id }) => isOfView(view, id)).map(listed) };
}

function sizes(objects: readonly SimObject[]): ReadonlyMap<string, number> {
  return new Map(objects.map(({ id, body }) => [id, body.kind === 'pack' ? 100 : 7]));
}

function info({ id, etag, timeMs, source }: SimObject): ObjectInfo {
  const stamp = source && { etag: source.etag, lastModified: new Date(source.timeMs) };
  const own = { key: id, sizeBytes: 1, etag, lastModified: new Date(timeMs) };
  return stamp ? { ...own, source: stamp } : own;
}
