import {
  type LocationLook,
  type RepositoryLook,
  readLocationLook,
} from '../ledger/location-look.ts';
import { beginRun, endRun } from '../ledger/verify-run.ts';
import type { Finding } from '../model/finding.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { readRoot, type VeleroRoot } from '../velero/checks/root.ts';
import { repositoryPrefix } from '../velero/layout.ts';
import { type BackupLooks, lookAtBackups } from './backups.ts';
import { dryRunOfVelero } from './dry-run.ts';
import { forgetGone } from './forget.ts';
import type { KnownLocation, VerifyDeps } from './job.ts';
import { judgeLocation, type LocationJudgement } from './judge.ts';
import { type LocationOutcome, type LocationRun, ladderOf, OUT_OF_TIME } from './location-run.ts';
import { type LookKeeper, openLookKeeper } from './look-keeper.ts';
import { appendRun, saveLadder } from './memory.ts';
import { marksAfter, planProofs, writeProofs } from './proofs.ts';
import { lookAtRepositories, type RepositoryLooks } from './repositories.ts';
import { snapshotHomeOf } from './snapshot-home.ts';
import { type KeyedAnswers, withKeyStates } from './snapshot-keys.ts';
import { snapshotQuestions } from './snapshots.ts';

const DAY_MS = 24 * 3_600_000;

/** Verifies a location with a Velero root: looks, judges, writes down. */
export async function verifyVeleroLocation(run: LocationRun): Promise<LocationOutcome> {
  const { deps, location } = run;
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const keeper = await openLookKeeper(deps, location.identity);
  const root = await readRoot(location.reader, options);
  if (run.config.dryRun) return dryRunOfVelero(run, root, keeper.previous);
  const begun = await beginRun(deps.state, location.identity, run.runId, run.now, options);
  const seen = await look(run, begun.runId, root, keeper);
  if (seen.isCut) {
    await keeper.save(keptLook(run, begun.runId, keeper.previous, seen.backups));
    return cutShort(seen);
  }
  const judgement = await judge(run, root, keeper.previous, seen);
  const { findings, verdicts, rows, unchecked, measures } = judgement;
  const outcome: LocationOutcome = {
    findings,
    verdicts,
    measures: { ...measuresOf(seen.backups, seen.repositories), ...measures },
    ...(seen.backups.isComplete && { ladder: ladderOf(run, begun.runId, rows, unchecked) }),
  };
  try {
    const written = await writeDown(run, begun.runId, keeper, seen, judgement, outcome);
    await endRun(deps.state, begun, deps.clock.now(), options);
    return written;
  } catch (error) {
    deps.signal?.throwIfAborted();
    // What was found is told, also where it cannot be kept.
    return { ...outcome, failure: error };
  }
}

interface Seen {
  readonly backups: BackupLooks;
  readonly repositories: RepositoryLooks;
  readonly isCut: boolean;
}

async function look(
  run: LocationRun,
  runId: string,
  root: VeleroRoot,
  keeper: LookKeeper,
): Promise<Seen> {
  const { deps, config, location, now, deadline } = run;
  const { previous } = keeper;
  const keep = async (facts: readonly BackupFacts[], tampered: readonly Finding[]) =>
    keeper.save(keptLook(run, runId, previous, { facts, tampered }));
  const backups = await lookAtBackups(
    { deps, location, config, runId, now, deadline, keep },
    root,
    previous,
  );
  const none: RepositoryLooks = { looks: new Map(), measures: {}, isCut: false };
  if (backups.isCut) return { backups, repositories: none, isCut: true };
  const { contentDays, allowRetrieval } = config.settings;
  const level = config.rung === 'intact' ? 'content' : 'structure';
  const repositories =
    config.rung === 'reported'
      ? none
      : await lookAtRepositories(
          { deps, location, runId, level, contentDays, allowRetrieval, now, deadline },
          repositoriesOf(backups.facts, run),
        );
  return { backups, repositories, isCut: repositories.isCut };
}

/** The repositories that hold volumes of the backups in question, ascending. */
export function repositoriesOf(
  facts: readonly BackupFacts[],
  { config }: Pick<LocationRun, 'config'>,
): readonly string[] {
  const wanted = config.application;
  const own = config.applications?.find(({ name }) => name === wanted)?.namespaces;
  const namespaces = wanted === undefined ? undefined : (own ?? [wanted]);
  const isWanted = (namespace: string): boolean =>
    namespaces === undefined || namespaces.length === 0 || namespaces.includes(namespace);
  const found = facts
    .filter(({ backup, completeness }) =>
      config.backup === undefined ? completeness === 'complete' : backup === config.backup,
    )
    .flatMap(({ volumes }) =>
      volumes.flatMap(({ repositoryNamespace }) => repositoryNamespace ?? []),
    )
    .filter(isWanted);
  return [...new Set(found)].sort().map(repositoryPrefix);
}

/** What is kept of a run that has not come to its judgement. */
function keptLook(
  { location, now }: LocationRun,
  runId: string,
  previous: LocationLook | undefined,
  { facts, tampered }: Pick<BackupLooks, 'facts' | 'tampered'>,
): LocationLook {
  return {
    location: location.identity,
    lookedAt: previous?.lookedAt ?? now.toISOString(),
    runId,
    backups: withGone(facts, previous),
    gone: previous?.gone ?? [],
    schedules: previous?.schedules ?? [],
    marks: previous?.marks ?? [],
    tampered,
  };
}

/** A backup that has vanished is only forgotten by a run that says so. */
function withGone(
  facts: readonly BackupFacts[],
  previous: LocationLook | undefined,
): readonly BackupFacts[] {
  const there = new Set(facts.map(({ backup }) => backup));
  return [...facts, ...(previous?.backups ?? []).filter(({ backup }) => !there.has(backup))];
}

function cutShort({ backups, repositories }: Seen): LocationOutcome {
  return {
    findings: [...backups.facts.flatMap(({ findings }) => findings), ...backups.tampered],
    verdicts: [],
    measures: measuresOf(backups, repositories),
    unfinished: OUT_OF_TIME,
  };
}

function measuresOf(backups: BackupLooks, { measures }: RepositoryLooks): Record<string, number> {
  return {
    backups: backups.facts.length,
    backupsRead: backups.read,
    ...Object.fromEntries(
      Object.entries(measures).map(([name, value]) => [`kopia.${name}`, value]),
    ),
  };
}

async function judge(
  run: LocationRun,
  root: VeleroRoot,
  previous: LocationLook | undefined,
  { backups, repositories }: Seen,
): Promise<LocationJudgement> {
  const { deps, config, location, now, cluster } = run;
  const source = knownLocations(deps).find(({ place }) => place.name === location.replicaOf);
  const home = snapshotHomeOf(location.place, source?.place);
  const [{ answers, keysUnchecked }, settings, sourceLook, others] = await Promise.all([
    lookUp(run, snapshotQuestions(backups.facts, home)),
    location.settings?.read({ ...(deps.signal && { signal: deps.signal }) }),
    source && readLook(run, source.identity),
    otherBackups(run),
  ]);
  return judgeLocation({
    place: location.place,
    url: location.reader.url,
    root,
    facts: backups.facts,
    isComplete: backups.isComplete,
    tampered: backups.tampered,
    unread: backups.unread,
    previous,
    cluster,
    repositories: byNamespace(repositories.looks),
    home,
    answers,
    keysUnchecked,
    settings,
    isReplica: location.replicaOf !== undefined,
    source: source && sourceLook && { url: source.url, facts: sourceLook.backups },
    others,
    config,
    now,
  });
}

/** Those that are looked at, and the others that the ledger may know. */
function knownLocations({ locations, others = [] }: VerifyDeps): readonly KnownLocation[] {
  const own = locations.map(({ place, identity, reader }) => ({
    place,
    identity,
    url: reader.url,
  }));
  return [...own, ...others];
}

/** What the cluster's other locations held when they were last looked at. */
async function otherBackups(run: LocationRun): Promise<readonly BackupFacts[] | undefined> {
  const { deps, location } = run;
  const { cluster, name } = location.place;
  const others = knownLocations(deps).filter(
    ({ place }) => cluster !== undefined && place.cluster === cluster && place.name !== name,
  );
  const looks = await Promise.all(others.map(({ identity }) => readLook(run, identity)));
  if (looks.some((each) => each === undefined)) return undefined;
  return looks.flatMap((each) => each?.backups ?? []);
}

async function lookUp(
  { deps, location }: LocationRun,
  handles: readonly string[],
): Promise<KeyedAnswers> {
  const { snapshots, snapshotKeys } = location;
  if (handles.length === 0 || snapshots === undefined) {
    return { answers: new Map(), keysUnchecked: [] };
  }
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const answers = await snapshots.lookUp(handles, options);
  if (snapshotKeys === undefined) return { answers, keysUnchecked: [] };
  return withKeyStates(answers, snapshotKeys, options);
}

async function readLook(
  { deps }: LocationRun,
  identity: string,
): Promise<LocationLook | undefined> {
  const options = { ...(deps.signal && { signal: deps.signal }) };
  return (await readLocationLook(deps.state, identity, options))?.value;
}

function byNamespace(
  looks: ReadonlyMap<string, RepositoryLook>,
): ReadonlyMap<string, RepositoryLook> {
  return new Map([...looks].map(([prefix, each]) => [prefix.split('/').at(-2) ?? '', each]));
}

/** Proofs first: the look says which of them are there. */
async function writeDown(
  run: LocationRun,
  runId: string,
  keeper: LookKeeper,
  { backups }: Seen,
  judgement: LocationJudgement,
  outcome: LocationOutcome,
): Promise<LocationOutcome> {
  const { deps, config, location, now } = run;
  const { identity } = location;
  const proofAgeMsMax = config.settings.proofDays * DAY_MS;
  const marks = keeper.previous?.marks ?? [];
  const planned = planProofs(judgement.standings, marks, proofAgeMsMax, now);
  await writeProofs(deps, { identity, runId }, planned);
  const isOneApplication = config.application !== undefined;
  const standings = isOneApplication ? undefined : judgement.standings;
  // A run that looked at a part has not noticed what vanished: the next whole one will.
  const { isComplete, facts } = backups;
  const { previous } = keeper;
  const gone = isComplete
    ? await forgetGone(deps, { identity, previous, facts, gone: judgement.gone, now })
    : judgement.gone;
  await keeper.save({
    location: identity,
    lookedAt: isComplete ? now.toISOString() : (keeper.previous?.lookedAt ?? now.toISOString()),
    runId,
    backups: isComplete ? facts : withGone(facts, keeper.previous),
    gone,
    schedules: judgement.schedules,
    marks: marksAfter(marks, planned, standings),
    tampered: backups.tampered,
  });
  const measures = { ...outcome.measures, proofsWritten: planned.length };
  const { ladder, findings } = outcome;
  if (ladder !== undefined) {
    await saveLadder(deps, identity, ladder, config.application);
    await appendRun(deps, identity, { runId, at: now, ladder, findings, measures });
  }
  return { ...outcome, measures };
}
