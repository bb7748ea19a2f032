import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { parseBackup } from '../../../shared/velero/artefacts/backup.ts';
import { readBackupArtefacts } from '../../../shared/velero/artefacts/backup-artefacts.ts';
import { readContents } from '../../../shared/velero/artefacts/contents.ts';
import { summarizeContents } from '../../../shared/velero/artefacts/contents-summary.ts';
import {
  parseCsiSnapshot,
  parseCsiSnapshotContent,
} from '../../../shared/velero/artefacts/csi-lists.ts';
import { parseResourceList, parseResults } from '../../../shared/velero/artefacts/results.ts';
import {
  parseClaim,
  parseDataUpload,
  parsePod,
  parseVolume,
} from '../../../shared/velero/artefacts/volume-facts.ts';
import {
  parseItemOperation,
  parseList,
  parseNativeSnapshot,
  parsePodVolumeBackup,
  parseVolumeInfo,
} from '../../../shared/velero/artefacts/volume-lists.ts';
import { END, entry, header, pax, rootWith, rootWithTar } from './tarball.ts';

const POD = 'resources/pods/namespaces/n/p.json';
const summary = async (...parts: Uint8Array[]) =>
  summarizeContents(await rootWithTar(...parts), 'b');
const problems = async (...parts: Uint8Array[]) => {
  const contents = await summary(...parts);
  if (contents.state !== 'read') return 'reason' in contents ? contents.reason : contents.state;
  return contents.value.problems.map(({ kind }) => kind);
};

describe('the tarball', () => {
  test.each([
    ['../x.json', 'unsafe-path'],
    ['/etc/x.json', 'unsafe-path'],
    ['resources/pods/namespaces/../p.json', 'unsafe-path'],
    ['resources//p.json', 'unsafe-path'],
    ['elsewhere/p.json', 'foreign-path'],
    ['resources/pods/p.json', 'foreign-path'],
  ])('names %s', async (path, kind) => {
    expect(await problems(entry(path), entry(POD), END)).toEqual([kind]);
  });

  test.each([
    ['1', 'link'],
    ['2', 'link'],
    ['3', 'device'],
    ['4', 'device'],
    ['6', 'device'],
    ['S', 'foreign-entry'],
    ['g', 'foreign-entry'],
  ])('names an entry of type %s and reads on', async (type, kind) => {
    const contents = await summary(header(POD, 0, type), entry(POD), END);
    expect(contents).toMatchObject({ state: 'read', value: { objects: 1, problems: [{ kind }] } });
  });

  test('a path that is no UTF-8 is unsafe; odd characters are not', async () => {
    const bad = header('resources/pods/namespaces/n/x.json', 0);
    bad[28] = 0xff;
    const sum = bad.fill(' ', 148, 156).reduce((total, byte) => total + byte, 0);
    bad.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(await problems(bad, END)).toEqual(['unsafe-path']);
    const odd = 'resources/clusterroles.rbac.authorization.k8s.io/cluster/system:é %\\\n.json';
    expect(await problems(entry(odd), END)).toEqual([]);
  });

  test('long names come in PAX records or as GNU writes them', async () => {
    const path = `resources/pods/namespaces/n/${'x'.repeat(240)}.json`;
    const byPax = [entry('x', pax('path', path), 'x'), entry('short')];
    const byGnu = [entry('././@LongLink', `${path}\0`, 'L'), entry('short')];
    const contents = await summary(
      ...byPax,
      ...byGnu,
      entry('./'),
      entry('resources/', '', '5'),
      END,
    );
    expect(contents).toMatchObject({ state: 'read', value: { objects: 2, problems: [] } });
  });

  test.each([
    ['a damaged header', [Buffer.alloc(512, 1), END], 'checksum'],
    ['no end', [entry(POD)], 'ends early'],
    ['half an entry', [entry(POD, 'x'.repeat(2000)).subarray(0, 1024)], 'ends early'],
    ['a PAX header without end', [header('x', 2 ** 30, 'x')], 'too long'],
    ['a malformed PAX header', [entry('x', '-5 a=b\n', 'x'), END], 'malformed'],
    ['nothing', [], 'ends early'],
  ])('refuses %s', async (_, parts, reason) => {
    expect(await problems(...parts)).toContain(reason);
  });

  test('bytes behind the end, in the archive and behind the gzip', async () => {
    expect(await problems(entry(POD), END, entry(POD), END)).toEqual(['data-after-end']);
    const gzip = gzipSync(Buffer.concat([entry(POD), END]));
    const behind = async (...more: Uint8Array[]) =>
      summarizeContents(await rootWith({ 'b.tar.gz': Buffer.concat([gzip, ...more]) }), 'b');
    expect(await behind(Buffer.alloc(9))).toMatchObject({ damage: 'trailing-bytes' });
    expect(await behind(Buffer.from('no gzip at all'))).toMatchObject({ state: 'unreadable' });
    expect(await behind(gzipSync(Buffer.alloc(512)))).toMatchObject({ state: 'read' });
  });

  test('a bomb ends at its limit, and very many entries too', async () => {
    const bomb = await rootWithTar(header(POD, 2 ** 27), Buffer.alloc(2 ** 27), END);
    const limits = { storedSizeBytesMax: 2 ** 20, inflatedSizeBytesMax: 2 ** 26, entriesMax: 10 };
    expect(await summarizeContents(bomb, 'b', { limits })).toMatchObject({ state: 'too-large' });
    expect(await summarizeContents(bomb, 'b')).toMatchObject({
      state: 'read',
      value: { objects: 1, pods: [], problems: [{ kind: 'too-large-object' }] },
    });
    const many = await rootWithTar(...Array.from({ length: 11 }, () => entry(POD)), END);
    expect(await summarizeContents(many, 'b', { limits })).toMatchObject({ state: 'too-large' });
  });

  test('of very many names and large labels a bounded part is kept', async () => {
    const claim = JSON.stringify({ metadata: { labels: { a: 'x'.repeat(10_000) } } });
    const contents = await summary(
      ...Array.from({ length: 20_001 }, (_, at) =>
        header(`resources/r${at}.example.com/namespaces/n${at}/o.json`, 0),
      ),
      ...Array.from({ length: 3300 }, (_, at) =>
        entry(`resources/persistentvolumeclaims/namespaces/n/c${at}.json`, claim),
      ),
      END,
    );
    if (contents.state !== 'read') throw new Error(contents.state);
    const { isCut, claims, namespaces, resources } = contents.value;
    expect(isCut).toBe(true);
    expect(claims.length).toBeLessThan(3300);
    expect([namespaces.size, resources.size]).toEqual([20_000, 20_000]);
  });

  test('global PAX records cannot make every entry dear', async () => {
    const records = Array.from({ length: 100_000 }, (_, at) => pax(`k${at}`, '')).join('');
    const small = Buffer.concat([entry('x', pax('a', 'b'), 'x')]);
    const parts = [entry('g', records, 'g'), ...Array.from({ length: 5000 }, () => small)];
    expect(await problems(...parts, entry(POD), END)).toEqual(['foreign-entry']);
  });

  test('copies that differ are told, Secrets are not looked at', async () => {
    const secret = 'resources/secrets/namespaces/n/s.json';
    const copies = [
      entry(POD, '{"kind":"Pod"}'),
      entry(POD.replace('pods/', 'pods/v1-preferredversion/'), '{"kind":"Other"}'),
      entry(secret, '{"kind":"Secret","data":{"password":"Y2FuYXJ5"}}'),
    ];
    const root = await rootWithTar(...copies, END);
    const seen: string[] = [];
    const visitor = {
      wants: () => true,
      object: ({ name, digest, json }: { name: string; digest?: unknown; json?: unknown }) =>
        void seen.push(`${name} ${digest !== undefined} ${json !== undefined}`),
      problem: () => {},
    };
    await readContents(root, 'b', visitor);
    expect(seen).toEqual(['p true true', 'p true true', 's false false']);
    const contents = await summarizeContents(root, 'b');
    expect(contents).toMatchObject({
      value: { secrets: 1, copies: { different: 1, unchecked: 1, examples: ['"pods/n/p"'] } },
    });
    expect(JSON.stringify(contents)).not.toContain('Y2FuYXJ5');
  });
});

describe('an artefact', () => {
  const results = async (bytes: Uint8Array) =>
    (await readBackupArtefacts(await rootWith({ 'b-results.gz': bytes }), 'b')).results;
  const good = gzipSync('{"errors":{"namespaces":{"a":["x"]}},"warnings":null}');

  test.each([
    ['not-gzip', Buffer.from('{}')],
    ['empty', Buffer.alloc(0)],
    ['truncated', good.subarray(0, good.length - 4)],
    ['corrupt', Buffer.concat([good.subarray(0, -8), Buffer.alloc(8, 7)])],
    ['transfer-framing', Buffer.concat([Buffer.from('4a;chunk-signature=ab\r\n'), good])],
    ['transfer-framing', Buffer.concat([Buffer.from('4A\r\n'), good, Buffer.from('\r\n0\r\n')])],
    ['not-json', gzipSync('{')],
    ['wrong-shape', gzipSync('[]')],
  ])('is %s', async (damage, bytes) => {
    expect(await results(bytes)).toMatchObject({ state: 'unreadable', damage });
  });

  test('is read, or absent, or too large', async () => {
    expect(await results(good)).toMatchObject({ state: 'read', value: { errors: { count: 1 } } });
    const none = await readBackupArtefacts(await rootWith({}), 'b');
    expect([none.metadata.state, none.results.state, none.hasLog]).toEqual([
      'absent',
      'absent',
      false,
    ]);
    expect(await results(gzipSync(Buffer.alloc(2 ** 25 + 1)))).toMatchObject({
      state: 'too-large',
    });
    const framed = { 'velero-backup.json': Buffer.from('10\r\n{"kind":"Backup"}\r\n0\r\n') };
    const { metadata } = await readBackupArtefacts(await rootWith(framed), 'b');
    expect(metadata).toMatchObject({ damage: 'transfer-framing' });
  });

  test('of 1 GiB is not read at all', async () => {
    const root = await rootWith({ 'velero-backup.json': Buffer.from('{}') });
    const huge = {
      ...root,
      async *list(prefix: string) {
        for await (const info of root.list(prefix)) yield { ...info, sizeBytes: 2 ** 30 };
      },
      read: () => Promise.reject(new Error('it was read')),
    };
    const { metadata } = await readBackupArtefacts(huge, 'b');
    expect(metadata).toMatchObject({ state: 'too-large', sizeBytes: 2 ** 30 });
  });

  test.each(['denied', 'throttled', 'unreachable'] as const)(
    'that is %s is not absent',
    async (code) => {
      const root = await rootWith({ 'b-results.gz': good, 'b.tar.gz': good });
      const failing = { ...root, read: () => Promise.reject(new StoreError(code, 'no')) };
      await expect(readBackupArtefacts(failing, 'b')).rejects.toMatchObject({ code });
      await expect(summarizeContents(failing, 'b')).rejects.toMatchObject({ code });
    },
  );
});

test('parsers answer to any JSON, and pollute nothing', () => {
  const parsers = [
    parseBackup,
    parseResults,
    parseResourceList,
    parseList(parseVolumeInfo),
    parsePodVolumeBackup,
    parseNativeSnapshot,
    parseItemOperation,
    parseVolumeInfo,
    parseCsiSnapshot,
    parseCsiSnapshotContent,
    parseClaim,
    parseVolume,
    parsePod,
    parseDataUpload,
  ];
  const names = [
    'kind',
    'metadata',
    'spec',
    'status',
    'volumes',
    '__proto__',
    'constructor',
    'name',
  ];
  const key = fc.oneof(fc.constantFrom(...names), fc.string());
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), tie('object'), fc.array(tie('value'))),
    object: fc.array(fc.tuple(key, tie('value'))).map((pairs) => {
      return JSON.parse(
        `{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join()}}`,
      );
    }),
  }));
  fc.assert(
    fc.property(value, (json) => {
      for (const parse of parsers) parse(json);
      const backup = parseBackup({
        kind: 'Backup',
        apiVersion: 'velero.io/v1',
        metadata: { name: 'x' },
        spec: json,
        status: json,
      });
      expect(backup).toMatchObject({ name: 'x' });
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
