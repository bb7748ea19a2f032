import { describe, expect, test } from 'vitest';
import { findSnapshots, snapshotsOf } from '../../../shared/kopia/manifests/snapshots.ts';
import { loadFrom, manifest, zipped } from './manifest-contents.ts';

const HASH = '0123456789abcdef0123456789abcdef';
const ROOT = {
  name: 'data',
  type: 'd',
  mode: '0755',
  mtime: '2026-11-01T02:00:00Z',
  obj: `k${HASH}`,
};
const DATA = {
  id: '',
  source: { host: 'h', userName: 'u', path: '/data' },
  description: 'text',
  startTime: '2026-11-21T09:55:29.06493915Z',
  endTime: '2026-11-21T09:55:30Z',
  stats: { totalSize: 5, fileCount: 1, errorCount: 2 },
  incomplete: 'checkpoint',
  rootEntry: ROOT,
  tags: { 'tag:a': 'b', 'snapshot-uploader': 'kopia' },
  pins: ['audit'],
  storageStats: { newData: {} },
};

async function snapshots(data: Readonly<Record<string, unknown>>) {
  const written = Object.entries(data).map(([id, each]) => {
    const labels = { type: 'snapshot', hostname: 'h', username: 'u', path: '/p' };
    return manifest(id, { labels, data: each });
  });
  const policy = manifest('policy', { labels: { type: 'policy' }, data: {} });
  return snapshotsOf(await loadFrom([zipped([...written, policy])]));
}

describe('snapshotsOf()', () => {
  test('reads every member', async () => {
    const { snapshots: found, problems } = await snapshots({ a: DATA });
    expect(problems).toEqual([]);
    expect(found).toMatchObject([
      {
        id: 'a',
        source: { host: 'h', userName: 'u', path: '/data' },
        description: 'text',
        startTime: new Date('2026-11-21T09:55:29.064Z'),
        endTime: new Date('2026-11-21T09:55:30Z'),
        incompleteReason: 'checkpoint',
        tags: { 'tag:a': 'b', 'snapshot-uploader': 'kopia' },
        pins: ['audit'],
        stats: { sizeBytes: 5, files: 1, errors: 2, directories: 0, cachedFiles: 0 },
        root: { name: 'data', type: 'directory', objectId: `k${HASH}` },
      },
    ]);
  });

  test('a whole snapshot has no reason, and may have a file, or nothing but bytes, as its root', async () => {
    const { incomplete: _, tags: __, pins: ___, stats: ____, description: _____, ...rest } = DATA;
    const rootEntry = { type: 'f', obj: HASH, size: 3 };
    const { snapshots: found } = await snapshots({ a: { ...rest, rootEntry } });
    expect(found[0]).not.toHaveProperty('incompleteReason');
    expect(found[0]).toMatchObject({
      root: { name: '', type: 'file', sizeBytes: 3 },
      tags: {},
      pins: [],
      description: '',
    });
  });

  test('may count more bytes than a number holds exactly: sparse files add up', async () => {
    const summ = { size: 2 ** 60, files: 1 };
    const stats = { totalSize: 2 ** 60 };
    const huge = { ...DATA, stats, rootEntry: { ...ROOT, summ } };
    const { snapshots: found, problems } = await snapshots({ a: huge });
    expect(problems).toEqual([]);
    expect(found[0]).toMatchObject({ stats: { sizeBytes: 2 ** 60 } });
    expect(found[0]?.root.summary).toMatchObject({ sizeBytes: 2 ** 60 });
  });

  test('are ascending by start to the nanosecond, then by id', async () => {
    const at = (startTime: string) => ({ ...DATA, startTime });
    const { snapshots: found } = await snapshots({
      a: at('2026-11-21T09:00:00.000000002Z'),
      d: at('2026-11-21T09:00:00.000000001Z'),
      c: at('2026-11-21T09:00:00.000000001Z'),
      b: at('2026-11-20T09:00:00Z'),
    });
    expect(found.map(({ id }) => id)).toEqual(['b', 'c', 'd', 'a']);
  });

  test.each([
    ['is no JSON object', null],
    ['is no JSON object', []],
    ['is no JSON object', 'text'],
    ['has no source', { ...DATA, source: undefined }],
    ['has no source', { ...DATA, source: { host: 1 } }],
    ['has no time', { ...DATA, startTime: 'soon' }],
    ['has no time', { ...DATA, endTime: undefined }],
    ['has no root entry', { ...DATA, rootEntry: undefined }],
    ['has no root entry', { ...DATA, rootEntry: { ...ROOT, obj: '' } }],
    ['has no root entry', { ...DATA, rootEntry: { ...ROOT, mode: 5 } }],
    ['has an odd text', { ...DATA, description: {} }],
    ['has an odd text', { ...DATA, incomplete: true }],
    ['has odd tags or pins', { ...DATA, tags: { a: 1 } }],
    ['has odd tags or pins', { ...DATA, pins: [1] }],
    ['has odd statistics', { ...DATA, stats: { totalSize: 'many' } }],
    ['has odd statistics', { ...DATA, stats: { totalSize: 1e300 } }],
  ])('one that %s is a problem, and the others are read', async (reason, data) => {
    const { snapshots: found, problems } = await snapshots({ bad: data, good: DATA });
    expect(found.map(({ id }) => id)).toEqual(['good']);
    const source = { host: 'h', userName: 'u', path: '/p' };
    expect(problems).toMatchObject([{ id: 'bad', reason, source }]);
  });
});

describe('findSnapshots()', () => {
  test('by id, by root object, by the beginning of the id', async () => {
    const other = { ...DATA, startTime: '2026-11-22T00:00:00Z', rootEntry: { ...ROOT, obj: HASH } };
    const { snapshots: all } = await snapshots({ ab: DATA, abc: other, b: DATA });
    const ids = (reference: string) => findSnapshots(all, reference).map(({ id }) => id);
    expect(ids('ab')).toEqual(['ab']);
    expect(ids('abc')).toEqual(['abc']);
    expect(ids('a')).toEqual(['ab', 'abc']);
    expect(ids(HASH)).toEqual(['abc']);
    expect(ids(`k${HASH}`)).toEqual(['ab', 'b']);
    expect(ids('')).toEqual([]);
    expect(ids('x')).toEqual([]);
  });
});
