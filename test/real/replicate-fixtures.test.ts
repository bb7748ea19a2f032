/** Every fixture is replicated between real stores; the released Kopia judges the replica. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAtLeast } from '../../shared/model/finding.ts';
import type { Report } from '../../shared/model/report.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { systemClock } from '../support/clock.ts';
import { neverWritten } from '../support/faults.ts';
import {
  type Fixture,
  type FixtureRepository,
  listFixtures,
  loadFixture,
} from '../support/fixtures.ts';
import { runRoute } from '../support/replicate.ts';
import { Kopia, KopiaError, type KopiaPlace } from './replica/kopia.ts';
import { DIRECTIONS, type Direction, Places } from './replica/places.ts';
import { placeInRoot, placeRoot, type Root, rootsOf } from './replica/roots.ts';
import { slots } from './replica/slots.ts';
import { toolVersion } from './tools/tools.ts';

/** The newest Kopia, and the last one that reads LZ4. */
const READERS = ['kopia', 'kopia-0.22.3'];

/** A lock is waited for without end. */
const LOCK_TIMEOUT_MS = 5_000;

let places: Places;
beforeAll(async () => {
  places = await Places.start();
});
afterAll(() => places?.close());

const inSlot = slots(3);

describe.concurrent.each(DIRECTIONS)('a replica from $source to $target', (direction) => {
  test.each(listFixtures())('%s is read by Kopia like the source', async (name) => {
    await inSlot(async () => {
      const fixture = await loadFixture(name);
      expect(fixture.meta.repositories).not.toEqual([]);
      for (const root of rootsOf(fixture)) await replicateAndRead(fixture, root, direction);
    });
  });
});

async function replicateAndRead(fixture: Fixture, root: Root, direction: Direction): Promise<void> {
  const place = `${direction.source}/${fixture.name}/${root.below}`;
  const source = await places.store(direction.source, `source/${place}`);
  const target = await places.store(direction.target, `replica/${place}`);
  await placeRoot(source, direction.source, fixture, root);
  const before = await Array.fromAsync(source.list(''));
  const requestsBefore = (await places.requestsOnS3()).length;

  const reports = [await run(source, target, root), await run(source, target, root)];
  expectWhole(reports);
  expect(await Array.fromAsync(source.list(''))).toEqual(before);
  if (direction.source === 'S3') await expectOnlyRead(`source/${place}`, requestsBefore);

  for (const repository of root.repositories) {
    const prefix = `replica/${place}${placeInRoot(root, repository)}`;
    await expectReadable(fixture, repository, places.kopia(direction.target, prefix));
  }
}

function run(source: ObjectStore, target: ObjectStore, { layout }: Root): Promise<Report> {
  const config = { layout, concurrency: 16 };
  return runRoute(neverWritten(source), target, { config, clock: systemClock });
}

function expectWhole([first, second]: readonly Report[]): void {
  for (const report of [first, second]) {
    expect(report?.unfinished).toBeUndefined();
    // Debris of a failed upload, which the Velero root holds, is a warning once it is an hour old.
    const grave = report?.findings.filter(({ severity }) => isAtLeast(severity, 'error'));
    expect(grave).toEqual([]);
  }
  const copied = first?.measures['objectsCopied'] ?? 0;
  expect(copied).toBeGreaterThan(0);
  expect(second?.measures).toMatchObject({ objectsCopied: 0, objectsUnchanged: copied });
}

/** What the server itself wrote down: nothing below `prefix` was asked for but to look. */
async function expectOnlyRead(prefix: string, since: number): Promise<void> {
  const requests = (await places.requestsOnS3()).slice(since);
  const own = requests.filter((line) => line.includes(` ${prefix}`));
  const operations = new Set(own.map((line) => / s3_(\w+) /.exec(line)?.[1] ?? line));
  expect([...operations].sort()).toEqual(['GetObject', 'HeadObject']);
}

async function expectReadable(
  fixture: Fixture,
  repository: FixtureRepository,
  place: KopiaPlace,
): Promise<void> {
  let looked = 0;
  for (const tool of READERS) {
    const version = toolVersion(tool);
    const reader = repository.readers.find((one) => one.version === version);
    const refusal = repository.refusals.find((one) => one.version === version);
    if (refusal) await expectRefused(repository, place, tool, refusal.message);
    // One version that reads it is enough; the newest is asked first.
    else if (reader && looked === 0) {
      await expectAnswers(fixture, repository, place, tool, reader.answers);
      looked += 1;
    }
  }
  expect(looked > 0 || repository.readers.length === 0).toBe(true);
}

async function expectAnswers(
  fixture: Fixture,
  { password }: FixtureRepository,
  place: KopiaPlace,
  tool: string,
  answers: string,
): Promise<void> {
  const kopia = await Kopia.connect(place, { password, tool });
  try {
    expect(await kopia.snapshots()).toEqual(fixture.answer(answers, 'snapshots'));
    await kopia.verify();
    expect(await kopia.restoreAll()).toEqual(fixture.answer(answers, 'restored'));
  } finally {
    await kopia.close();
  }
}

/** The replica is refused in the words in which its source is. */
async function expectRefused(
  { password }: FixtureRepository,
  place: KopiaPlace,
  tool: string,
  words: string,
): Promise<void> {
  const waits = words.startsWith('gave no answer');
  const timeoutMs = waits ? LOCK_TIMEOUT_MS : undefined;
  const error = await readAll(place, { password, tool, timeoutMs }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KopiaError);
  if (waits) expect(error).toMatchObject({ isStopped: true });
  else expect(error).toMatchObject({ message: words });
}

async function readAll(
  place: KopiaPlace,
  options: { password: string; tool: string; timeoutMs: number | undefined },
): Promise<void> {
  const kopia = await Kopia.connect(place, options);
  try {
    await kopia.snapshots();
    await kopia.verify();
  } finally {
    await kopia.close();
  }
}
