import type { DrydockError } from '../../../shared/model/errors.ts';
import { errorRecord, errorText, Interrupted, toDrydockError } from '../outcome.ts';
import { repositoryUrl, type Session } from './session.ts';

/** What came of each repository of a location. */
export interface EachOutcome<T> {
  readonly results: readonly T[];
  readonly errors: readonly { readonly repository: string; readonly error: DrydockError }[];
}

/**
 * Does `work` with one repository after the other: one that fails does not keep the next from its
 * turn. A failure is kept, and printed as text, where there are several; where there is one it is
 * thrown.
 */
export async function eachRepository<T>(
  session: Session,
  output: 'text' | 'json',
  work: (prefix: string, url: string) => Promise<T>,
): Promise<EachOutcome<T>> {
  const results: T[] = [];
  const errors: { repository: string; error: DrydockError }[] = [];
  const { context, prefixes, progress, signal } = session;
  for (const prefix of prefixes) {
    const url = repositoryUrl(session, prefix);
    try {
      results.push(await work(prefix, url));
    } catch (thrown) {
      if (prefixes.length === 1 || signal.aborted) throw thrown;
      const error = toDrydockError(thrown);
      if (error instanceof Interrupted) throw error;
      errors.push({ repository: url, error });
      progress.end();
      if (output === 'text') {
        context.stderr.write(`${url}: ${errorText(error, context.errorColors)}`);
      }
    }
  }
  progress.end();
  return { results, errors };
}

/** Failures as JSON output shows them. */
export function errorRecords({
  errors,
}: Pick<EachOutcome<unknown>, 'errors'>): readonly Record<string, unknown>[] {
  return errors.map(({ repository, error }) => ({ repository, ...errorRecord(error) }));
}
