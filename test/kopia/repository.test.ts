import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ContentDamage } from '../../shared/kopia/contents/content-damage.ts';
import { nameTrouble } from '../../shared/kopia/objects/entry-name.ts';
import { objectContents, readObject } from '../../shared/kopia/objects/object-reader.ts';
import { readLinkTarget, walkTree } from '../../shared/kopia/objects/tree.ts';
import type { TreeEntry } from '../../shared/kopia/objects/tree-entry.ts';
import {
  listRepositories,
  openRepository,
  type Repository,
} from '../../shared/kopia/repository.ts';
import type { ObjectReader, ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { systemClock } from '../support/clock.ts';
import { fixtureInMemory } from '../support/fixture-stores.ts';
import { type Fixture, listFixtures, loadFixture } from '../support/fixtures.ts';

/** An entry of the answer `restored`. */
interface Restored {
  path: string;
  type: 'file' | 'folder' | 'link';
  mode?: string;
  sizeBytes?: number;
  sha256?: string;
  target?: string;
  mtimeNs?: string;
}

const REFUSED = ['kopia/upgrade-locked', 'kopia/required-feature'];
/** Its names were replaced when they were backed up. */
const BEYOND_UTF8 = 'kopia/names-beyond-utf8';
const LZ4 = 'compressed with LZ4';
const names = listFixtures('kopia').filter((name) => !REFUSED.includes(name));

/** What repeats in many fixtures is hashed once: by the content hash that named it. */
async function hashOf(repository: Repository, entry: TreeEntry): Promise<string> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const bytes of readObject(repository.contents, entry.objectId, { readAhead: 2 })) {
    hash.update(bytes);
    sizeBytes += bytes.length;
  }
  expect(sizeBytes).toBe(entry.sizeBytes);
  return hash.digest('hex');
}

/** Only LZ4 cannot be read, by today's Kopia neither: then the reason stands in place of the hash. */
function unread(error: unknown): string {
  if (error instanceof ContentDamage && error.reason === 'compression-unsupported') return LZ4;
  throw error;
}

/** As Kopia restores: a subdirectory gets the time of the newest thing below it. */
function restoredNs(entry: TreeEntry, isRoot: boolean): string {
  const summary = isRoot ? undefined : entry.summary;
  return String(summary?.newestNs ?? entry.modifiedNs);
}

async function restored(
  repository: Repository,
  path: string,
  entry: TreeEntry,
  hashes: Map<string, string>,
): Promise<Restored> {
  if (entry.type === 'symlink') {
    const target = await readLinkTarget(repository.contents, entry);
    expect(target.length).toBe(entry.sizeBytes);
    return { path, type: 'link', target: target.toString('utf8') };
  }
  const mode = entry.mode.toString(8).padStart(4, '0');
  const mtimeNs = restoredNs(entry, path === '.');
  if (entry.type === 'directory') return { path, type: 'folder', mode, mtimeNs };
  const sha256 = hashes.get(entry.objectId) ?? (await hashOf(repository, entry).catch(unread));
  hashes.set(entry.objectId, sha256);
  return { path, type: 'file', mode, mtimeNs, sizeBytes: entry.sizeBytes, sha256 };
}

function byPath(left: Restored, right: Restored): number {
  return Buffer.from(left.path).compare(Buffer.from(right.path));
}

/** `describeTree` went through links to folders too; a backup holds what is behind them once. */
function withoutFollowedLinks(entries: readonly Restored[]): readonly Restored[] {
  const links = entries.filter(({ type }) => type === 'link').map(({ path }) => `${path}/`);
  return entries.filter(({ path }) => !links.some((link) => path.startsWith(link)));
}

function answersOf(fixture: Fixture, prefix: string): string {
  const repository = fixture.meta.repositories.find((each) => each.prefix === prefix);
  const readers = repository?.readers ?? [];
  const reader = readers.find(({ version }) => version === '0.23.1') ?? readers[0];
  if (reader === undefined) throw new Error(`nobody reads "${fixture.name}"`);
  return reader.answers;
}

describe.each(names)('%s', (name) => {
  test('has the manifests, snapshots and files that Kopia lists and restores', async () => {
    const { fixture, store } = await storeOf(name);
    for (const { prefix, password } of fixture.meta.repositories) {
      const repository = await openRepository(store, prefix, password);
      const folder = answersOf(fixture, prefix);
      expect(repository.indexes.problems).toEqual([]);
      expect(repository.manifests.problems).toEqual([]);
      expect(repository.snapshots.problems).toEqual([]);
      expect(listed(repository)).toEqual(byId(fixture.answer(folder, 'manifests')));
      expect(byId(shown(repository))).toEqual(comparable(fixture.answer(folder, 'snapshots')));
      const answer = fixture.answer(folder, 'restored') as Record<string, Restored[]>;
      const hashes = new Map<string, string>();
      const { snapshots } = repository.snapshots;
      for (const snapshot of snapshots) {
        // By path: of names that have become one, Kopia restores the last in the order of storage.
        const found = new Map([['.', await restored(repository, '.', snapshot.root, hashes)]]);
        for await (const { path, folders, entry } of walkTree(repository.contents, snapshot.root)) {
          expect([...folders, entry.name].join('/')).toBe(path);
          const isReplaced = name === BEYOND_UTF8 && entry.name.includes('\ufffd');
          expect(nameTrouble(entry.name)).toBe(isReplaced ? 'not-utf8' : undefined);
          found.set(path, await restored(repository, path, entry, hashes));
        }
        const sorted = [...found.values()].sort(byPath);
        const expected = withoutFollowedLinks(answer[snapshot.id] ?? []);
        expect(sorted).toEqual(
          expected.map((row, at) => (sorted[at]?.sha256 === LZ4 ? { ...row, sha256: LZ4 } : row)),
        );
      }
      expect([...hashes.values()].includes(LZ4)).toBe(name === 'kopia/compressors-0.22.3');
    }
  });
});

interface Listed {
  id: string;
}

function byId(rows: unknown): Listed[] {
  return (rows as Listed[]).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** As `kopia manifest list --json`. */
function listed({ manifests }: Repository): unknown {
  return [...manifests.all.values()].map(({ id, labels, modifiedNs, data }) => ({
    id,
    length: Buffer.byteLength(JSON.stringify(data)),
    labels,
    mtime: rfc3339(modifiedNs),
  }));
}

/** As `kopia snapshot list --all --incomplete --json`, but for what Kopia computes on the spot. */
function shown({ snapshots }: Repository): unknown {
  return snapshots.snapshots.map(
    ({ id, source, description, stats, root, tags, pins, ...rest }) => ({
      id,
      source,
      description,
      startTime: rest.startTime,
      endTime: rest.endTime,
      incomplete: rest.incompleteReason,
      stats: {
        totalSize: stats.sizeBytes,
        excludedTotalSize: stats.excludedSizeBytes,
        fileCount: stats.files,
        cachedFiles: stats.cachedFiles,
        nonCachedFiles: stats.nonCachedFiles,
        dirCount: stats.directories,
        excludedFileCount: stats.excludedFiles,
        excludedDirCount: stats.excludedDirectories,
        ignoredErrorCount: stats.ignoredErrors,
        errorCount: stats.errors,
      },
      rootEntry: {
        name: root.name,
        type: root.type === 'directory' ? 'd' : 'f',
        mode: `0${root.mode.toString(8)}`,
        mtime: rfc3339(root.modifiedNs),
        uid: root.uid || undefined,
        gid: root.gid || undefined,
        size: root.sizeBytes || undefined,
        obj: root.objectId,
        summ: root.summary && {
          size: root.summary.sizeBytes,
          files: root.summary.files,
          symlinks: root.summary.symlinks,
          dirs: root.summary.directories,
          maxTime: rfc3339(root.summary.newestNs),
          incomplete: root.summary.incompleteReason,
          numFailed: root.summary.failed,
        },
      },
      tags: Object.keys(tags).length > 0 ? tags : undefined,
      pins: pins.length > 0 ? pins : undefined,
    }),
  );
}

function comparable(answer: unknown): unknown {
  return byId(answer).map((row) => {
    const { retentionReason: _, startTime, endTime, ...rest } = row as Listed & Times;
    return { ...rest, startTime: new Date(startTime), endTime: new Date(endTime) };
  });
}

interface Times {
  retentionReason: unknown;
  startTime: string;
  endTime: string;
}

/** As Go writes it: nanoseconds, trailing zeros left out. */
function rfc3339(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${date}${fraction === '' ? '' : `.${fraction}`}Z`;
}

async function storeOf(name: string): Promise<{ fixture: Fixture; store: ObjectStore }> {
  const fixture = await loadFixture(name);
  return { fixture, store: await fixtureInMemory(fixture, systemClock) };
}

describe('openRepository()', () => {
  test('tells its progress, and reaches every content that no snapshot was deleted of', async () => {
    const { fixture, store } = await storeOf('kopia/v3-default');
    const told: string[] = [];
    const repository = await openRepository(store, 'repo/', 'fixture-passw0rd', {
      onProgress: (stage, done, all) => void told.push(`${stage} ${done}/${all}`),
    });
    expect(told).toContain(
      `manifests ${repository.manifests.contents}/${repository.manifests.contents}`,
    );
    expect(told.some((line) => line.startsWith('indexes '))).toBe(true);
    const reached = new Set<string>();
    for (const { root } of repository.snapshots.snapshots) {
      const objects = [root.objectId];
      for await (const { entry } of walkTree(repository.contents, root))
        objects.push(entry.objectId);
      for (const objectId of objects) {
        for await (const { contentId, lengthBytes } of objectContents(
          repository.contents,
          objectId,
        )) {
          reached.add(contentId);
          const { contents } = repository.indexes;
          const stored = contents.originalLengthOf(contents.find(contentId));
          if (lengthBytes !== undefined) expect(lengthBytes).toBe(stored);
        }
      }
    }
    const rows = fixture.answer(answersOf(fixture, 'repo/'), 'contents') as {
      contentID: string;
      deleted: boolean;
    }[];
    const kept = rows.filter(({ contentID, deleted }) => !deleted && !contentID.startsWith('m'));
    expect([...reached].sort()).toEqual(kept.map(({ contentID }) => contentID).sort());
  });

  test('a lost pack of manifests costs the manifests in it, and is told', async () => {
    const { store } = await storeOf('kopia/v3-default');
    const whole = await openRepository(store, 'repo/', 'fixture-passw0rd');
    const [lost] = whole.snapshots.snapshots;
    const manifest = whole.manifests.all.get(lost?.id ?? '');
    const table = whole.indexes.contents;
    const packBlob = table.packs.name(table.packOf(table.find(manifest?.contentId ?? '')));
    await store.remove(`repo/${packBlob}`);
    const { manifests, snapshots } = await openRepository(store, 'repo/', 'fixture-passw0rd');
    const { contentId } = manifest ?? { contentId: '' };
    expect(manifests.problems).toContainEqual({
      kind: 'content-lost',
      contentId,
      packBlob,
      reason: 'pack-missing',
      damage: 'pack-missing',
    });
    expect(snapshots.snapshots.map(({ id }) => id)).not.toContain(lost?.id);
    expect(snapshots.snapshots).toHaveLength(1);
  });

  test('a store that denies a pack is an error, not a loss', async () => {
    const { store } = await storeOf('kopia/v3-default');
    const denied = new StoreError('denied', 'Cannot read it: denied');
    const reader: ObjectReader = {
      ...store,
      read: (key, options) =>
        key.startsWith('repo/q') ? Promise.reject(denied) : store.read(key, options),
    };
    await expect(openRepository(reader, 'repo/', 'fixture-passw0rd')).rejects.toBe(denied);
  });
});

describe('listRepositories()', () => {
  test.each([
    ['kopia/velero-like', '', ['kopia/crm/', 'kopia/shop/']],
    ['kopia/velero-like', 'kopia/crm/', ['kopia/crm/']],
    ['kopia/v3-default', 'repo/', ['repo/']],
    ['kopia/v3-default', 'elsewhere/', ['elsewhere/']],
  ])('of %s at "%s"', async (name, root, prefixes) => {
    const { store } = await storeOf(name);
    expect(await listRepositories(store, root)).toEqual(prefixes);
  });

  test('where there is none, opening says so', async () => {
    const { store } = await storeOf('kopia/v3-default');
    const [prefix = ''] = await listRepositories(store, 'elsewhere/');
    const opening = openRepository(store, prefix, 'fixture-passw0rd');
    await expect(opening).rejects.toMatchObject({ code: 'NOT_A_REPOSITORY' });
  });
});
