import type { Deadline } from '../model/clock.ts';
import type { Finding } from '../model/finding.ts';
import type { Ladder, LadderRow } from '../model/ladder.ts';
import type { Verdict } from '../model/report.ts';
import type { ClusterLook } from './cluster.ts';
import type { VerifyConfig, VerifyDeps, VerifyLocation } from './job.ts';

/** The verification of one location within a run. */
export interface LocationRun {
  readonly deps: VerifyDeps;
  readonly config: VerifyConfig;
  readonly location: VerifyLocation;
  readonly runId: string;
  readonly now: Date;
  /** With enough of it left to judge and to write down what was found. */
  readonly deadline: Deadline;
  /** What the location's cluster says; absent when no cluster belongs to it. */
  readonly cluster: ClusterLook | undefined;
}

export interface LocationOutcome {
  readonly findings: readonly Finding[];
  readonly verdicts: readonly Verdict[];
  readonly measures: Readonly<Record<string, number>>;
  /** Absent when not everything was looked at. */
  readonly ladder?: Ladder;
  /** Why the run ended before its work was done. */
  readonly unfinished?: string;
  /** What was found could not be kept. */
  readonly failure?: unknown;
}

export const OUT_OF_TIME = 'The deadline came before everything was read';

/** What `drydock status` shows of a location. */
export function ladderOf(
  { location, now }: LocationRun,
  runId: string,
  rows: readonly LadderRow[],
  unchecked: readonly string[],
): Ladder {
  return {
    location: location.place.name,
    url: location.reader.url,
    checkedAt: now.toISOString(),
    runId,
    rows: [...rows].sort((left, right) => (left.application < right.application ? -1 : 1)),
    unchecked,
  };
}
