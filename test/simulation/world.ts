/** The simulated world: who acts next, how time goes by, and what must hold after each operation. */
import { Chance } from './chance.ts';
import { Maintenance } from './maintenance.ts';
import { breachOf, viewOf } from './model.ts';
import { DAY_MS, type Outcome, Replicator, type Rule, UNEXPLAINED_MAX } from './replicator.ts';
import { KopiaSource, type Work } from './source.ts';
import { SimStore } from './store.ts';

export interface Settings {
  readonly seed: number;
  /** Operations on either store. */
  readonly steps: number;
  readonly without?: Rule;
  /** Packs of the target are lost and overwritten now and then. */
  readonly damage?: boolean;
  /** Every other run is stopped after so many of its operations; without it by chance. */
  readonly stopAfter?: number;
}

export interface Ending {
  /** What broke, and at which step; undefined when nothing did. */
  readonly breach: string | undefined;
  readonly steps: number;
  readonly counts: Readonly<Record<string, number>>;
}

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

export function simulate(settings: Settings): Ending {
  return new World(settings).run();
}

class World {
  private readonly settings: Settings;
  private readonly chance: Chance;
  /** Of its own, so that what it does moves nothing else. */
  private readonly mischief: Chance;
  private isDamaged = false;
  private nowMs = START_MS;
  private readonly source: SimStore;
  private readonly target: SimStore;
  private readonly kopia: KopiaSource;
  private readonly maintenance: Maintenance;
  private readonly replicator: Replicator;
  private readonly counts: Record<string, number> = {
    worlds: 1,
    backups: 0,
    maintained: 0,
    disasters: 0,
    damages: 0,
    crashes: 0,
    completed: 0,
    stale: 0,
    unsettled: 0,
    frozen: 0,
    unjudged: 0,
    unsafe: 0,
    checks: 0,
  };
  /** At work at the source: a client and maintenance may be so at the same time. */
  private client: Work | undefined;
  private keeper: Work | undefined;
  private drydock: Generator<void, Outcome> | undefined;
  private nextFullMs = START_MS + 12 * HOUR_MS;
  private nextRunMs = START_MS + 24 * HOUR_MS;
  private gapHours: number;
  /** A source that breaks by itself would be a mistake of this world, and show nothing. */
  private sourceBreach: string | undefined;
  private runs = 0;
  /** Of the run that is under way. */
  private operations = 0;
  private isDestroyed = false;
  /** Kopia lets nobody else in meanwhile. */
  private isUpgrading = false;
  /** Snapshots that left the target unexplained, and when. */
  private readonly lost = new Map<string, number>();
  /** Those that the target showed when the run began. */
  private visible: ReadonlySet<string> = new Set();
  private readonly agreed = new Set<string>();

  constructor(settings: Settings) {
    this.settings = settings;
    this.chance = new Chance(settings.seed);
    this.mischief = new Chance(settings.seed + 0x5eed);
    const skewMs = this.chance.between(-60, 60) * 60_000;
    this.source = new SimStore(() => this.nowMs);
    this.target = new SimStore(() => this.nowMs + skewMs);
    const epochs = this.chance.is(0.7);
    this.kopia = new KopiaSource(this.source, this.chance, () => this.nowMs, epochs);
    this.maintenance = new Maintenance(this.kopia);
    this.replicator = new Replicator(this.kopia, this.target, settings.without);
    // Some routes run every few hours, some fall behind by days.
    this.gapHours = this.chance.is(0.5) ? 3 : this.chance.between(8, 80);
  }

  run(): Ending {
    for (let step = 1; step <= this.settings.steps; step += 1) {
      const acted = this.act();
      const breach = this.sourceBreach
        ? `source: ${this.sourceBreach}`
        : acted
          ? this.breach()
          : undefined;
      if (breach !== undefined)
        return { breach: `step ${step}: ${breach}`, steps: step, counts: this.totals() };
    }
    return { breach: undefined, steps: this.settings.steps, counts: this.totals() };
  }

  private totals(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.replicator.counts };
  }

  /** @returns whether the target may have changed. */
  private act(): boolean {
    const isSourceBusy = this.client !== undefined || this.keeper !== undefined;
    if (this.drydock === undefined && this.nowMs >= this.nextRunMs) {
      this.drydock = this.replicator.run();
      this.operations = 0;
      this.visible = new Set(viewOf(this.target)?.snapshots.keys());
    }
    if (this.drydock === undefined && !isSourceBusy) {
      this.pause();
      return false;
    }
    const isDrydock = this.drydock !== undefined && (!isSourceBusy || this.chance.is(0.6));
    this.nowMs += this.chance.between(0, isDrydock ? 4000 : 20_000);
    if (isDrydock) return this.replicate();
    this.workAtSource();
    return false;
  }

  /** Nobody is at work: hours go by, and somebody begins. */
  private pause(): void {
    this.nowMs += this.chance.between(1, 5) * HOUR_MS;
    if (this.settings.damage && this.mischief.is(0.02)) this.damage();
    this.begin();
  }

  /** Somebody removes or overwrites a pack at the target: the next run that completes mends it. */
  private damage(): void {
    const packs = [...this.target.objects.keys()].filter((id) => /^[pq]/.test(id));
    const [id] = this.mischief.shuffled(packs);
    if (id === undefined) return;
    this.isDamaged = true;
    this.counts['damages'] = (this.counts['damages'] ?? 0) + 1;
    if (this.mischief.is(0.5)) this.target.remove(id);
    else this.target.put(id, { kind: 'text' });
  }

  private begin(): void {
    if (this.keeper === undefined && this.nowMs >= this.nextFullMs && !this.isUpgrading) {
      this.nextFullMs = this.nowMs + 24 * HOUR_MS;
      this.keeper = this.maintenance.full();
      this.counts['maintained'] = (this.counts['maintained'] ?? 0) + 1;
    }
    if (this.client !== undefined) return;
    const dice = this.chance.next();
    const isDisaster = dice < 0.004 && !this.isDestroyed && this.visible.size > UNEXPLAINED_MAX;
    if (isDisaster) {
      this.isDestroyed = true;
      this.counts['disasters'] = (this.counts['disasters'] ?? 0) + 1;
      this.client = this.kopia.destroy();
    } else if (dice < 0.55) {
      this.client = this.kopia.backUp();
      this.counts['backups'] = (this.counts['backups'] ?? 0) + 1;
    } else if (dice < 0.75) this.client = this.kopia.expire();
    else if (dice < 0.85 && !this.isUpgrading) this.keeper ??= this.maintenance.quick();
    else if (dice < 0.87) this.client = this.kopia.changePassword();
    else if (dice < 0.89 && !this.kopia.epochs && this.keeper === undefined) {
      this.isUpgrading = true;
      this.client = this.kopia.upgrade();
    }
  }

  private workAtSource(): void {
    const isClient =
      this.client !== undefined && (this.keeper === undefined || this.chance.is(0.5));
    const work = isClient ? this.client : this.keeper;
    if (!work?.next().done) return;
    if (isClient) {
      this.client = undefined;
      this.isUpgrading = false;
    } else this.keeper = undefined;
    // A changed password is for a moment half changed.
    const isAtRest = this.client === undefined && this.keeper === undefined;
    if (isAtRest) this.sourceBreach = breachOf(this.source, this.kopia.packs, false);
    // Others begin while one is still at work, and a source may not come to rest for a while.
    if (this.chance.is(0.3)) this.begin();
  }

  private replicate(): boolean {
    if (this.drydock === undefined) return false;
    const { writes } = this.target;
    if (this.isStopped()) {
      this.counts['crashes'] = (this.counts['crashes'] ?? 0) + 1;
      this.rest(this.chance.between(0, 6));
      return false;
    }
    const result = this.drydock.next();
    if (!result.done) return this.target.writes > writes;
    if (result.value === 'completed') this.isDamaged = false;
    this.counts[result.value] = (this.counts[result.value] ?? 0) + 1;
    this.rest(result.value === 'completed' ? this.gapHours : 1);
    const { frozen } = this.replicator;
    // Some day a person looks at what froze the route, and agrees to it.
    if (frozen && this.chance.is(0.2)) {
      for (const id of frozen.unexplained) this.agreed.add(id);
      this.replicator.acknowledged = frozen.hash;
    }
    return true;
  }

  /**
   * A crash, a lost lease, a failed request: the run ends, whether or not what it asked for last was
   * done, and another one begins without its memory.
   */
  private isStopped(): boolean {
    const { stopAfter } = this.settings;
    this.operations += 1;
    if (stopAfter === undefined) return this.chance.is(0.01);
    return this.runs % 2 === 0 && this.operations > stopAfter;
  }

  private rest(hours: number): void {
    this.drydock = undefined;
    this.runs += 1;
    this.nextRunMs = this.nowMs + this.chance.next() * 2 * hours * HOUR_MS;
  }

  private breach(): string | undefined {
    if (this.isDamaged) return undefined;
    this.counts['checks'] = (this.counts['checks'] ?? 0) + 1;
    const isCatchingUp = this.replicator.isCatchingUp;
    return breachOf(this.target, this.kopia.packs, isCatchingUp) ?? this.massLoss();
  }

  /** Snapshots that nobody agreed to lose, and that had not expired, went in a day. */
  private massLoss(): string | undefined {
    const view = viewOf(this.target);
    if (view === undefined) return undefined;
    for (const id of this.visible) {
      const expiresAt = this.kopia.owners.get(id)?.expiresAt.getTime() ?? 0;
      if (view.snapshots.has(id) || this.agreed.has(id) || expiresAt <= this.nowMs) continue;
      this.lost.set(id, this.replicator.judgedMs);
    }
    const dayAgo = this.replicator.judgedMs - DAY_MS;
    const lost = [...this.lost.values()].filter((atMs) => atMs > dayAgo).length;
    if (lost <= UNEXPLAINED_MAX) return undefined;
    return `${lost} snapshots left the target in a day, unexplained`;
  }
}
