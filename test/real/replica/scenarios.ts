/** Sources that change between two replications in every way that Kopia has. */
import { type FixtureRepository, type LoadedObject, loadFixture } from '../../support/fixtures.ts';
import { type Kept, Living } from './living.ts';
import type { Places, StoreKind } from './places.ts';

export interface Scenario {
  readonly name: string;
  readonly source: StoreKind;
  readonly target: StoreKind;
  /** Makes the source, without a backup in it. */
  readonly begin: (places: Places, kind: StoreKind, name: string) => Promise<Living>;
  /** What happens at the source before each replication. */
  readonly generations: readonly ((living: Living) => Promise<void>)[];
  /** The first replication is not killed: it has nothing that other scenarios have not. */
  readonly isSeededWhole?: boolean;
  /** What must be among the target's writes, or the scenario shows less than it says. */
  readonly writes: readonly RegExp[];
}

const FAST_UPGRADE = [
  '--upgrade-owner-id=drydock',
  '--io-drain-timeout=5s',
  '--allow-unsafe-upgrade',
  '--status-poll-interval=1s',
  '--max-permitted-clock-drift=1s',
];

const DANGEROUS = '--dangerous-commands=enabled';

const FULL_MAINTENANCE = ['maintenance', 'run', '--full', '--safety=none'];

/**
 * Kopia promises a day between "no longer named" and "gone", and replicating within that day is
 * what the promise of an always restorable replica rests on (DESIGN S2). `--safety=none` gives no
 * such day, so here whatever it deletes has been replicated before.
 */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a Velero repository, and more backups within a second of each other',
    source: 'S3',
    target: 'Blob',
    begin: made(),
    generations: [
      async (living) => {
        await living.putMarker();
        await living.backUp('db', 1, 12);
        await living.backUp('web', 1, 20);
      },
      async (living) => {
        await living.backUp('db', 2, 12);
        await living.backUp('web', 2, 20);
        await living.backUp('cache', 1, 5);
      },
    ],
    writes: [/^put udmrepo\.Repository$/],
  },
  {
    name: 'format 1, and full maintenance after a deletion, more backups',
    source: 'Blob',
    target: 'S3',
    begin: made('--format-version=1'),
    generations: [
      async (living) => {
        await living.backUp('db', 1, 12);
        await living.backUp('web', 1, 20);
        await living.deleteOldest();
      },
      async (living) => {
        await living.writer.run(...FULL_MAINTENANCE);
        await living.backUp('db', 2, 12);
        await living.backUp('web', 2, 20);
        await living.writer.run('index', 'optimize', '--max-small-blobs=1', DANGEROUS);
      },
    ],
    writes: [/^put n/, /^put m/],
  },
  {
    name: 'format 1, and its upgrade to format 3, another backup',
    source: 'S3',
    target: 'Blob',
    begin: made('--format-version=1'),
    generations: [
      async (living) => living.backUp('db', 1, 12),
      async (living) => {
        await living.writer.run('repository', 'upgrade', 'begin', ...FAST_UPGRADE);
        await living.backUp('db', 2, 12);
      },
    ],
    writes: [/^put xn0_/, /-repository_unreadable_by_this/],
  },
  {
    name: 'a Velero repository, and another password, full maintenance, another backup',
    source: 'Blob',
    target: 'S3',
    begin: made(),
    generations: [
      async (living) => {
        await living.putMarker();
        await living.backUp('db', 1, 12);
      },
      async (living) => {
        await living.changePassword('rotated-passw0rd');
        await living.writer.run(...FULL_MAINTENANCE);
        await living.backUp('db', 2, 12);
      },
    ],
    writes: [/^remove kopia\.blobcfg$/],
  },
  {
    name: "Velero's own writing: data and manifest are flushed within one second",
    source: 'Blob',
    target: 'S3',
    begin: async (places, kind, name) => Living.adopt(places, kind, name, (await velero()).before),
    generations: [
      async () => undefined,
      async (living) => living.grow((await velero()).afterwards),
    ],
    writes: [/^put xn0_/],
  },
  {
    name: 'epochs, and their compaction by full maintenance, deletions, more backups',
    source: 'S3',
    target: 'Blob',
    begin: made(),
    generations: [liveThroughEpochs, compactEpochs, compactAgain],
    isSeededWhole: true,
    writes: [/^put xe/, /^put xs/, /^put xr/, /^put xw/],
  },
];

/** The shortest epochs that Kopia allows. */
const SHORTEST_EPOCHS = [
  '--epoch-refresh-frequency=1m',
  '--epoch-min-duration=10m',
  '--epoch-cleanup-safety-margin=3m',
  '--epoch-advance-on-count=10',
  '--epoch-checkpoint-frequency=2',
];

/** Enough index blobs for three epochs; most of them hold a policy, which costs no restore. */
async function liveThroughEpochs(living: Living): Promise<void> {
  await living.writer.run('repository', 'set-parameters', ...SHORTEST_EPOCHS);
  await living.backUp('db', 1, 12);
  await living.backUp('web', 1, 20);
  for (let epoch = 0; epoch < 3; epoch += 1) await fillEpoch(living);
  await living.deleteOldest();
}

async function compactEpochs(living: Living): Promise<void> {
  await living.letTimePass(30);
  await living.writer.run(...FULL_MAINTENANCE);
  await fillEpoch(living);
  await living.backUp('db', 2, 12);
  await living.deleteOldest();
}

async function compactAgain(living: Living): Promise<void> {
  await living.letTimePass(30);
  await living.writer.run(...FULL_MAINTENANCE);
  await living.backUp('web', 2, 20);
}

async function fillEpoch(living: Living): Promise<void> {
  const policies = Array.from({ length: 10 }, (_, blob) => [
    `/epochs/${blob}`,
    `--keep-latest=${blob + 1}`,
  ]);
  for (const half of [policies.slice(0, 5), policies.slice(5)]) {
    await Promise.all(half.map((policy) => living.writer.run('policy', 'set', ...policy)));
    await living.letTimePass(0.5);
  }
  await living.writer.run('maintenance', 'run');
}

/** A repository that Kopia makes now; `flags` go to `kopia repository create`. */
function made(...flags: readonly string[]): Scenario['begin'] {
  return (places, kind, name) => Living.create(places, kind, name, flags);
}

/** The repository of a namespace, cut behind its first index, and what was written afterwards. */
async function velero(): Promise<{ readonly before: Kept; readonly afterwards: Kept }> {
  const fixture = await loadFixture('velero/v1.18.2');
  const isShop = ({ prefix }: FixtureRepository): boolean => prefix.endsWith('kopia/shop/');
  const repository = fixture.meta.repositories.find(isShop);
  if (repository === undefined) throw new Error('the fixture has no repository of "shop"');
  const objects = fixture.objects.filter(({ key }) => key.startsWith(repository.prefix));
  const indexes = objects.filter(({ key }) => key.startsWith(`${repository.prefix}xn`));
  const cut = Math.min(...indexes.map(({ lastModified }) => lastModified.getTime()));
  const isBefore = ({ lastModified }: LoadedObject): boolean => lastModified.getTime() <= cut;
  return {
    before: { repository, objects: objects.filter(isBefore) },
    afterwards: { repository, objects: objects.filter((object) => !isBefore(object)) },
  };
}
