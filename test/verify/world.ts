/** A location with a Velero root in memory, and all that `verify` is given to look at it. */
import type { Application, Cluster, NamedLocation } from '../../shared/config/config.ts';
import { VERIFY_DEFAULTS } from '../../shared/config/config.ts';
import { VELERO_DEFAULT_PASSWORD } from '../../shared/kopia/format/open-format.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { silentProgress } from '../../shared/model/progress.ts';
import type { Report } from '../../shared/model/report.ts';
import type { SnapshotAnswer, SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { metered } from '../../shared/stores/metered.ts';
import { prefixed } from '../../shared/stores/prefixed.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import type { ObjectReader, ObjectStore } from '../../shared/stores/store.ts';
import { totalsMeter } from '../../shared/telemetry/meter.ts';
import type { VerifyConfig, VerifyDeps, VerifyLocation } from '../../shared/verify/job.ts';
import { verify } from '../../shared/verify/verify.ts';
import { fakeClock } from '../support/clock.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { loadFixture } from '../support/fixtures.ts';
import { silentLogger } from '../support/logger.ts';

/** A quarter of an hour after the last backup of the real root. */
export const NOW = new Date('2026-11-21T11:10:00Z');

export interface World {
  readonly clock: ReturnType<typeof fakeClock>;
  /** The root of production, below its prefix; what is changed here the next run sees. */
  readonly store: ObjectStore;
  readonly state: ObjectStore;
  readonly location: VerifyLocation;
  /** Requests to production since the world began. */
  requests(): Readonly<Record<string, number>>;
  run(change?: Change): Promise<Report>;
}

export interface Change {
  readonly config?: Partial<VerifyConfig>;
  readonly deps?: Partial<VerifyDeps>;
  readonly location?: Partial<VerifyLocation>;
  readonly deadlineMs?: number;
}

export const PLACE: NamedLocation = {
  name: 'main',
  layout: 'velero',
  location: { kind: 's3', bucket: 'fixture', prefix: 'prod/', region: 'us-east-1' },
  access: {},
  snapshots: { kind: 'aws', account: '123456789012', region: 'us-east-1' },
};

export const CLUSTER: Cluster = {
  name: 'prod',
  access: { kind: 'in-cluster' },
  veleroNamespace: 'velero',
};

export function application(name: string, more: Partial<Application> = {}): Application {
  return { name, namespaces: [name], labels: new Map(), rpoMs: VERIFY_DEFAULTS.rpoMs, ...more };
}

/**
 * The real root, with a cloud that answers what EC2 answered when it was made.
 * @param keyId of the key that the snapshots are encrypted with; the real ones are not
 */
export async function veleroWorld(keyId?: string): Promise<World> {
  const clock = fakeClock(NOW);
  const fixture = await loadFixture('velero/v1.18.2');
  const store = await fixtureInMemory(fixture, clock);
  const cloud = fixture.answer('answers/cloud', 'snapshots') as readonly CloudAnswer[];
  const ids = new Set(cloud.map(({ SnapshotId }) => SnapshotId));
  return worldOf(prefixed(store, 'prod/'), PLACE, clock, { snapshots: fakeWitness(ids, keyId) });
}

interface CloudAnswer {
  readonly SnapshotId: string;
}

/** Knows these snapshots as completed, and says of all others that they are absent. */
export function fakeWitness(ids: ReadonlySet<string>, keyId?: string): SnapshotWitness {
  const facts = (id: string): SnapshotAnswer => ({
    outcome: 'found',
    facts: {
      id,
      state: 'completed',
      vendorState: 'completed',
      encrypted: keyId !== undefined,
      ...(keyId !== undefined && { keyId }),
      account: '123456789012',
      region: 'us-east-1',
      tags: new Map(),
      archived: false,
    },
  });
  return {
    place: 'AWS us-east-1',
    lookUp: async (references) =>
      new Map(references.map((id) => [id, ids.has(id) ? facts(id) : { outcome: 'absent' }])),
    // Nobody asks for tags here.
    listTagged: () => {
      throw new Error('verify looks up references alone');
    },
  };
}

export function worldOf(
  store: ObjectStore,
  place: NamedLocation,
  clock: ReturnType<typeof fakeClock>,
  more: Partial<VerifyLocation> = {},
): World {
  const meter = totalsMeter();
  const state = memoryStore('state', clock);
  const reader: ObjectReader = readOnly(metered(store, meter, 'source'));
  let ids = 0;
  const location: VerifyLocation = {
    place,
    identity: store.url,
    reader,
    passwords: [VELERO_DEFAULT_PASSWORD],
    ...more,
  };
  return {
    clock,
    store,
    state,
    location,
    requests: () => meter.totals(),
    run: ({ config, deps, location: own, deadlineMs } = {}) =>
      verify(
        {
          locations: [{ ...location, ...own }],
          clusters: new Map(),
          state,
          clock,
          log: silentLogger,
          progress: silentProgress,
          uniqueId: () => `id-${ids++}`,
          ...deps,
        },
        {
          settings: VERIFY_DEFAULTS,
          unprotected: [],
          rung: 'intact',
          dryRun: false,
          version: '0.0.0',
          ...config,
        },
        clock.now(),
        deadlineAt(
          deadlineMs === undefined ? undefined : new Date(clock.now().getTime() + deadlineMs),
          clock,
        ),
      ),
  };
}
