import { DrydockError } from '../model/errors.ts';
import { type AccessProblem, accessProblems } from './access.ts';
import type { ConfigDocument } from './document.ts';
import { problemAt } from './issues.ts';
import { didYouMean } from './nearest.ts';
import { checkApart, checkState } from './overlap.ts';
import type { Parts, RoutePart } from './parts.ts';
import type { ConfigProblem } from './problem.ts';

/** What is wrong between parts that are right by themselves. */
export function crossProblems(document: ConfigDocument, parts: Parts): readonly ConfigProblem[] {
  return [
    ...[...parts.entries].flatMap(([name, entry]) =>
      accessProblems(entry).map(placed(document, ['locations', name])),
    ),
    ...(parts.stateEntry ? accessProblems(parts.stateEntry).map(placed(document, ['state'])) : []),
    ...stateProblems(document, parts),
    ...parts.routes.flatMap((route) => routeProblems(document, parts, route)),
  ];
}

function placed(document: ConfigDocument, path: readonly PropertyKey[]) {
  return ({ key, message, hint }: AccessProblem): ConfigProblem =>
    problemAt(document, [...path, key], message, hint);
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
  const problems: ConfigProblem[] = [];
  const first = parts.routes.find((other) => other.entry.name === entry.name);
  if (first !== undefined && first.index < index) {
    const message = `there is another route "${entry.name}"`;
    problems.push(problemAt(document, [...path, 'name'], message, 'Give it another name'));
  }
  for (const key of ['source', 'target'] as const) {
    if (parts.locationNames.includes(entry[key])) continue;
    const all = `Locations are ${parts.locationNames.join(', ') || 'none'}`;
    const near = didYouMean(entry[key], parts.locationNames);
    const hint = near === undefined ? all : `${near} ${all}`;
    const message = `there is no location "${entry[key]}"`;
    problems.push(problemAt(document, [...path, key], message, hint));
  }
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

/** What a check throws, as a problem of the file. */
function problemsFrom(
  document: ConfigDocument,
  path: readonly PropertyKey[],
  check: () => void,
): readonly ConfigProblem[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof DrydockError)) throw error;
    return [problemAt(document, path, error.message, error.hint)];
  }
}
