/** Hostile objects, directories and manifests. */
import { gzipSync } from 'node:zlib';
import { directoryJson, type Entry, summarise } from '../kopia-writer/trees.ts';
import type { KopiaWorld } from '../kopia-writer/world.ts';
import type { Damage } from './damage.ts';
import { fileEntry, forgedId, hostile, snapshotOf } from './hostile.ts';

const MALFORMED = { structure: ['KOPIA_TREE_MALFORMED'] } as const;

/** A snapshot with one file of this object, which cannot be read. */
function badFile(world: KopiaWorld, obj: string, size: number) {
  const id = snapshotOf(world, [fileEntry('bad', obj, size)]);
  return { files: { [id]: ['bad'] } };
}

/** A directory of these exact bytes as the root of a snapshot. */
function badDirectory(world: KopiaWorld, json: string | Uint8Array) {
  const obj = world.content(json, { prefix: 'k' });
  const id = world.snapshot({ name: 'data', type: 'd', mode: '0755', obj }, { path: '/srv/bad' });
  return { files: { [id]: [''] } };
}

/** Names that would leave the folder of a restore, or are none. */
const ESCAPES = ['../escaped', '..', '.', '', '/etc/escaped', 'a/../../escaped', 'nul\0byte'];

const DEEP_LEVELS = 2_000;

export const HOSTILE_TREES: readonly Damage[] = [
  hostile('indirect-cycle', 'An indirect object names itself, by a forged id', (world) => {
    const id = forgedId(world, 3, 'x');
    const obj = world.indirect([{ start: 0, lengthBytes: 10, objectId: `I${id}` }], { id });
    const note = 'Kopia 0.23.1 follows it without end';
    return {
      ...badFile(world, obj, 10),
      contents: [id],
      structure: ['KOPIA_CONTENT_DAMAGED'],
      note,
    };
  }),
  hostile('indirect-deep', `Indirect objects lie ${DEEP_LEVELS} levels deep`, (world) => {
    let objectId = world.file('at the bottom');
    for (let level = 0; level < DEEP_LEVELS; level += 1) {
      objectId = world.indirect([{ start: 0, lengthBytes: 13, objectId }]);
    }
    return { ...badFile(world, objectId, 13), ...MALFORMED };
  }),
  hostile('indirect-letters', 'An object id has 100,000 levels in its text', (world) => {
    const obj = `${'I'.repeat(100_000)}${world.file('at the bottom')}`;
    return { ...badFile(world, obj, 13), ...MALFORMED };
  }),
  hostile(
    'indirect-exponential',
    'A file of 2^50 bytes: each list names the one below twice',
    (world) => {
      let objectId = world.file('x');
      let lengthBytes = 1;
      for (let level = 0; level < 50; level += 1) {
        const [first, second] = [0, lengthBytes];
        objectId = world.indirect([
          { start: first, lengthBytes, objectId },
          { start: second, lengthBytes, objectId },
        ]);
        lengthBytes *= 2;
      }
      const note = 'Kopia 0.23.1 follows every one of the paths, so it never ends';
      return { ...badFile(world, objectId, lengthBytes), ...MALFORMED, note };
    },
  ),
  hostile('indirect-gap', 'The parts of a file leave a gap and overlap', (world) => {
    const [a, b, c] = ['aaaa', 'bbbb', 'cccc'].map((text) => world.file(text));
    const obj = world.indirect([
      { start: 0, lengthBytes: 4, objectId: a ?? '' },
      { start: 6, lengthBytes: 4, objectId: b ?? '' },
      { start: 8, lengthBytes: 4, objectId: c ?? '' },
    ]);
    const note = 'Kopia reads the parts one after the other, whatever their places';
    return { ...badFile(world, obj, 12), ...MALFORMED, note };
  }),
  hostile('indirect-lengths', 'The parts of a file have lengths that are none', (world) => {
    const part = world.file('four');
    const entries = [-4, 1e300, 'four', null, 0.5].map((l) => ({ l, o: part }));
    const json = JSON.stringify({ stream: 'kopia:indirect', entries });
    const obj = `I${world.content(json, { prefix: 'x' })}`;
    return { ...badFile(world, obj, 4), ...MALFORMED };
  }),
  hostile('directory-cycle', 'A directory contains itself, by a forged id', (world) => {
    const id = forgedId(world, 4, 'k');
    const inner: Entry = { name: 'again', type: 'd', mode: '0755', obj: id };
    const root = world.directory('data', [inner], { id });
    const snapshot = world.snapshot(root, { path: '/srv/bad' });
    return { contents: [id], files: { [snapshot]: [''] }, structure: ['KOPIA_CONTENT_DAMAGED'] };
  }),
  hostile('directory-exponential', 'Ten folders in each of ten, thirty levels deep', (world) => {
    let entry = world.tree({ 'leaf.txt': 'leaf' });
    for (let level = 0; level < 30; level += 1) {
      const { obj } = entry;
      const children = Array.from({ length: 10 }, (_, n): Entry => {
        return { name: `${n}`, type: 'd', mode: '0755', obj };
      });
      entry = world.directory('data', children);
    }
    world.snapshot(entry, { path: '/srv/bad' });
    return { note: 'every content is whole; 10^30 paths are not to be walked one by one' };
  }),
  hostile('directory-deep', `Folders lie ${DEEP_LEVELS} levels deep`, (world) => {
    let entry = world.tree({ 'leaf.txt': 'leaf' }, 'd');
    for (let level = 0; level < DEEP_LEVELS; level += 1) entry = world.directory('d', [entry]);
    world.snapshot(entry, { path: '/srv/bad' });
    return { note: 'every content is whole; no file system takes such a path' };
  }),
  hostile('directory-escapes', 'Names would leave the folder of a restore', (world) => {
    const obj = world.file('escaped\n');
    const target = world.file('/etc');
    const links: Entry = { name: 'out', type: 's', mode: '0777', size: 4, obj: target };
    const below = world.directory('out', [fileEntry('through-a-link', obj, 8)]);
    snapshotOf(world, [links, below, ...ESCAPES.map((name) => fileEntry(name, obj, 8))]);
    return { note: 'every content is whole; a restore must refuse the names' };
  }),
  hostile('directory-no-json', 'A directory is no JSON', (world) => {
    return { ...badDirectory(world, '{"stream":"kopia:directory","entries":[{'), ...MALFORMED };
  }),
  hostile('directory-other-stream', 'A directory is JSON of another kind', (world) => {
    return { ...badDirectory(world, '{"stream":"kopia:indirect","entries":[]}'), ...MALFORMED };
  }),
  hostile('directory-nested-json', 'A directory is JSON 100,000 levels deep', (world) => {
    const json = `{"stream":"kopia:directory","entries":${'['.repeat(100_000)}`;
    return { ...badDirectory(world, json), ...MALFORMED };
  }),
  hostile('directory-odd-values', 'Entries have members of the wrong kinds', (world) => {
    const odd = [null, 1, [], { name: 5 }, { name: 'n', type: 'f', mode: {}, size: -1, obj: 7 }];
    const json = JSON.stringify({ stream: 'kopia:directory', entries: odd });
    return { ...badDirectory(world, json), ...MALFORMED };
  }),
  hostile('json-proto', 'Directories and manifests have members named __proto__', (world) => {
    const obj = world.file('polluted\n');
    const entry = `{"name":"__proto__","type":"f","size":9,"obj":"${obj}","__proto__":{"polluted":1}}`;
    const tail = '"summary":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}';
    const json = `{"stream":"kopia:directory","entries":[${entry}],${tail}}`;
    const directory = world.content(json, { prefix: 'k' });
    const root: Entry = { name: '__proto__', type: 'd', mode: '0755', obj: directory };
    world.snapshot(root, { path: '__proto__', host: 'constructor', user: '__proto__' });
    const id = world.random(16).toString('hex');
    const labels = '{"type":"policy","__proto__":"polluted"}';
    const data = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const modified = '"modified":"2026-11-01T02:00:00Z"';
    const manifest = `{"entries":[{"id":"${id}","labels":${labels},${modified},"data":${data}}]}`;
    world.content(gzipSync(manifest), { prefix: 'm' });
    return { note: 'nothing is lost, and no object of the reader has a member "polluted"' };
  }),
  hostile('manifest-no-gzip', 'A content of manifests is not gzip', (world) => {
    world.content('{"entries":[]}', { prefix: 'm' });
    return { opens: false, structure: ['KOPIA_MANIFESTS_LOST'] };
  }),
  hostile(
    'manifest-malformed',
    'A snapshot manifest has no root and times that are none',
    (world) => {
      const labels = { type: 'snapshot', hostname: 'h', username: 'u', path: '/srv/bad' };
      world.manifest(labels, { source: 7, startTime: 'yesterday', rootEntry: [] });
      return {
        structure: ['KOPIA_MANIFEST_MALFORMED'],
        note: 'Kopia leaves the snapshot out of its lists',
      };
    },
  ),
  hostile('directory-missing-object', 'A file has no object id', (world) => {
    const entries = [{ name: 'bad', type: 'f', mode: '0644', size: 3 } as Entry];
    const json = directoryJson(entries, summarise(entries));
    const note = 'Kopia 0.23.1 ends with a stack trace when it verifies this';
    return { ...badDirectory(world, json), ...MALFORMED, note };
  }),
];
