import { type RouteCheckpoint, readCheckpoint, writeCheckpoint } from '../ledger/checkpoint.ts';
import { acquireLease, type Lease } from '../ledger/lease.ts';
import type { Deadline } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import { finding } from '../model/finding.ts';
import type { Report } from '../model/report.ts';
import { isStoreError } from '../stores/store-error.ts';
import { findBackups, publishBackups } from './backup-run.ts';
import { checkDeadline, OutOfTime, type RouteRun } from './copy.ts';
import type { ReplicateConfig, ReplicateDeps } from './job.ts';
import { replicateRepository } from './kopia-run.ts';
import { preflight } from './preflight.ts';
import { replicateRestic } from './restic-run.ts';
import { createTally, type Tally } from './tally.ts';

/**
 * Kopia keeps a pack for 24 hours after nothing names it any more. A route that completes more
 * often than that never publishes an index whose pack the source has removed; four hours are for
 * the run itself.
 */
const COMPLETED_AGE_HOURS_MAX = 20;

/**
 * Brings the target to the state of the source so that at every instant it is restorable or cannot
 * be opened yet (S2). Reads the source only (S1), deletes nothing but `kopia.blobcfg` where a
 * changed password demands it, and continues what an interrupted run left (S11).
 *
 * @throws DrydockError `refused` when another replicator holds the target (LEASE_HELD), or when the
 *   source lost what the target has; StoreError when a side cannot be read or written.
 */
export async function replicate(
  deps: ReplicateDeps,
  config: ReplicateConfig,
  now: Date,
  deadline: Deadline,
): Promise<Report> {
  const tally = createTally(deps.progress);
  const runId = deps.uniqueId();
  // A dry run writes nothing, not even a lease: it cannot disturb a run that is under way.
  const lease = config.dryRun
    ? undefined
    : await acquireLease(deps, config.targetUrl, config.owner);
  try {
    const run = routeRun(deps, config, now, deadline, tally, lease);
    const unfinished = await runRoute(run);
    return report(run, runId, unfinished);
  } finally {
    // A lease that cannot be given back ends by itself; it must not hide how the run ended.
    await lease?.release().catch((error: unknown) => {
      deps.log.log('warning', 'Could not release the lease', { error: String(error) });
    });
  }
}

function routeRun(
  deps: ReplicateDeps,
  config: ReplicateConfig,
  now: Date,
  deadline: Deadline,
  tally: Tally,
  lease: Lease | undefined,
): RouteRun {
  const signals = [deps.signal, lease?.signal].filter((signal) => signal !== undefined);
  const signal = AbortSignal.any(signals);
  const guard = (): void => {
    signal.throwIfAborted();
    lease?.check();
    checkDeadline(deadline);
  };
  return { deps, config, now, tally, signal, guard };
}

/** @returns why the run ended before its work, if it did. */
async function runRoute(run: RouteRun): Promise<string | undefined> {
  const previous = await readCheckpoint(run.deps.state, run.config.sourceUrl, run.config.targetUrl);
  await saveCheckpoint(run, previous, previous?.lastCompletedAt);
  try {
    const isComplete = await copyRoute(run);
    if (isComplete) await saveCheckpoint(run, previous, run.deps.clock.now().toISOString());
    else reportCatchingUp(run, previous);
    return undefined;
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw explained(error);
    reportCatchingUp(run, previous);
    return error.message;
  }
}

/** @returns whether everything that the source has to give reached the target. */
async function copyRoute(run: RouteRun): Promise<boolean> {
  // Backups first, then which repositories there are: those that a complete backup needs exist.
  const backups = run.config.layout === 'velero' ? await findBackups(run) : [];
  const layout = await preflight(run);
  const heldUntilMs = new Map(layout.broken.map((name) => [name, Number.NEGATIVE_INFINITY]));
  let isComplete = true;
  for (const prefix of layout.repositories) {
    const outcome = await replicateRepository(run, prefix);
    run.tally.measure('repositories', 1);
    heldUntilMs.set(prefix.split('/').at(-2) ?? '', outcome.heldUntilMs);
    if (outcome.kind === 'left') isComplete = false;
  }
  for (const prefix of layout.resticRepositories) await replicateRestic(run, prefix);
  await publishBackups(run, backups, heldUntilMs);
  return isComplete;
}

async function saveCheckpoint(
  run: RouteRun,
  previous: RouteCheckpoint | undefined,
  lastCompletedAt: string | undefined,
): Promise<void> {
  if (run.config.dryRun) return;
  const checkpoint: RouteCheckpoint = {
    source: run.config.sourceUrl,
    target: run.config.targetUrl,
    lastCompletedAt,
    firstStartedAt: previous?.firstStartedAt ?? run.now.toISOString(),
    lastStartedAt: run.now.toISOString(),
  };
  await writeCheckpoint(run.deps.state, checkpoint, run.deps.uniqueId());
}

/** A route that has never come to its end is behind since its first run. */
function reportCatchingUp(run: RouteRun, previous: RouteCheckpoint | undefined): void {
  if (previous === undefined) return;
  const since = previous.lastCompletedAt ?? previous.firstStartedAt;
  const ageHours = (run.now.getTime() - Date.parse(since)) / 3_600_000;
  if (ageHours <= COMPLETED_AGE_HOURS_MAX) return;
  const subject = run.deps.target.url;
  const what =
    previous.lastCompletedAt === undefined ? 'first run began' : 'last completed run ended';
  const message = `The replica is catching up: its ${what} ${ageHours.toFixed(1)} hours ago`;
  run.tally.findings.push(finding('CATCHING_UP', subject, message));
  run.tally.verdicts.push({ kind: 'unchecked', subject, reason: 'catching up' });
}

/** An archived object at the source stops the route: say what that means for a replica. */
function explained(error: unknown): unknown {
  if (!isStoreError(error, 'archived')) return error;
  const hint =
    'Bring it back from the archive tier, which takes hours, and exempt the prefix from the lifecycle rule; no restore can be made from it meanwhile';
  return new DrydockError('operation', 'SOURCE_ARCHIVED', error.message, { hint, cause: error });
}

function report(run: RouteRun, id: string, unfinished: string | undefined): Report {
  const { config, deps, tally } = run;
  const measures = tally.measures();
  const unproven = measures['objectsNotCheckedAgainstSource'] ?? 0;
  if (unproven > 0) {
    const message = `Copied ${unproven} objects whose source has no checksum to compare with`;
    tally.findings.push(finding('CHECKSUM_UNVERIFIED', deps.source.url, message));
  }
  if (config.stateIsLocal && !config.dryRun) {
    const message = `The lease of "${deps.target.url}" is kept in "${deps.state.url}"`;
    tally.findings.push(finding('LOCAL_STATE', deps.target.url, message));
  }
  return {
    schema: 'drydock/report/v1',
    run: {
      job: 'replicate',
      id,
      version: config.version,
      startedAt: run.now.toISOString(),
      finishedAt: deps.clock.now().toISOString(),
      dryRun: config.dryRun,
    },
    scope: { route: config.route, source: deps.source.url, target: deps.target.url },
    verdicts: tally.verdicts,
    findings: tally.findings,
    actions: tally.actions(),
    measures,
    ...(unfinished !== undefined && { unfinished: { reason: unfinished } }),
  };
}
