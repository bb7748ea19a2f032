import type { Repository } from '../../../shared/kopia/repository.ts';
import type { DrydockError } from '../../../shared/model/errors.ts';
import { errorText, Interrupted, toDrydockError } from '../outcome.ts';
import { openAt, repositoryUrl, type Session } from './session.ts';

/** What came of each repository of a location: one that fails does not keep the next from its turn. */
export interface EachOutcome<T> {
  readonly results: readonly T[];
  readonly errors: readonly { readonly repository: string; readonly error: DrydockError }[];
}

/**
 * Does `work` with one opened repository after the other. A failure is printed and kept where there
 * are several, and thrown where there is one.
 */
export async function eachRepository<T>(
  session: Session,
  work: (repository: Repository, url: string) => Promise<T>,
  output: 'text' | 'json',
): Promise<EachOutcome<T>> {
  const results: T[] = [];
  const errors: { repository: string; error: DrydockError }[] = [];
  const { context, prefixes, progress, signal } = session;
  for (const prefix of prefixes) {
    const url = repositoryUrl(session, prefix);
    try {
      results.push(await work(await openAt(session, prefix), url));
    } catch (thrown) {
      if (prefixes.length === 1 || signal.aborted) throw thrown;
      const error = toDrydockError(thrown);
      if (error instanceof Interrupted) throw error;
      errors.push({ repository: url, error });
      progress.end();
      if (output === 'text') context.stderr.write(errorText(error, context.errorColors));
    }
  }
  progress.end();
  return { results, errors };
}
