/** On every healthy repository our reader and the released Kopia say the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FixtureRepository, listFixtures, loadFixture } from '../support/fixtures.ts';
import { type Access, InstalledDrydock } from './kopia/drydock.ts';
import { kopiaListing, type Listing, type OurEntry, ourListing } from './kopia/listing.ts';
import { Kopia, type Snapshot, type Tree } from './replica/kopia.ts';
import { Places } from './replica/places.ts';
import { placeObjects } from './replica/roots.ts';
import { slots } from './replica/slots.ts';
import { toolVersion } from './tools/tools.ts';

let places: Places;
let drydock: InstalledDrydock;
beforeAll(async () => {
  [places, drydock] = await Promise.all([Places.start(), InstalledDrydock.install()]);
});
afterAll(async () => {
  await places?.close();
  await drydock?.remove();
});

const inSlot = slots(3);

describe.concurrent('a repository of', () => {
  test.each(listFixtures())('%s is the same to both', async (name) => {
    await inSlot(async () => {
      const fixture = await loadFixture(name);
      const store = await places.store('S3', `${name}/`);
      await placeObjects(store, 'S3', fixture.objects, '');
      for (const repository of fixture.meta.repositories) {
        const prefix = `${name}/${repository.prefix}`;
        const access = { ...places.drydockOnS3(prefix), password: repository.password };
        await expectAgreement(repository, prefix, access);
      }
    });
  });
});

/**
 * Of one repository, the newest: each costs four processes. What Kopia said of all the others is kept
 * with the fixtures, and compared in test/kopia/repository.test.ts.
 */
const TREES_MAX = 3;

async function expectAgreement(
  repository: FixtureRepository,
  prefix: string,
  access: Access,
): Promise<void> {
  const version = toolVersion('kopia');
  if (!repository.readers.some((reader) => reader.version === version)) {
    // LZ4, a feature from the future, an upgrade under way: neither of us vouches for these.
    expect(repository.refusals.map((refusal) => refusal.version)).toContain(version);
    expect(await verdictOf(access)).toBe('unchecked');
    return;
  }
  await withKopia(prefix, access, async (kopia) => {
    const snapshots = await expectSameSnapshots(kopia, access);
    const trees = snapshots.slice(-TREES_MAX);
    await Promise.all(trees.map((each) => expectSameTree(each, kopia, access)));
    await expectBothVerify(kopia, access);
  });
}

/** A reader with an empty cache. */
async function withKopia<T>(
  prefix: string,
  access: Access,
  work: (kopia: Kopia) => Promise<T>,
): Promise<T> {
  const { password } = access;
  const kopia = await Kopia.connect(places.kopia('S3', prefix), { password });
  try {
    return await work(kopia);
  } finally {
    await kopia.close();
  }
}

async function expectSameSnapshots(kopia: Kopia, access: Access): Promise<readonly Snapshot[]> {
  const theirs = await kopia.snapshots();
  const { code, json } = await drydock.kopia(access, 'snapshots', '--all');
  expect(code).toBe(0);
  const [listed] = json['repositories'] as { snapshots: OurSnapshot[] }[];
  const ours = listed?.snapshots ?? [];
  expect(ours.map(ourFacts).sort(byId)).toEqual(theirs.map(theirFacts).sort(byId));
  return theirs;
}

interface Facts {
  readonly id: string;
  readonly [member: string]: unknown;
}

const byId = (a: Facts, b: Facts): number => (a.id < b.id ? -1 : 1);

interface OurSnapshot extends Facts {
  readonly root: Readonly<Record<string, unknown>>;
}

function ourFacts({ id, source, description, startTime, endTime, ...rest }: OurSnapshot): Facts {
  const { incomplete, root, sizeBytes, files, directories, tags, pins } = rest;
  const { objectId } = root;
  const times = { startTime, endTime };
  const amounts = { sizeBytes, files, directories };
  return { id, source, description, ...times, incomplete, objectId, ...amounts, tags, pins };
}

function theirFacts(snapshot: Snapshot): Facts {
  const { id, source, description, incomplete, tags = {}, pins = [] } = snapshot;
  const root = snapshot['rootEntry'] as Readonly<Record<string, unknown>>;
  const summary = root['summ'] as Readonly<Record<string, number>> | undefined;
  const stats = snapshot['stats'] as Readonly<Record<string, number>>;
  return {
    id,
    source,
    description,
    startTime: milliseconds(snapshot['startTime']),
    endTime: milliseconds(snapshot['endTime']),
    incomplete,
    objectId: root['obj'],
    sizeBytes: summary?.['size'] ?? stats['totalSize'],
    files: summary?.['files'] ?? stats['fileCount'],
    directories: summary?.['dirs'] ?? stats['dirCount'],
    tags,
    pins,
  };
}

const milliseconds = (time: unknown): string => new Date(String(time)).toISOString();

async function expectSameTree(
  { id, rootEntry }: Snapshot,
  kopia: Kopia,
  access: Access,
): Promise<void> {
  const isFolder = (rootEntry as { readonly type: string }).type === 'd';
  const [theirList, theirTree, ourList, restored] = await Promise.all([
    // Of a file or link on its own Kopia lists nothing.
    isFolder ? kopia.run('ls', '-r', '-l', id) : undefined,
    kopia.restore(id),
    drydock.kopia(access, 'ls', id, '--recursive'),
    drydock.restore(access, id),
  ]);
  expect(ourList.code).toBe(0);
  const entries = ourList.json['entries'] as readonly OurEntry[];
  const twice = pathsOccurringTwice(entries);
  if (theirList !== undefined) {
    const [ours, theirs] = [ourListing(entries), kopiaListing(theirList)];
    // Kopia shows and restores one of two entries with one name, and nobody knows which.
    expect(theirs.filter((line) => !ours.includes(line))).toEqual([]);
    expect(without(twice, ours)).toEqual(without(twice, theirs));
  }
  // We restore both, the second under another name, and say so.
  expect(restored.told).toEqual(twice);
  const comparable = (tree: Tree): Tree =>
    tree.filter(({ path }) => !twice.has(path.replace(/~\d+$/, ''))).map(withoutDetails);
  const [ours, theirs] = [comparable(restored.tree), comparable(theirTree)];
  if (isFolder) expect(ours).toEqual(theirs);
  // Kopia makes the target itself the file or link; we put it into the target, under its name.
  else expect(ours.slice(1)).toEqual(theirs.map((each) => ({ ...each, path: ours[1]?.path })));
}

function pathsOccurringTwice(entries: readonly OurEntry[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = entries.filter(({ path }) => seen.size === seen.add(path).size);
  return new Set(twice.map(({ path }) => path));
}

function without(paths: ReadonlySet<string>, listing: Listing): Listing {
  return listing.filter((line) => ![...paths].some((path) => line.endsWith(` ${path}`)));
}

/**
 * Without set-user-id and the like, which we restore with `--owners` alone; without the last digits
 * of times, as Node hands the system a floating-point number, exact to a quarter microsecond; without
 * the times of folders below the root, to which Kopia gives that of the newest file below.
 */
function withoutDetails({ mode, mtimeNs, ...entry }: Tree[number]): Tree[number] {
  const hasTime = entry.type !== 'folder' || entry.path === '.';
  return {
    ...entry,
    ...(mode !== undefined && { mode: mode.slice(-3) }),
    ...(mtimeNs !== undefined && hasTime && { mtimeNs: mtimeNs.slice(0, -6) }),
  };
}

/** Kopia with an empty cache for each command: it otherwise verifies what it has kept. */
async function expectBothVerify(kopia: Kopia, access: Access): Promise<void> {
  expect(await verdictOf(access)).toBe('verified');
  await kopia.forget();
  await kopia.run('content', 'verify', '--full');
  await kopia.forget();
  await kopia.verify();
}

async function verdictOf(access: Access): Promise<unknown> {
  const { json } = await drydock.kopia(access, 'verify', '--level', 'content');
  const [repository] = json['repositories'] as { verdict: unknown }[];
  return repository?.verdict;
}
