export interface PoolLimits {
  /** Items under work at once. */
  readonly concurrency: number;
  /** Sum of the weights of the items under work; one item alone may exceed it. */
  readonly weightMax: number;
}

/**
 * Works on `items` as they come, many at once within the limits. After the first failure no item
 * is begun; those under work are waited for, and the failure is thrown.
 */
export async function forEachLimited<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limits: PoolLimits,
  weigh: (item: T) => number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let weight = 0;
  const hasRoom = (next: number): boolean =>
    running.size < limits.concurrency && (running.size === 0 || weight + next <= limits.weightMax);

  try {
    for await (const item of items) {
      const own = weigh(item);
      while (!hasRoom(own)) await Promise.race(running);
      if (failures.length > 0) break;
      weight += own;
      const task = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          weight -= own;
          running.delete(task);
        });
      running.add(task);
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}
