import { randomUUID } from 'node:crypto';
import type { Clock } from '../../shared/model/clock.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { silentProgress } from '../../shared/model/progress.ts';
import type { Report } from '../../shared/model/report.ts';
import type { ReplicateConfig, ReplicateDeps } from '../../shared/replicate/job.ts';
import { replicate } from '../../shared/replicate/replicate.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectReader, ObjectStore } from '../../shared/stores/store.ts';
import { fakeClock } from './clock.ts';
import { silentLogger } from './logger.ts';

export interface RouteOptions {
  readonly config?: Partial<ReplicateConfig>;
  readonly state?: ObjectStore;
  readonly clock?: Clock;
  readonly deps?: Partial<ReplicateDeps>;
  readonly deadline?: Date;
}

/** Runs `replicate` between two stores with what a test does not care about filled in. */
export function runRoute(
  source: ObjectReader,
  target: ObjectStore,
  options: RouteOptions = {},
): Promise<Report> {
  const clock = options.clock ?? fakeClock(new Date('2030-01-01T00:00:00Z'));
  const config: ReplicateConfig = {
    route: 'test',
    sourceUrl: source.url,
    targetUrl: target.url,
    layout: 'velero',
    concurrency: 4,
    dryRun: false,
    owner: { name: 'tester', host: 'here', processId: 1 },
    stateIsLocal: false,
    version: '0.0.0',
    ...options.config,
  };
  const deps: ReplicateDeps = {
    source,
    target,
    state: options.state ?? memoryStore('state', clock),
    clock,
    log: silentLogger,
    progress: silentProgress,
    uniqueId: randomUUID,
    isRunning: () => undefined,
    ...options.deps,
  };
  return replicate(deps, config, clock.now(), deadlineAt(options.deadline, clock));
}
