/** Replication killed after every one of its writes, and what Kopia says of the target then. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { forEachLimited } from '../../../shared/model/limited.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { systemClock } from '../../support/clock.ts';
import { Killed, killedAfter, neverWritten } from '../../support/faults.ts';
import { runRoute } from '../../support/replicate.ts';
import { type Captured, capture, fill } from './captured.ts';
import { Kopia, KopiaError, type KopiaPlace } from './kopia.ts';
import type { Living } from './living.ts';
import type { Places, StoreKind } from './places.ts';

export interface KillPoints {
  /** Kopia refused to connect. */
  refused: number;
  /** Kopia connected, and all that it showed verified and restored. */
  verified: number;
}

/** Kill points examined at once. */
const AT_ONCE = { concurrency: 3, weightMax: 3 };

export interface Targets {
  readonly kind: StoreKind;
  /** Of the folder that the targets share. */
  readonly name: string;
  /** What each target holds already: a replica of an earlier state, or nothing. */
  readonly base: readonly Captured[];
}

/** Replicates `living` once, to the end. Answers with the replica and the order of its writes. */
export async function replicateWhole(
  places: Places,
  living: Living,
  targets: Targets,
): Promise<{ readonly replica: readonly Captured[]; readonly log: readonly string[] }> {
  const listed = await living.learn();
  const { store, place } = await openTarget(places, targets, 'whole');
  const recorder = killedAfter(store, Number.POSITIVE_INFINITY);
  await run(await places.store(living.kind, living.prefix), recorder.store);
  expect(await judge(living, place, 'at the end'), 'snapshots in the replica').toEqual(listed);
  return { replica: await capture(store), log: recorder.log };
}

/**
 * Replicates `living` again onto other targets with the same base, killed after each of the writes
 * in `log`; looks at each through Kopia, and runs again, which must lead to `replica`.
 */
export async function killAtEvery(
  places: Places,
  living: Living,
  targets: Targets,
  { replica, log }: Awaited<ReturnType<typeof replicateWhole>>,
): Promise<KillPoints> {
  const source = await places.store(living.kind, living.prefix);
  const points: KillPoints = { refused: 0, verified: 0 };
  await forEachLimited(
    log.keys(),
    AT_ONCE,
    () => 1,
    async (changes) => {
      const { store, place } = await openTarget(places, targets, `killed-${changes}`);
      const killed = killedAfter(store, changes);
      await expect(run(source, killed.store)).rejects.toThrow(Killed);
      expect(killed.log).toEqual(log.slice(0, changes));
      const seen = await judge(living, place, `after ${changes} writes, ${killed.log.at(-1)}`);
      points[seen === undefined ? 'refused' : 'verified'] += 1;
      await run(source, store);
      expect(contents(await capture(store))).toEqual(contents(replica));
    },
  );
  return points;
}

async function openTarget(
  places: Places,
  { kind, name, base }: Targets,
  which: string,
): Promise<{ readonly store: ObjectStore; readonly place: KopiaPlace }> {
  const prefix = `replica/living/${name}/${which}/`;
  const store = await places.store(kind, prefix);
  await fill(store, base);
  return { store, place: places.kopia(kind, prefix) };
}

const contents = (objects: readonly Captured[]): readonly string[] =>
  objects.map(({ info, bytes }) => `${info.key} ${Buffer.from(bytes).toString('base64')}`);

/** One object at a time, so that a kill point is one state of the target and always the same. */
async function run(source: ObjectStore, target: ObjectStore): Promise<void> {
  const config = { layout: 'kopia', concurrency: 1 } as const;
  const report = await runRoute(neverWritten(source), target, { config, clock: systemClock });
  expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
}

/**
 * What Kopia, with a password that the source has or had, makes of a target: `undefined` when it
 * refuses to connect, else the ids of what it shows, all of which verified and restored to what
 * the source restored them to.
 */
export async function judge(
  living: Living,
  place: KopiaPlace,
  when = '',
): Promise<readonly string[] | undefined> {
  const kopia = await connect(place, living.passwords);
  if (kopia === undefined) return undefined;
  try {
    await kopia.verify();
    const trees = await kopia.restoreAll();
    for (const [id, tree] of Object.entries(trees)) {
      const isTrue = isDeepStrictEqual(tree, living.truth.get(id));
      if (!isTrue) throw new Error(`snapshot ${id} restores to something else than at the source`);
    }
    return Object.keys(trees).sort();
  } catch (error) {
    throw new Error(`${when}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await kopia.close();
  }
}

async function connect(
  place: KopiaPlace,
  passwords: readonly string[],
): Promise<Kopia | undefined> {
  for (const password of passwords) {
    try {
      return await Kopia.connect(place, { password });
    } catch (error) {
      if (!(error instanceof KopiaError) || error.isStopped) throw error;
    }
  }
  return undefined;
}
