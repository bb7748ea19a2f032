import { type Deadline, deadlineAt } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import { type Finding, finding, SEVERITIES } from '../model/finding.ts';
import type { Report, ReportError, Verdict } from '../model/report.ts';
import { type ClusterLook, lookAtCluster } from './cluster.ts';
import type { VerifyConfig, VerifyDeps, VerifyLocation } from './job.ts';
import { verifyKopiaLocation } from './kopia-run.ts';
import type { LocationOutcome, LocationRun } from './location-run.ts';
import { combined } from './repositories.ts';
import { verifyVeleroLocation } from './velero-run.ts';

/** What is kept of the time to judge and to write down what was found. */
const RESERVE_MS = 10_000;

/**
 * Looks at every location, puts each recovery point of each application on its rung, and keeps what
 * was proven. Reads backups and witnesses and writes the ledger alone; a dry run writes nothing.
 * What is as it was at the last look is not read again, and a run that its deadline ends is
 * continued by the next one.
 *
 * A location that cannot be verified is an error of the report, and a finding, and keeps no other
 * one from its turn.
 * @throws the reason of an aborted signal
 */
export async function verify(
  deps: VerifyDeps,
  config: VerifyConfig,
  now: Date,
  deadline: Deadline,
): Promise<Report> {
  const runId = config.runId ?? deps.uniqueId();
  const own = withReserve(deps, deadline);
  const clusters = new Map<string, Promise<ClusterLook>>();
  const clusterOf = (name: string | undefined): Promise<ClusterLook> | undefined => {
    const witness = name === undefined ? undefined : deps.clusters.get(name);
    if (name === undefined || witness === undefined) return undefined;
    const look = clusters.get(name) ?? lookAtCluster(witness, now, deps.signal);
    clusters.set(name, look);
    return look;
  };
  const outcomes: LocationOutcome[] = [];
  const failures: Failed[] = [];
  for (const location of inOrder(deps.locations)) {
    try {
      const cluster = await clusterOf(location.place.cluster);
      const run: LocationRun = { deps, config, location, runId, now, deadline: own, cluster };
      const { layout } = location.place;
      const verifyLocation = layout === 'kopia' ? verifyKopiaLocation : verifyVeleroLocation;
      const outcome = await verifyLocation(run);
      outcomes.push(outcome);
      if (outcome.failure !== undefined) {
        failures.push({ url: location.reader.url, error: outcome.failure, isJudged: true });
      }
    } catch (error) {
      deps.signal?.throwIfAborted();
      failures.push({ url: location.reader.url, error, isJudged: false });
    }
  }
  return reportOf(deps, config, { runId, now }, outcomes, failures);
}

/** What could not be carried out at one location. */
interface Failed {
  readonly url: string;
  readonly error: unknown;
  /** It was looked at all the same: what was found could not be kept. */
  readonly isJudged: boolean;
}

/** Replicas are compared with what their source was just seen to be. */
function inOrder(locations: readonly VerifyLocation[]): readonly VerifyLocation[] {
  return [
    ...locations.filter(({ replicaOf }) => replicaOf === undefined),
    ...locations.filter(({ replicaOf }) => replicaOf !== undefined),
  ];
}

function withReserve({ clock }: VerifyDeps, deadline: Deadline): Deadline {
  if (deadline.at === undefined) return deadline;
  const reserveMs = Math.min(RESERVE_MS, deadline.remainingMs() / 4);
  return deadlineAt(new Date(deadline.at.getTime() - reserveMs), clock);
}

function reportOf(
  deps: VerifyDeps,
  config: VerifyConfig,
  run: { readonly runId: string; readonly now: Date },
  outcomes: readonly LocationOutcome[],
  failures: readonly Failed[],
): Report {
  const measures: Record<string, number> = { locations: outcomes.length };
  for (const outcome of outcomes) {
    for (const [name, value] of Object.entries(outcome.measures)) {
      const known = measures[name];
      measures[name] = known === undefined ? value : combined(name, known, value);
    }
  }
  const unreadable = failures.map(({ url, error }) => errorOf(url, error, deps.state.url));
  const unfinished = outcomes.find((each) => each.unfinished !== undefined)?.unfinished;
  const ladders = outcomes.flatMap(({ ladder }) => ladder ?? []);
  return {
    schema: 'drydock/report/v1',
    run: {
      job: 'verify',
      id: run.runId,
      version: config.version,
      startedAt: run.now.toISOString(),
      finishedAt: deps.clock.now().toISOString(),
      dryRun: config.dryRun,
    },
    scope: {
      locations: deps.locations.map(({ reader }) => reader.url).join(' '),
      rung: config.rung,
      ...(config.application !== undefined && { application: config.application }),
      ...(config.backup !== undefined && { backup: config.backup }),
      ...(config.since !== undefined && { since: config.since.toISOString() }),
    },
    verdicts: [
      ...outcomes.flatMap(({ verdicts }) => verdicts),
      ...failures.flatMap(({ url, isJudged }, at) =>
        isJudged ? [] : uncheckedOf(url, unreadable[at]),
      ),
    ],
    findings: sorted([
      ...outcomes.flatMap(({ findings }) => findings),
      ...unreadable.map((each) => unreadableFinding(each, deps.state.url)),
    ]),
    actions: [],
    measures,
    ...(ladders.length > 0 && { ladders }),
    ...(unreadable.length > 0 && { errors: unreadable }),
    ...(unfinished !== undefined && { unfinished: { reason: unfinished } }),
  };
}

/** What fails in the state is no fact about the location, and the same for all of them. */
function errorOf(url: string, error: unknown, stateUrl: string): ReportError {
  if (error instanceof DrydockError) {
    const { code, failure, message, hint } = error;
    const subject = message.includes(`"${stateUrl}`) ? stateUrl : url;
    return { subject, code, failure, message, hint };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const hint = 'This is a defect; please report it with the command';
  return { subject: url, code: 'UNEXPECTED', failure: 'operation', message, hint };
}

function uncheckedOf(subject: string, error: ReportError | undefined): Verdict {
  return { kind: 'unchecked', subject, reason: error?.message ?? 'it could not be looked at' };
}

/** What pages is a finding: an error alone would be seen by whoever reads the report. */
function unreadableFinding(error: ReportError, stateUrl: string): Finding {
  const { subject, code, message, hint } = error;
  const kind = subject === stateUrl ? 'STATE_UNUSABLE' : 'LOCATION_UNREADABLE';
  return finding(kind, subject, message, { hint, evidence: { error: code } });
}

/** The worst first; what is the same finding is said once. */
function sorted(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  const once = findings.filter(({ code, subject }) => {
    const key = `${code}\n${subject}`;
    return !seen.has(key) && seen.add(key);
  });
  return SEVERITIES.toReversed().flatMap((severity) =>
    once.filter((each) => each.severity === severity),
  );
}
