/**
 * Works on `items` ahead of whoever takes the results, at most `ahead` at once, and yields the
 * results in the order of the items; `undefined` ones are left out. The first failure, in that
 * order, is thrown; what is under way then, or when the loop is left, ends unheard.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  ahead: number,
  work: (item: T) => Promise<R | undefined>,
): AsyncGenerator<R> {
  const waiting: Promise<R | undefined>[] = [];
  async function next(): Promise<R | undefined> {
    return waiting.shift();
  }
  for await (const item of items) {
    const task = work(item);
    // Heard when its turn comes; until then it is no unhandled one.
    task.catch(() => undefined);
    waiting.push(task);
    if (waiting.length < ahead) continue;
    const result = await next();
    if (result !== undefined) yield result;
  }
  while (waiting.length > 0) {
    const result = await next();
    if (result !== undefined) yield result;
  }
}
