import type { Verdict } from '../../model/report.ts';
import type { Snapshot } from '../manifests/snapshots.ts';
import type { Losses } from './losses.ts';
import { PATHS_MAX } from './losses.ts';

/** What one cause costs over all snapshots. */
export interface Cost {
  readonly snapshots: Set<string>;
  files: number;
  /** `<snapshot id>/<path>`. */
  readonly paths: string[];
}

export interface SnapshotLoss {
  filesLost: number;
  filesUnchecked: number;
  readonly paths: string[];
}

/**
 * Sums up losses by cause and by snapshot, over all passes. A file that lost contents in two slices
 * of the content-id space counts twice; only repositories beyond one pass have slices.
 */
export interface Costs {
  add(snapshot: Snapshot, losses: Losses): void;
  ofCause(key: string): Cost | undefined;
  ofSnapshot(id: string): SnapshotLoss | undefined;
  readonly snapshotsDamaged: number;
  readonly snapshotsUnchecked: number;
}

export function costs(): Costs {
  const byCause = new Map<string, Cost>();
  const bySnapshot = new Map<string, SnapshotLoss>();
  const count = (kind: Verdict['kind']) =>
    [...bySnapshot.values()].filter((loss) => verdictOf(loss) === kind).length;
  return {
    add(snapshot, losses) {
      const known = bySnapshot.get(snapshot.id) ?? { filesLost: 0, filesUnchecked: 0, paths: [] };
      known.filesLost += losses.damaged.files;
      known.filesUnchecked += losses.unchecked.files;
      addPaths(known.paths, [...losses.damaged.paths, ...losses.unchecked.paths], '');
      bySnapshot.set(snapshot.id, known);
      for (const [key, loss] of losses.byCause) {
        const cost = byCause.get(key) ?? { snapshots: new Set(), files: 0, paths: [] };
        cost.snapshots.add(snapshot.id);
        cost.files += loss.files;
        addPaths(cost.paths, loss.paths, `${snapshot.id}/`);
        byCause.set(key, cost);
      }
    },
    ofCause: (key) => byCause.get(key),
    ofSnapshot: (id) => bySnapshot.get(id),
    get snapshotsDamaged() {
      return count('damaged');
    },
    get snapshotsUnchecked() {
      return count('unchecked');
    },
  };
}

export function verdictOf(loss: SnapshotLoss | undefined): Verdict['kind'] {
  if (loss === undefined) return 'verified';
  return loss.filesLost > 0 ? 'damaged' : 'unchecked';
}

function addPaths(to: string[], paths: readonly string[], before: string): void {
  for (const path of paths) {
    const whole = `${before}${path}`;
    if (to.length < PATHS_MAX && !to.includes(whole)) to.push(whole);
  }
}
