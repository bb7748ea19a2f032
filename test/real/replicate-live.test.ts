/** Replication of a repository that is being written to. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryStore } from '../../shared/stores/memory.ts';
import { systemClock } from '../support/clock.ts';
import { neverWritten } from '../support/faults.ts';
import { runRoute } from '../support/replicate.ts';
import { type Captured, capture, fill } from './replica/captured.ts';
import { judge } from './replica/killed.ts';
import { Living } from './replica/living.ts';
import { DIRECTIONS, type Direction, Places } from './replica/places.ts';

/** Backups that the source makes, one right after the other, while it is replicated. */
const BACKUPS = 10;

let places: Places;
beforeAll(async () => {
  places = await Places.start();
});
afterAll(() => places?.close());

describe('a source that is backed up without a pause', () => {
  test.each(DIRECTIONS)('from $source to $target: each run leaves what restores whole', race);
});

async function race(direction: Direction): Promise<void> {
  const living = await Living.create(places, direction.source, `race-${direction.source}`);
  try {
    const replicas = await chase(living, direction);
    const all = await living.learn();
    expect(all).toHaveLength(BACKUPS);
    const seen = await judgeEach(living, direction, replicas);
    const counts = seen.map(({ length }) => length);
    console.log(`snapshots in the ${direction.target} replica, run by run: ${counts.join(', ')}`);
    expect(seen.at(-1)).toEqual(all);
    expect(counts, 'a snapshot vanished from the replica').toEqual(
      counts.toSorted((a, b) => a - b),
    );
    expect(new Set(counts).size, 'the runs missed the backups').toBeGreaterThan(3);
  } finally {
    await living.close();
  }
}

/** Replicates again and again while backups are made: the replica as each run left it. */
async function chase(
  living: Living,
  direction: Direction,
): Promise<readonly (readonly Captured[])[]> {
  const source = neverWritten(await places.store(direction.source, living.prefix));
  const target = await places.store(direction.target, `replica/race/${direction.target}/`);
  const state = memoryStore('state', systemClock);
  const config = { layout: 'kopia', concurrency: 16 } as const;
  const replicas: (readonly Captured[])[] = [];
  let begun = Promise.withResolvers<void>();
  const replicateOnce = async (): Promise<void> => {
    begun.resolve();
    begun = Promise.withResolvers<void>();
    const report = await runRoute(source, target, { config, state, clock: systemClock });
    expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    const replica = await capture(target);
    if (replica.length !== replicas.at(-1)?.length) replicas.push(replica);
  };

  let isBackingUp = true;
  const backups = backUpRepeatedly(living, () => begun.promise).finally(() => {
    isBackingUp = false;
  });
  while (isBackingUp) await replicateOnce();
  await backups;
  await replicateOnce();
  return replicas;
}

/** What Kopia shows, verifies and restores of each replica. */
async function judgeEach(
  living: Living,
  direction: Direction,
  replicas: readonly (readonly Captured[])[],
): Promise<readonly (readonly string[])[]> {
  return Promise.all(
    replicas.map(async (replica, run) => {
      const prefix = `judged/race/${direction.target}/${run}/`;
      await fill(await places.store(direction.target, prefix), replica);
      const seen = await judge(living, places.kopia(direction.target, prefix), `run ${run}`);
      if (seen === undefined) throw new Error(`Kopia refuses the replica that run ${run} finished`);
      return seen;
    }),
  );
}

/** Every second backup begins together with a run, the others follow without a pause. */
async function backUpRepeatedly(living: Living, nextRun: () => Promise<void>): Promise<void> {
  for (let backup = 0; backup < BACKUPS; backup += 1) {
    if (backup % 2 === 0) await nextRun();
    await living.backUp('db', backup % 2 === 0 ? 1 : 2, 12 + backup);
  }
}
