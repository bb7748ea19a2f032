/** How one look at a backup reads: what it asks for, what it trusts, what it throws. */
import { describe, expect, test } from 'vitest';
import { prefixedReader } from '../../../shared/stores/prefixed.ts';
import type { ObjectInfo, ObjectReader } from '../../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../../shared/stores/store-error.ts';
import { lookAtBackup } from '../../../shared/velero/checks/backup-look.ts';
import { readRoot } from '../../../shared/velero/checks/root.ts';
import { loadFixture } from '../../support/fixtures.ts';
import { LATER } from '../../support/velero-damage/damage.ts';
import { VELERO_DAMAGES } from '../../support/velero-damage/damages.ts';
import { openRoot, PREFIX, type VeleroObjects } from '../../support/velero-damage/objects.ts';
import { codesOf, sightOf, URL } from './looks.ts';

const OPTIONS = { url: URL, role: 'source', now: LATER } as const;

async function rootOf(
  backup: string,
  change: (objects: VeleroObjects) => void = () => {},
): Promise<{ readonly reader: ObjectReader; readonly files: readonly ObjectInfo[] }> {
  const objects = await openRoot(backup);
  change(objects);
  const reader = prefixedReader(await objects.store('backups'), PREFIX);
  return { reader, files: (await readRoot(reader)).backups.get(backup) ?? [] };
}

/** A reader that answers otherwise for some keys, and remembers what it was asked. */
function watched(
  reader: ObjectReader,
  answer: (key: string) => ReturnType<ObjectReader['read']> | undefined = () => undefined,
): { readonly reader: ObjectReader; readonly asked: string[] } {
  const asked: string[] = [];
  const refuse = (): never => {
    throw new Error('nothing but read() is needed');
  };
  return {
    asked,
    reader: {
      url: reader.url,
      list: refuse,
      listDirectories: refuse,
      stat: refuse,
      read: async (key, options) => {
        asked.push(key);
        return (await answer(key)) ?? reader.read(key, options);
      },
    },
  };
}

const keysOf = (files: readonly ObjectInfo[]): string[] => files.map(({ key }) => key).sort();

describe('what is read', () => {
  test.each(['frequent-20261121105415', 'media-moved', 'lost-upload', 'shop-bad-selector'])(
    '%s: each object once, and its hash is that of the index',
    async (backup) => {
      const { reader, files } = await rootOf(backup);
      const { reader: spy, asked } = watched(reader);
      const { objects } = await lookAtBackup(spy, backup, files, OPTIONS);
      expect([...asked].sort()).toEqual(keysOf(files));
      const index = (await loadFixture('velero/v1.18.2')).meta.objects;
      const sums = new Map(index.map(({ key, sha256 }) => [key, sha256]));
      expect(objects.map(({ key }) => key)).toEqual(files.map(({ key }) => key));
      for (const { key, sha256 } of objects) expect(sha256).toBe(sums.get(`${PREFIX}${key}`));
    },
  );

  test('of an unfinished one neither the tarball nor the log', async () => {
    const { reader, files } = await rootOf('media-moving');
    const { reader: spy, asked } = watched(reader);
    const facts = await lookAtBackup(spy, 'media-moving', files, OPTIONS);
    const left = keysOf(files).filter((key) => !asked.includes(key));
    expect(left).toEqual([
      'backups/media-moving/media-moving-logs.gz',
      'backups/media-moving/media-moving.tar.gz',
    ]);
    expect(facts).toMatchObject({ completeness: 'unfinished', isWhole: false, findings: [] });
    expect(facts.contents).toBeUndefined();
    expect(facts.volumes).toMatchObject([{ id: 'media/library', result: 'unfinished' }]);
  });

  test('what cannot be parsed is hashed all the same', async () => {
    const { reader, files } = await rootOf('platform-manual', (objects) => {
      objects.gzip('-results.gz', '{');
      objects.gzip('-itemoperations.json.gz', ','.repeat(2_000_001));
      objects.change('-logs.gz', (bytes) => bytes.subarray(0, 99));
      objects.put('x', 'x');
    });
    const { objects } = await lookAtBackup(reader, 'platform-manual', files, OPTIONS);
    expect(objects.filter(({ sha256 }) => sha256 === undefined)).toEqual([]);
    expect(objects).toHaveLength(10);
  });
});

describe('what the store refuses', () => {
  const codes: readonly StoreErrorCode[] = ['denied', 'throttled', 'unreachable', 'corrupt'];
  test.each(codes)('"%s" for any object ends the look', async (code) => {
    const { reader, files } = await rootOf('platform-manual');
    for (const { key } of files) {
      const { reader: spy } = watched(reader, (asked) => {
        if (asked === key) throw new StoreError(code, `Cannot read "${key}"`);
        return undefined;
      });
      const look = lookAtBackup(spy, 'platform-manual', files, OPTIONS);
      await expect(look).rejects.toMatchObject({ code });
    }
  });

  test('an aborted look rejects with its reason', async () => {
    const { reader, files } = await rootOf('platform-manual');
    const signal = AbortSignal.abort(new Error('enough'));
    const look = lookAtBackup(reader, 'platform-manual', files, { ...OPTIONS, signal });
    await expect(look).rejects.toThrow('enough');
  });

  test.each(['.tar.gz', '-results.gz', '-logs.gz', 'velero-backup.json'])(
    '%s changed or vanished since it was listed: nothing is said yet',
    async (file) => {
      const { reader, files } = await rootOf('platform-manual');
      const key = files.find(
        (info) => info.key.endsWith(`/${file}`) || info.key.endsWith(`manual${file}`),
      )?.key;
      const unsure = { completeness: 'unfinished', isWhole: false, findings: [] };
      const changed = watched(reader, async (asked) => {
        const content = await reader.read(asked);
        return asked === key ? { ...content, info: { ...content.info, etag: 'other' } } : content;
      });
      const facts = await lookAtBackup(changed.reader, 'platform-manual', files, OPTIONS);
      expect(facts).toMatchObject({ ...unsure, incompleteReason: 'it changed while it was read' });
      expect(facts.objects.map(({ sha256 }) => sha256)).toEqual(files.map(() => undefined));
      const gone = watched(reader, (asked) => {
        if (asked === key) throw new StoreError('not_found', `Cannot read "${key}"`);
        return undefined;
      });
      expect(await lookAtBackup(gone.reader, 'platform-manual', files, OPTIONS)).toMatchObject(
        unsure,
      );
    },
  );
});

describe('the order of writes', () => {
  const early = (objects: VeleroObjects): void =>
    objects.date('.tar.gz', new Date('2026-11-21T10:52:35Z'));

  test('a replica has velero-backup.json last, a source the tarball', async () => {
    const objects = await openRoot('media-moved');
    early(objects);
    const bucket = await objects.store('backups');
    const source = await sightOf(bucket, 'media-moved');
    expect(source.facts.completeness).toBe('unfinished');
    const replica = await sightOf(bucket, 'media-moved', { role: 'replica' });
    expect(replica.facts).toMatchObject({ completeness: 'complete', isWhole: true, findings: [] });
  });

  test('writes of one second are waited for a minute', async () => {
    const bucket = await (await openRoot('media-csi')).store('backups');
    const at = (time: string) => sightOf(bucket, 'media-csi', { now: new Date(time) });
    const soon = await at('2026-11-21T10:53:28Z');
    expect(codesOf(soon.findings)).toEqual(['BACKUP_UNFINISHED']);
    expect((await at('2026-11-21T10:53:29Z')).facts.completeness).toBe('complete');
  });
});

test('a folder with a hostile name reaches no terminal', async () => {
  const name = '\u001b[2J\u202e%2e"\n';
  const objects = await openRoot(name);
  objects.put('velero-backup.json', '{}');
  objects.put('\u0007', 'x');
  const { facts, findings } = await sightOf(await objects.store('backups'), name);
  expect(facts.backup).toBe(name);
  expect(codesOf(findings)).toEqual(['ARTEFACT_DAMAGED', 'BACKUP_FOREIGN_FILES']);
  for (const { subject, message, evidence } of findings) {
    expect([subject, message, ...Object.values(evidence ?? {}).flat()].join(' ')).not.toMatch(
      /\p{Cc}/u,
    );
  }
});

test.each([
  ['shop-failing-hook', 'Velero leaves out pods whose hooks failed'],
  ['object-not-taken', 'Velero lists objects that it then failed to take'],
])('%s: what a list has and the tarball lacks is explained', async (name, why) => {
  const damage = VELERO_DAMAGES.find((each) => each.name === name);
  const bucket = await (damage?.make('backups') ?? (await openRoot(name)).store('backups'));
  const { facts } = await sightOf(bucket, damage?.backup ?? name);
  const found = facts.findings.find(({ code }) => code === 'CONTENTS_DISAGREE');
  expect(found).toMatchObject({ severity: 'warning', message: expect.stringContaining(why) });
  expect(facts.isWhole).toBe(true);
});

describe('what is kept', () => {
  test('volumes with what they need, claims, errors', async () => {
    const bucket = await (await openRoot('')).store('backups');
    const { facts } = await sightOf(bucket, 'frequent-20261121105415');
    expect(facts.resource).toMatchObject({ schedule: 'frequent', items: 250 });
    expect(facts.resource?.itemOperationTimeoutMs).toBe(4 * 3_600_000);
    expect(facts.volumes).toMatchObject([
      { id: 'archive/cold', method: 'native', zone: 'us-east-1a' },
      { id: 'billing/ledger-data', method: 'fs-backup', repositoryNamespace: 'billing' },
      { id: 'shop/data-db-0', method: 'fs-backup', repositoryNamespace: 'shop' },
    ]);
    expect(facts.contents).toMatchObject({ objects: 250, secrets: 1, isCut: false });
    expect(facts.contents?.claims).toContainEqual({
      namespace: 'shop',
      name: 'data-db-0',
      labels: [['app', 'db']],
      isBound: true,
    });
    expect(facts.contents?.namespaces.map(({ name }) => name)).toEqual([
      'billing',
      'platform',
      'shop',
    ]);
    const { facts: failing } = await sightOf(bucket, 'shop-failing-hook');
    expect(failing.errors).toEqual({ velero: 4, cluster: 0, namespaces: [] });
  });

  test('a volume that restic holds is in no Kopia repository', async () => {
    const objects = await openRoot('frequent-20261121105415');
    objects.json<{ spec: { uploaderType: string } }[]>('-podvolumebackups.json.gz', (list) => {
      for (const { spec } of list) spec.uploaderType = 'restic';
    });
    objects.json<{ pvbInfo?: { uploaderType: string } }[]>('-volumeinfo.json.gz', (list) => {
      for (const { pvbInfo } of list) if (pvbInfo) pvbInfo.uploaderType = 'restic';
    });
    const { facts } = await sightOf(await objects.store('backups'), objects.backup);
    const [, ledger] = facts.volumes;
    expect(ledger).toMatchObject({ method: 'fs-backup', driver: 'restic' });
    expect(ledger?.repositoryNamespace).toBeUndefined();
  });

  test('no value of a Secret', async () => {
    const bucket = await (await openRoot('')).store('backups');
    const { facts } = await sightOf(bucket, 'frequent-20261121105415');
    expect(JSON.stringify(facts)).not.toMatch(/stringData|"data"|password/i);
  });
});
