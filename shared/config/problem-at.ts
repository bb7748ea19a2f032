import { DrydockError } from '../model/errors.ts';
import type { ConfigDocument } from './document.ts';
import { didYouMean } from './nearest.ts';
import type { ConfigProblem, EntryProblem } from './problem.ts';

/** Problems that know where in the document they are. */

export type Path = readonly PropertyKey[];

export function problemAt(
  document: ConfigDocument,
  path: Path,
  message: string,
  hint?: string,
): ConfigProblem {
  return {
    ...document.positionOf(path),
    path: shownPath(path),
    message,
    ...(hint !== undefined && { hint }),
  };
}

/** Problems of the entry at `above`. */
export function problemsOfEntry(
  document: ConfigDocument,
  above: Path,
  problems: readonly EntryProblem[],
): readonly ConfigProblem[] {
  return problems.map(({ path, message, hint }) =>
    problemAt(document, [...above, ...path], message, hint),
  );
}

/** What a check throws, as a problem of the file. */
export function problemsFrom(
  document: ConfigDocument,
  path: Path,
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

/** One problem unless `name`, which stands at `path`, is among `names`; `what` is what they name. */
export function unknownName(
  document: ConfigDocument,
  path: Path,
  name: string | undefined,
  what: 'location' | 'cluster' | 'class',
  names: readonly string[],
): readonly ConfigProblem[] {
  if (name === undefined || names.includes(name)) return [];
  const plural = what === 'class' ? 'Classes' : what === 'cluster' ? 'Clusters' : 'Locations';
  const all = `${plural} are ${names.join(', ') || 'none'}`;
  const near = didYouMean(name, names);
  const hint = near === undefined ? all : `${near} ${all}`;
  return [problemAt(document, path, `there is no ${what} "${name}"`, hint)];
}

/** A problem at each entry of a list that another one before it has the name of, quotes included. */
export function doubleNames(
  document: ConfigDocument,
  list: Path,
  what: string,
  names: readonly { readonly index: number; readonly quoted: string }[],
): readonly ConfigProblem[] {
  const seen = new Set<string>();
  return names.flatMap(({ index, quoted }) => {
    if (!seen.has(quoted)) {
      seen.add(quoted);
      return [];
    }
    const message = `there is another ${what} ${quoted}`;
    return [problemAt(document, [...list, index, 'name'], message, 'Give it another name')];
  });
}

export function shownPath(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${shownText(String(step))}`))
    .join('')
    .replace(/^\./, '');
}

/** At most 60 characters, none of which moves a terminal's cursor. */
export function shownText(text: string): string {
  return [...text.slice(0, 60)]
    .map((char) => (/[\p{Cc}\p{Cf}]/u.test(char) ? '\ufffd' : char))
    .join('');
}
