import { describe, expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import type { ClusterWitness } from '../../shared/verify/job.ts';
import { kubernetesWorld } from '../kubernetes/world.ts';
import { refused } from '../support/fake-api-server.ts';
import { type Resource, realAnswers, serving } from '../velero/cluster/world.ts';
import { codesOf, findingOf, removeBelow, rowOf } from './answers.ts';
import { CLUSTER, PLACE, veleroWorld, type World } from './world.ts';

const server = kubernetesWorld();

const OWN: NamedLocation = {
  ...PLACE,
  cluster: 'prod',
  location: {
    kind: 's3',
    bucket: 'backups',
    prefix: 'prod/',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:37129',
  },
};

/** The real root, and the API server of its cluster as it answered then, with a change. */
async function clusterWorld(change: (lists: Map<string, Resource[]>) => void = () => undefined) {
  const world = await veleroWorld();
  const lists = structuredClone(realAnswers());
  change(lists);
  server.server.answer(serving(lists));
  // The answers are of a moment after the last backup.
  world.clock.advance(Date.parse('2026-11-21T10:58:00Z') - world.clock.now().getTime());
  return world;
}

const velero = (plural: string): string => `/apis/velero.io/v1/namespaces/velero/${plural}`;

function named(lists: Map<string, Resource[]>, plural: string, name: string): Resource {
  const found = lists.get(velero(plural))?.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no "${name}" among ${plural}`);
  return found;
}

const runIn = (world: World, witness?: ClusterWitness) => {
  const connected: ClusterWitness = { kind: 'connected', cluster: CLUSTER, api: server.api() };
  const clusters = new Map([['prod', witness ?? connected]]);
  return world.run({ deps: { clusters }, location: { place: OWN } });
};

describe('the cluster as one more witness', () => {
  test('agrees with the store where it does, and names what no schedule takes', async () => {
    const report = await runIn(await clusterWorld());
    expect(codesOf(report)).not.toContain('CLUSTER_UNCHECKED');
    expect(codesOf(report)).not.toContain('SCHEDULE_UNKNOWN');
    expect(codesOf(report)).not.toContain('BACKUP_PHASE_DISAGREES');
    expect(findingOf(report, 'SCHEDULE_PAUSED').subject).toMatch(/schedule frequent$/);
    expect(rowOf(report, 'shop').proven?.point).toBe('frequent-20261121105615');
  });

  test('says Completed of a backup that the store does not finish', async () => {
    const world = await clusterWorld((lists) => {
      const backup = named(lists, 'backups', 'media-moving');
      backup.status = { ...backup.status, phase: 'Completed' };
    });
    world.clock.advance(3_600_000);
    const report = await runIn(world);
    expect(findingOf(report, 'BACKUP_PHASE_DISAGREES')).toMatchObject({ severity: 'critical' });
  });

  test('a backup that Velero is deleting proves nothing, whole as its objects may be', async () => {
    const world = await clusterWorld((lists) => {
      const backup = named(lists, 'backups', 'frequent-20261121105615');
      backup.status = { ...backup.status, phase: 'Deleting' };
    });
    const row = rowOf(await runIn(world), 'shop');
    expect(row.newest).toMatchObject({ point: 'frequent-20261121105615', rung: 'reported' });
    expect(row.why[0]).toContain('deleting');
    expect(row.proven?.point).toBe('frequent-20261121105415');
  });

  test('knows what the bucket lost before anybody had looked at it', async () => {
    const world = await clusterWorld();
    await removeBelow(world.store, 'backups/platform-manual/');
    world.clock.advance(3_600_000);
    const report = await runIn(world);
    expect(codesOf(report, 'backups/platform-manual')).toContain('BACKUP_NOT_IN_STORE');
  });

  test('misses a slot of a schedule that is not paused', async () => {
    const world = await clusterWorld((lists) => {
      const schedule = named(lists, 'schedules', 'frequent');
      schedule.spec = { ...schedule.spec, paused: false };
    });
    world.clock.advance(3_600_000);
    expect(findingOf(await runIn(world), 'SLOT_MISSED')).toMatchObject({ severity: 'error' });
  });

  test('denied, or gone: what it would have said is unchecked, and the rest is the same', async () => {
    const world = await clusterWorld();
    server.server.answer(() => refused(403, 'Forbidden'));
    const denied = await runIn(world);
    expect(findingOf(denied, 'CLUSTER_UNCHECKED').severity).toBe('warning');
    for (const code of ['BACKUP_NOT_IN_STORE', 'LOCATION_UNKNOWN_TO_CLUSTER', 'SLOT_MISSED']) {
      expect(codesOf(denied)).not.toContain(code);
    }
    const reason = 'connection refused';
    const gone = await runIn(world, { kind: 'unreachable', cluster: CLUSTER, reason, hint: '-' });
    expect(findingOf(gone, 'CLUSTER_UNCHECKED').message).toContain(reason);
    expect(rowOf(gone, 'shop').proven?.point).toBe('frequent-20261121105615');
    expect(gone.ladders?.[0]?.unchecked).toHaveLength(1);
  });
});
