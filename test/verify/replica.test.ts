import { describe, expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import type { VerifyLocation } from '../../shared/verify/job.ts';
import { runRoute } from '../support/replicate.ts';
import { bytesOf, codesOf, findingOf, put, removeBelow } from './answers.ts';
import { veleroWorld, type World } from './world.ts';

const NEWEST = 'frequent-20261121105615';
const AZURE: NamedLocation = {
  name: 'offsite',
  layout: 'velero',
  location: { kind: 'azblob', account: 'acme', container: 'velero', prefix: '' },
  access: {},
};

interface Pair {
  readonly world: World;
  readonly copy: ObjectStore;
  readonly run: (place?: NamedLocation) => ReturnType<World['run']>;
}

/** The real root and what `replicate` makes of it, in the other cloud unless told otherwise. */
async function replicated(): Promise<Pair> {
  const world = await veleroWorld();
  const copy = memoryStore('offsite', world.clock);
  await runRoute(readOnly(world.store), copy, { clock: world.clock });
  const run = (place = AZURE) => {
    const replica: VerifyLocation = {
      ...world.location,
      place,
      identity: 'offsite',
      reader: readOnly(copy),
      replicaOf: 'main',
    };
    // In the order of a configuration that names the replica first.
    return world.run({ deps: { locations: [replica, world.location] } });
  };
  return { world, copy, run };
}

const ladderAt = (report: Awaited<ReturnType<World['run']>>, location: string) => {
  const found = report.ladders?.find((each) => each.location === location);
  if (found === undefined) throw new Error(`no ladder of ${location}`);
  return found;
};

describe('a replica in another cloud', () => {
  test('proves what Kopia holds, and counts volumes of cloud snapshots as missing', async () => {
    const { run } = await replicated();
    const report = await run();
    expect(ladderAt(report, 'offsite').unchecked).toEqual([]);
    const rows = ladderAt(report, 'offsite').rows;
    expect(rows.map((row) => [row.application, row.newest?.rung, row.proven?.point])).toEqual([
      ['archive', 'reported', undefined],
      ['billing', 'intact', NEWEST],
      ['media', 'intact', 'media-moved'],
      ['shop', 'intact', NEWEST],
    ]);
    expect(ladderAt(report, 'main').rows[0]).toMatchObject({ proven: { point: 'archive-native' } });
    const found = findingOf(report, 'SNAPSHOT_ELSEWHERE', 'offsite/backups/archive-native');
    expect(found.message).toContain('archive/cold');
    expect(codesOf(report)).not.toContain('REPLICA_DIFFERS');
    expect(codesOf(report)).not.toContain('BACKUP_TAMPERED');
  });

  test('that cannot be compared, since nobody has looked at its source, says so', async () => {
    const { world, copy } = await replicated();
    const reader = readOnly(copy);
    const own = { ...world.location, place: AZURE, identity: 'offsite', reader, replicaOf: 'main' };
    const report = await world.run({ deps: { locations: [own] } });
    expect(ladderAt(report, 'offsite').unchecked.join()).toContain('were not compared');
  });

  test('that differs from its source is told, object by object', async () => {
    const { world, run, copy } = await replicated();
    // What is younger may still be on its way.
    world.clock.advance(30 * 3_600_000);
    const key = `backups/${NEWEST}/${NEWEST}.tar.gz`;
    const other = 'backups/frequent-20261121105415/frequent-20261121105415.tar.gz';
    await put(copy, key, await bytesOf(copy, other));
    const found = findingOf(await run(), 'REPLICA_DIFFERS');
    expect(found.severity).toBe('critical');
    expect(JSON.stringify(found.evidence)).toContain(key);
  });

  test('that lost a pack is damaged, while its source is not', async () => {
    const { run, copy } = await replicated();
    await removeBelow(copy, 'kopia/shop/p');
    const report = await run();
    expect(findingOf(report, 'KOPIA_PACK_MISSING').subject).toContain('offsite/kopia/shop');
    const shop = (location: string) =>
      ladderAt(report, location).rows.find(({ application }) => application === 'shop');
    expect(shop('offsite')?.proven).toBeUndefined();
    expect(shop('main')?.proven?.point).toBe(NEWEST);
  });

  test('that is behind is told once its source has been complete for long enough', async () => {
    const { world, run, copy } = await replicated();
    await removeBelow(copy, 'backups/platform-manual/');
    expect(codesOf(await run())).toContain('REPLICA_BEHIND');
    expect(findingOf(await run(), 'REPLICA_BEHIND').severity).toBe('info');
    world.clock.advance(30 * 3_600_000);
    expect(findingOf(await run(), 'REPLICA_BEHIND').severity).not.toBe('info');
  });
});

test('a replica in the same account and region may use the snapshots, where both say so', async () => {
  const same: NamedLocation = {
    ...AZURE,
    location: { kind: 's3', bucket: 'copy', prefix: '', region: 'us-east-1' },
  };
  const usable = await (await replicated()).run({
    ...same,
    snapshots: { kind: 'aws', account: '123456789012', region: 'us-east-1' },
  });
  expect(ladderAt(usable, 'offsite').rows[0]?.proven?.point).toBe('archive-native');
  const unsaid = ladderAt(await (await replicated()).run(same), 'offsite').rows[0];
  expect(unsaid?.proven).toBeUndefined();
  expect(unsaid?.why[0]).toContain('snapshots');
});
