import type { ObjectReader, ObjectStore } from '../../shared/stores/store.ts';

/** What a killed process looks like from outside: no request after it. */
export class Killed extends Error {
  constructor() {
    super('killed');
  }
}

export interface Recorder {
  readonly store: ObjectStore;
  /** `put <key>` and `remove <key>`, in the order in which they took effect. */
  readonly log: string[];
}

/**
 * A store that lets so many changes through and then fails every call, as if the process had been
 * killed between two requests. `changesMax` of Infinity only records.
 */
export function killedAfter(
  store: ObjectStore,
  changesMax: number,
  onChange: (change: string) => Promise<void> = async () => undefined,
): Recorder {
  const log: string[] = [];
  const alive = (): void => {
    if (log.length >= changesMax) throw new Killed();
  };
  const recorder: ObjectStore = {
    ...store,
    async *list(prefix, options) {
      alive();
      yield* store.list(prefix, options);
    },
    async write(key, body, options) {
      alive();
      const info = await store.write(key, body, options);
      log.push(`put ${key}`);
      await onChange(`put ${key}`);
      return info;
    },
    async remove(key, options) {
      alive();
      await store.remove(key, options);
      log.push(`remove ${key}`);
      await onChange(`remove ${key}`);
    },
    removeMany: () => Promise.reject(new Error('replicate never removes many')),
  };
  return { store: recorder, log };
}

/** A source that fails the test on any attempt to change it (S1). */
export function neverWritten(store: ObjectStore): ObjectReader & { readonly attempts: string[] } {
  const attempts: string[] = [];
  const refuse = (name: string) => async (key: unknown) => {
    attempts.push(`${name} ${String(key)}`);
    throw new Error(`the source was written to: ${name} ${String(key)}`);
  };
  return {
    ...store,
    write: refuse('write'),
    remove: refuse('remove'),
    removeMany: refuse('removeMany'),
    attempts,
  } as ObjectReader & { readonly attempts: string[] };
}
