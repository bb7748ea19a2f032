import { accessProblems, placeOf } from './access.ts';
import type { ConfigDocument } from './document.ts';
import { locationName } from './location.ts';
import { checkState, overlap } from './overlap.ts';
import type { Listed, Parts } from './parts.ts';
import type { ConfigProblem } from './problem.ts';
import {
  doubleNames,
  type Path,
  problemAt,
  problemsFrom,
  problemsOfEntry,
  unknownName,
} from './problem-at.ts';
import { accessEntry } from './schema-parts.ts';
import type { ApplicationEntry, ScheduleEntry, VerifyEntry } from './schema-protect.ts';

const APPLICATIONS = ['protect', 'applications'];
const SCHEDULES = ['verify', 'schedules'];

/** What is wrong between `protect` and the rest of the file. */
export function protectProblems(document: ConfigDocument, parts: Parts): readonly ConfigProblem[] {
  const names = parts.applications.map(({ index, entry: { name } }) => ({
    index,
    quoted: `"${name}"`,
  }));
  return [
    ...doubleNames(document, APPLICATIONS, 'application', names),
    ...parts.applications.flatMap((each) => applicationProblems(document, parts, each)),
  ];
}

function applicationProblems(
  document: ConfigDocument,
  parts: Parts,
  { index, entry }: Listed<ApplicationEntry>,
): readonly ConfigProblem[] {
  const path = [...APPLICATIONS, index];
  const { namespaces = [], labels = {}, locations = [] } = entry;
  const problems: ConfigProblem[] = [];
  if (namespaces.length === 0 && Object.keys(labels).length === 0) {
    const message = `the application "${entry.name}" has neither namespaces nor labels`;
    const hint = 'Add "namespaces", "labels", or both';
    problems.push(problemAt(document, path, message, hint));
  }
  for (const [at, namespace] of namespaces.entries()) {
    if (!parts.unprotected.includes(namespace)) continue;
    const message = `"${namespace}" is also among the unprotected namespaces`;
    const hint = 'Keep it in one of the two places';
    problems.push(problemAt(document, [...path, 'namespaces', at], message, hint));
  }
  return [
    ...problems,
    ...unknownName(document, [...path, 'class'], entry.class, 'class', parts.classes.names),
    ...locations.flatMap((name, at) =>
      veleroLocationProblems(document, parts, [...path, 'locations', at], name),
    ),
  ];
}

/** `name`, which stands at `path`, must be a location that Velero writes to. */
function veleroLocationProblems(
  document: ConfigDocument,
  parts: Parts,
  path: Path,
  name: string,
): readonly ConfigProblem[] {
  const unknown = unknownName(document, path, name, 'location', parts.entries.names);
  if (unknown.length > 0 || parts.locations.get(name)?.layout !== 'kopia') return unknown;
  const message = `"${name}" has the layout kopia, so that Velero writes no backups there`;
  return [problemAt(document, path, message, 'Name a location of layout velero')];
}

/** What is wrong within `verify`, and between it and the rest of the file. */
export function verifyProblems(document: ConfigDocument, parts: Parts): readonly ConfigProblem[] {
  const { schedules, verify } = parts;
  return [
    ...scheduleProblems(document, parts, schedules),
    ...(verify === undefined ? [] : proofProblems(document, verify)),
    ...(verify === undefined ? [] : witnessProblems(document, parts, verify)),
  ];
}

function scheduleProblems(
  document: ConfigDocument,
  parts: Parts,
  schedules: readonly Listed<ScheduleEntry>[],
): readonly ConfigProblem[] {
  // Two clusters may have schedules of one name, but not at one location.
  const names = schedules.map(({ index, entry: { name, location } }) => ({
    index,
    quoted: `"${name}" of "${location}"`,
  }));
  return [
    ...doubleNames(document, SCHEDULES, 'schedule', names),
    ...schedules.flatMap(({ index, entry }) =>
      veleroLocationProblems(document, parts, [...SCHEDULES, index, 'location'], entry.location),
    ),
  ];
}

function proofProblems(
  document: ConfigDocument,
  { contentDays, proofDays }: VerifyEntry,
): readonly ConfigProblem[] {
  if (contentDays <= proofDays) return [];
  const message = `data is read again within ${contentDays} days, but a proof counts for ${proofDays}`;
  const hint = `Write "proofDays: ${contentDays}" or more, or fewer "contentDays"`;
  return [problemAt(document, ['verify'], message, hint)];
}

function witnessProblems(
  document: ConfigDocument,
  parts: Parts,
  { witnessState }: VerifyEntry,
): readonly ConfigProblem[] {
  if (witnessState === undefined) return [];
  const path = ['verify', 'witnessState'];
  const entry = accessEntry(witnessState);
  const { location } = placeOf(entry);
  const problems = [
    ...problemsOfEntry(document, path, accessProblems(entry)),
    ...[...parts.locations.values()].flatMap((root) =>
      problemsFrom(document, path, () => checkState(location, root)),
    ),
  ];
  const { state } = parts;
  if (state === undefined || overlap(state.location, location) === undefined) return problems;
  const message = `"${locationName(location)}" is not apart from "state", which it is to vouch for`;
  const hint = 'Choose a bucket or container of another account';
  return [...problems, problemAt(document, path, message, hint)];
}
