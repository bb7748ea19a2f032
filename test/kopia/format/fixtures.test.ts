/** Every real repository, opened once: the real tool's own words are what ours are compared with. */
import { beforeAll, describe, expect, test } from 'vitest';
import { parseBlobName } from '../../../shared/kopia/blob-names.ts';
import {
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../../shared/kopia/crypto/repository-crypto.ts';
import {
  type MaintenanceSchedule,
  readMaintenance,
} from '../../../shared/kopia/format/maintenance.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import type { RepositoryFormat } from '../../../shared/kopia/format/repository-format.ts';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { systemClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import {
  type Fixture,
  type FixtureRepository,
  type LoadedObject,
  listFixtures,
  loadFixture,
} from '../../support/fixtures.ts';

const REFUSED: Readonly<Record<string, string>> = {
  'kopia/required-feature': 'KOPIA_FEATURE_UNKNOWN',
  'kopia/upgrade-locked': 'KOPIA_UPGRADE_LOCKED',
};
/** Kinds of blobs that are encrypted as a whole, under the hash in their name. */
const SEALED = new Set([
  'index-v0',
  'compaction-log',
  'compaction-cleanup',
  'index',
  'epoch-compaction',
  'range-checkpoint',
  'session',
  'log',
]);

interface Opened {
  readonly name: string;
  readonly fixture: Fixture;
  readonly repository: FixtureRepository;
  readonly format: RepositoryFormat;
  readonly maintenance: MaintenanceSchedule | undefined;
  readonly crypto: RepositoryCrypto;
}

/** As the tool prints them (answers/*.json). */
interface Status {
  uniqueIDHex: string;
  contentFormat: {
    hash: string;
    encryption: string;
    ecc?: string;
    eccOverheadPercent?: number;
    version: number;
    maxPackSize: number;
    indexVersion?: number;
    epochParameters: Record<string, number | boolean>;
    enablePasswordChange: boolean;
  };
  objectFormat: { splitter: string };
  blobRetention: { retentionMode?: string; retentionPeriod?: number };
}
interface Maintenance {
  schedule: {
    nextFullMaintenance: string;
    nextQuickMaintenance: string;
    runs: Record<string, { start: string; end: string; success?: boolean; error?: string }[]>;
  };
}
interface Content {
  contentID: string;
  packFile: string;
  packOffset: number;
  length: number;
  originalLength: number;
  compression?: string;
}

const opened: Opened[] = [];
const refused = new Map<string, unknown>();
const small = ({ key }: LoadedObject): boolean => !/(^|\/)[pq][0-9a-f]{32}/.test(key);

beforeAll(async () => {
  for (const name of listFixtures('kopia')) {
    const fixture = await loadFixture(name);
    const store = await fixtureInMemory(
      { ...fixture, objects: fixture.objects.filter(small) },
      systemClock,
    );
    for (const repository of fixture.meta.repositories) {
      try {
        const format = await openFormat(store, repository.prefix, repository.password);
        const maintenance = await readMaintenance(store, format);
        const crypto = await createRepositoryCrypto(format.cryptoSpec);
        opened.push({ name, fixture, repository, format, maintenance, crypto });
      } catch (error) {
        refused.set(name, error);
      }
    }
  }
});

function answers<T>(what: string): (readonly [Opened, T])[] {
  return opened.flatMap((each) =>
    each.repository.readers.slice(0, 1).map((reader) => {
      const answer = each.fixture.answer(reader.answers, what) as T;
      return [each, answer] as const;
    }),
  );
}

describe('of all fixtures', () => {
  test('each opens, but those that Kopia refuses too', () => {
    const codes = [...refused].map(([name, error]) => [name, (error as { code?: string }).code]);
    expect(Object.fromEntries(codes)).toEqual(REFUSED);
    expect(opened.length).toBeGreaterThanOrEqual(37);
  });

  test('the format is what "repository status" says', () => {
    for (const [{ format, name }, status] of answers<Status>('status')) {
      const { contentFormat, objectFormat, blobRetention } = status;
      const { epochParameters: epochs, ecc } = contentFormat;
      const ms = (ns: unknown): number => Number(ns) / 1e6;
      expect(format, name).toMatchObject({
        uniqueId: Buffer.from(status.uniqueIDHex, 'hex').toString('base64'),
        hash: contentFormat.hash,
        encryption: contentFormat.encryption,
        splitter: objectFormat.splitter,
        version: contentFormat.version,
        indexVersion: contentFormat.indexVersion ?? 1,
        maxPackSizeBytes: contentFormat.maxPackSize,
        passwordChangeable: contentFormat.enablePasswordChange,
        epochs: {
          enabled: epochs['Enabled'],
          refreshFrequencyMs: ms(epochs['EpochRefreshFrequency']),
          fullCheckpointEpochs: epochs['FullCheckpointFrequency'],
          cleanupSafetyMarginMs: ms(epochs['CleanupSafetyMargin']),
          minDurationMs: ms(epochs['MinEpochDuration']),
          advanceOnCount: epochs['EpochAdvanceOnCountThreshold'],
          advanceOnSizeBytes: epochs['EpochAdvanceOnTotalSizeBytesThreshold'],
          deleteParallelism: epochs['DeleteParallelism'],
        },
        requiredFeatures: [],
        warnings: [],
      });
      const overheadPercent = contentFormat.eccOverheadPercent;
      expect(format.ecc, name).toEqual(ecc && { algorithm: ecc, overheadPercent });
      const { retentionMode: mode, retentionPeriod } = blobRetention;
      expect(format.retention, name).toEqual(mode && { mode, periodMs: ms(retentionPeriod) });
    }
  });

  test('what only the fixtures know is read as well', () => {
    const of = (name: string) => opened.filter((each) => each.name === `kopia/${name}`);
    const format = (name: string) => of(name).map((each) => each.format)[0];
    expect(format('kdf-pbkdf2')?.keyDerivation).toBe('pbkdf2-sha256-600000');
    expect(format('v3-default')?.keyDerivation).toBe('scrypt-65536-8-1');
    expect(format('v3-default')?.defaultPassword).toBe(false);
    expect(of('velero-like').map((each) => each.format.defaultPassword)).toEqual([true, true]);
    expect(of('velero-like').map((each) => each.format.prefix)).toEqual([
      'kopia/shop/',
      'kopia/crm/',
    ]);
    expect(format('velero-like')?.url).toBe('memory://kopia/velero-like/kopia/shop/');
    expect(format('made-by-0.8.4')?.formatTool).toEqual({
      name: 'https://github.com/kopia/kopia',
      version: '0.8.4',
    });
    expect(of('ecc-50')[0]?.crypto.spec.eccOverheadPercent).toBe(50);
  });

  test('the maintenance schedule is what "maintenance info" says', () => {
    let runs = 0;
    for (const [{ maintenance, name }, { schedule }] of answers<Maintenance>('maintenance')) {
      const times = [schedule.nextFullMaintenance, schedule.nextQuickMaintenance];
      const [full, quick] = times.map((text) =>
        text.startsWith('0001-') ? undefined : new Date(text),
      );
      expect(maintenance?.nextFullMaintenance, name).toEqual(full);
      expect(maintenance?.nextQuickMaintenance, name).toEqual(quick);
      const expected = Object.entries(schedule.runs ?? {}).map(([task, list]) => {
        const rows = list.map(({ start, end, success, error }) => ({
          start: new Date(start),
          end: new Date(end),
          success: success ?? false,
          ...(error && { error }),
        }));
        runs += rows.length;
        return [task, rows];
      });
      expect(maintenance?.runs ?? new Map(), name).toEqual(new Map(expected as []));
    }
    expect(runs).toBeGreaterThan(200);
  });

  test('each blob that is sealed as a whole opens, to bytes that hash to its name', async () => {
    const kinds = new Map<string, number>();
    for (const { fixture, repository, crypto } of opened) {
      for (const { key, bytes } of fixture.objects) {
        const id = key.slice(repository.prefix.length);
        const { kind } = parseBlobName(id);
        if (!key.startsWith(repository.prefix) || !SEALED.has(kind)) continue;
        const plain = await crypto.readBlob(id, bytesBody(await bytes())(), 1024 * 1024);
        const hex = Buffer.from(crypto.hash.digest(plain)).toString('hex');
        expect(id.split('-')[0]).toMatch(new RegExp(`${hex}$`));
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
    }
    // Kopia never wrote a `l` blob here: clean-up logs come only after many compactions.
    const seen = [...SEALED].filter((kind) => kind !== 'compaction-cleanup').sort();
    expect([...kinds.keys()].sort()).toEqual(seen);
  });

  test('each content that is stored as it is opens, to bytes that hash to its id', async () => {
    let count = 0;
    const sets = /\/(ecc-\d+|chacha20|format-1|upgraded-1-to-3|made-by-0.8.4|hash-.*)$/;
    for (const [{ fixture, repository, crypto, name }, list] of answers<Content[]>('contents')) {
      if (!sets.test(name)) continue;
      const packs = new Map<string, Uint8Array>();
      for (const content of list) {
        const key = `${repository.prefix}${content.packFile}`;
        const object = fixture.objects.find((each) => each.key === key);
        if (content.compression || object === undefined) continue;
        const pack = packs.get(key) ?? (await object.bytes());
        packs.set(key, pack);
        const { contentID: id, packOffset, length } = content;
        const stored = pack.subarray(packOffset, packOffset + length);
        const hash = Buffer.from(id.slice(id.length % 2), 'hex');
        const plain = crypto.open(stored, hash);
        expect(plain.length).toBe(content.originalLength);
        expect(hash.equals(crypto.hash.digest(plain))).toBe(true);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(300);
  });
});
