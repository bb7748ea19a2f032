import { type Finding, finding } from '../model/finding.ts';
import { ageHours, type LadderRow } from '../model/ladder.ts';
import { shownKey } from '../stores/keys.ts';
import { shown } from '../velero/artefacts/json.ts';
import { EXAMPLES_MAX, examplesOf, plain } from '../velero/checks/plain.ts';
import { hoursText } from './figures.ts';
import { exactHint } from './hints.ts';

const HOUR_MS = 3_600_000;

/**
 * How old the newest proven recovery point may become before its objective counts as breached:
 * the objective, what a backup usually takes, and an hour for the poll and for what varies. So a
 * daily schedule under an objective of a day is never called late while its backup still runs.
 * @param intervalMs the longest distance of two slots: 25 hours when clocks go back, which is no
 * breach of an objective of 24.
 */
export function breachAfterMs(
  rpoMs: number,
  usualDurationMs: number | undefined,
  intervalMs?: number,
): number {
  const overMs = (intervalMs ?? rpoMs) - rpoMs;
  const clocksMs = overMs > 0 && overMs <= HOUR_MS ? overMs : 0;
  return rpoMs + (usualDurationMs ?? 0) + clocksMs + HOUR_MS;
}

/**
 * What the recovery points of applications at one location fall short of.
 * @param rows those without any point are of applications that the location must hold.
 */
export function rpoFindings(
  rows: readonly LadderRow[],
  { url, now }: { readonly url: string; readonly now: Date },
): readonly Finding[] {
  return rows.flatMap((row) =>
    judgeRow(row, `${url} application ${shownKey(row.application)}`, now),
  );
}

function judgeRow(row: LadderRow, subject: string, now: Date): readonly Finding[] {
  const { application, newest, proven, breachAfterHours } = row;
  const evidence = {
    rpoHours: row.rpoHours,
    breachAfterHours,
    namespaces: examplesOf(row.namespaces),
    ...(row.class === undefined ? {} : { class: row.class }),
    ...(newest === undefined ? {} : { newest: plain(newest.point), newestTakenAt: newest.takenAt }),
    ...(proven === undefined ? {} : { proven: plain(proven.point), provenTakenAt: proven.takenAt }),
    ...(row.why.length === 0 ? {} : { why: row.why.slice(0, EXAMPLES_MAX) }),
  };
  if (row.points === 0 || newest === undefined) {
    const message = `${shown(application)} has no recovery point here`;
    return [finding('APPLICATION_ABSENT', subject, message, { evidence })];
  }
  const once = row.byRung.restored ?? row.byRung.intact;
  const lacks = lackText(row);
  // Without a proof, ever, the age of the newest point says the least that would be lost.
  const judged = proven ?? once ?? newest;
  const age = ageHours(judged, now) ?? Number.POSITIVE_INFINITY;
  const isLapsed = proven === undefined && once !== undefined;
  if (age <= breachAfterHours && !isLapsed) {
    if (proven !== undefined) return [];
    const which =
      row.points === 1 ? 'The only recovery point' : `None of the ${row.points} recovery points`;
    const verb = row.points === 1 ? 'is not proven' : 'is proven';
    const message = `${which} of ${shown(application)} ${verb}: ${lacks}`;
    const hint = exactHint('NEVER_PROVEN', { application });
    return [finding('NEVER_PROVEN', subject, message, { ...hint, evidence })];
  }
  const objective = `the objective is ${hoursText(row.rpoHours)}`;
  const what = isLapsed
    ? `The proof of ${shown(judged.point)} (${hoursText(age)} old) no longer counts, and no other recovery point of ${shown(application)} is proven`
    : judged === proven
      ? `The newest proven recovery point of ${shown(application)} is ${hoursText(age)} old`
      : `The newest recovery point of ${shown(application)} is ${hoursText(age)} old, and none is proven`;
  const newer =
    newest.point === proven?.point ? '' : `; the newest, ${shown(newest.point)}: ${lacks}`;
  return [finding('RPO_BREACHED', subject, `${what}; ${objective}${newer}`, { evidence })];
}

function lackText({ why }: LadderRow): string {
  if (why.length === 0) return 'no reason is known';
  const more = why.length > 3 ? `, and ${why.length - 3} more reasons` : '';
  return `${why.slice(0, 3).join(', ')}${more}`;
}
