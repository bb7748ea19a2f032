import type { RepositoryLook } from '../ledger/location-look.ts';
import { beginRun, endRun } from '../ledger/verify-run.ts';
import type { Verdict } from '../model/report.ts';
import { dryRunOfKopia } from './dry-run.ts';
import { forgetSnapshots } from './forget.ts';
import { judgeKopia } from './kopia-location.ts';
import { type LocationOutcome, type LocationRun, ladderOf, OUT_OF_TIME } from './location-run.ts';
import { openLookKeeper } from './look-keeper.ts';
import { appendRun, saveLadder } from './memory.ts';
import { markKey, marksAfter, planProofs, writeProofs } from './proofs.ts';
import { lookAtRepositories } from './repositories.ts';
import { settingsFindings } from './settings.ts';

const DAY_MS = 24 * 3_600_000;

/** Verifies a location that is one Kopia repository: looks, judges, writes down. */
export async function verifyKopiaLocation(run: LocationRun): Promise<LocationOutcome> {
  const { deps, config, location, now, deadline } = run;
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const { identity, place } = location;
  const { url } = location.reader;
  const keeper = await openLookKeeper(deps, identity);
  if (config.dryRun) return dryRunOfKopia(run);
  const begun = await beginRun(deps.state, identity, run.runId, now, options);
  const { runId } = begun;
  const { contentDays, proofDays, allowRetrieval, rpoMs } = config.settings;
  const level = config.rung === 'intact' ? 'content' : 'structure';
  const seen = await lookAtRepositories(
    { deps, location, runId, level, contentDays, allowRetrieval, now, deadline },
    [''],
  );
  const look = seen.looks.get('');
  if (look === undefined) {
    return { findings: [], verdicts: [], measures: seen.measures, unfinished: OUT_OF_TIME };
  }
  const settings = await location.settings?.read(options);
  const isReplica = location.replicaOf !== undefined;
  const { location: where, layout } = place;
  const proofAgeMsMax = proofDays * DAY_MS;
  const judged = judgeKopia({
    location: place.name,
    url,
    look,
    intervalMs: place.intervalMs ?? rpoMs,
    proofAgeMsMax,
    marks: keeper.previous?.marks ?? [],
    application: config.application,
    now,
  });
  const findings = [
    ...judged.findings,
    ...(settings === undefined
      ? []
      : settingsFindings({ settings, location: where, layout, url, isReplica, now })),
  ];
  // Where nothing could be opened, no point was looked at, and none is gone.
  const isBlind = look.outcome === 'unchecked' && look.snapshots.length === 0;
  const ladder = ladderOf(run, runId, judged.rows, []);
  const outcome: LocationOutcome = {
    findings,
    verdicts: [verdictOf(look, url)],
    measures: seen.measures,
    // The ladder of before stands then, and grows old.
    ...(!isBlind && { ladder }),
  };
  try {
    const marks = keeper.previous?.marks ?? [];
    const planned = planProofs(judged.standings, marks, proofAgeMsMax, now);
    await writeProofs(deps, { identity, runId }, planned);
    const isPart = isBlind || config.application !== undefined;
    const kept = marksAfter(marks, planned, isPart ? undefined : judged.standings);
    // Old ones are looked for when one goes: that costs a listing.
    const keptKeys = new Set(kept.map(markKey));
    const hasLost = marks.some((mark) => !keptKeys.has(markKey(mark)));
    if (hasLost) await forgetSnapshots(deps, identity, look, now);
    await keeper.save({
      location: identity,
      lookedAt: now.toISOString(),
      runId,
      backups: [],
      gone: [],
      schedules: [],
      marks: kept,
      tampered: [],
    });
    const measures = { ...seen.measures, proofsWritten: planned.length };
    if (!isBlind) await saveLadder(deps, identity, ladder, config.application);
    await appendRun(deps, identity, { runId, at: now, ladder, findings, measures });
    await endRun(deps.state, begun, deps.clock.now(), options);
    return { ...outcome, measures };
  } catch (error) {
    deps.signal?.throwIfAborted();
    // What was found is told, also where it cannot be kept.
    return { ...outcome, failure: error };
  }
}

function verdictOf(look: RepositoryLook, subject: string): Verdict {
  if (look.outcome === 'verified') return { kind: 'verified', subject };
  if (look.outcome === 'damaged') return { kind: 'damaged', subject, findings: look.findings };
  return { kind: 'unchecked', subject, reason: look.reason ?? 'it could not be read' };
}
