import type { Ask } from './asking.ts';
import { translateEc2Error } from './ec2-errors.ts';
import { SnapshotError } from './snapshot-error.ts';

export interface Ec2Page<T> {
  /** Absent when the answer had no list at all: it was not EC2's. */
  readonly items: readonly T[] | undefined;
  readonly nextToken: string | undefined;
}

export interface Ec2Paging<T> {
  /** For messages. */
  readonly place: string;
  readonly ask: Ask;
  readonly signal: AbortSignal | undefined;
  /** One request, not repeated. */
  readonly page: (token: string | undefined) => Promise<Ec2Page<T>>;
  /** What EC2 says by an error and the caller wants to see as it came. */
  readonly isAnswer?: (error: unknown) => boolean;
}

/** The items of all pages; each page is asked for again by itself when it fails for the moment. */
export async function* ec2Pages<T>(paging: Ec2Paging<T>): AsyncGenerator<T> {
  const { place, ask, signal, isAnswer = () => false } = paging;
  for (let token: string | undefined, isFirst = true; isFirst || token; isFirst = false) {
    const from = token;
    const { items, nextToken } = await ask(async () => {
      try {
        const page = await paging.page(from);
        if (page.items === undefined) throw new Error('an answer without a list');
        return { ...page, items: page.items };
      } catch (error) {
        throw isAnswer(error) ? error : translateEc2Error(error, place, signal);
      }
    }, signal);
    yield* items;
    if (nextToken && nextToken === from) {
      const message = `Cannot list snapshots of ${place}: a page names itself as the next one`;
      throw new SnapshotError('unreachable', message);
    }
    token = nextToken;
  }
}
