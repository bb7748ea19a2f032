import { compareKeys } from '../stores/keys.ts';
import type { ObjectInfo } from '../stores/store.ts';

/** One key of either listing, with what each side holds there. */
export interface Pair {
  readonly key: string;
  readonly source: ObjectInfo | undefined;
  readonly target: ObjectInfo | undefined;
}

/** Joins two ascending listings by key, in constant memory. */
export async function* mergeListings(
  source: AsyncIterable<ObjectInfo>,
  target: AsyncIterable<ObjectInfo>,
): AsyncGenerator<Pair> {
  const left = source[Symbol.asyncIterator]();
  const right = target[Symbol.asyncIterator]();
  try {
    // One after the other: were both awaited together, a failure of one would leave the other open.
    let a = await left.next();
    let b = await right.next();
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : compareKeys(a.value.key, b.value.key);
      const one: ObjectInfo | undefined = order <= 0 && !a.done ? a.value : undefined;
      const other: ObjectInfo | undefined = order >= 0 && !b.done ? b.value : undefined;
      yield { key: (one ?? other)?.key ?? '', source: one, target: other };
      if (order <= 0) a = await left.next();
      if (order >= 0) b = await right.next();
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}
