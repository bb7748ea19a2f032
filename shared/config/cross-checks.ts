import { accessProblems } from './access.ts';
import { clusterProblems } from './clusters.ts';
import type { ConfigDocument } from './document.ts';
import { locationProblems } from './named-location.ts';
import { checkApart, checkState } from './overlap.ts';
import type { Parts, RoutePart } from './parts.ts';
import type { ConfigProblem } from './problem.ts';
import {
  doubleNames,
  problemAt,
  problemsFrom,
  problemsOfEntry,
  unknownName,
} from './problem-at.ts';
import { protectProblems, verifyProblems } from './protect-checks.ts';

/** What is wrong between parts that are right by themselves. */
export function crossProblems(document: ConfigDocument, parts: Parts): readonly ConfigProblem[] {
  const { clusters, entries, routes, stateEntry } = parts;
  const routeNames = routes.map(({ index, entry: { name } }) => ({ index, quoted: `"${name}"` }));
  return [
    ...[...clusters.entries].flatMap(([name, entry]) =>
      problemsOfEntry(document, ['clusters', name], clusterProblems(entry)),
    ),
    ...[...entries.entries].flatMap(([name, entry]) => {
      const path = ['locations', name];
      return [
        ...problemsOfEntry(document, path, locationProblems(entry)),
        ...unknownName(document, [...path, 'cluster'], entry.cluster, 'cluster', clusters.names),
      ];
    }),
    ...(stateEntry ? problemsOfEntry(document, ['state'], accessProblems(stateEntry)) : []),
    ...stateProblems(document, parts),
    ...protectProblems(document, parts),
    ...verifyProblems(document, parts),
    ...doubleNames(document, ['replicate', 'routes'], 'route', routeNames),
    ...routes.flatMap((route) => routeProblems(document, parts, route)),
  ];
}

function stateProblems(document: ConfigDocument, parts: Parts): readonly ConfigProblem[] {
  const { state } = parts;
  if (state === undefined) return [];
  return [...parts.locations.values()].flatMap((root) =>
    problemsFrom(document, ['state'], () => checkState(state.location, root)),
  );
}

function routeProblems(
  document: ConfigDocument,
  parts: Parts,
  { index, entry, source, target }: RoutePart,
): readonly ConfigProblem[] {
  const path = ['replicate', 'routes', index];
  const { names } = parts.entries;
  const problems = [
    ...unknownName(document, [...path, 'source'], entry.source, 'location', names),
    ...unknownName(document, [...path, 'target'], entry.target, 'location', names),
  ];
  if (source === undefined || target === undefined) return problems;
  const apart = problemsFrom(document, path, () => checkApart(source.location, target.location));
  if (source.layout === target.layout) return [...problems, ...apart];
  const layouts = `"${source.name}" has the layout ${source.layout}, "${target.name}" ${target.layout}`;
  return [
    ...problems,
    ...apart,
    problemAt(document, path, layouts, 'Give both locations the same layout'),
  ];
}
